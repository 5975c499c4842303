package model

// mistral is a Llama whose attention may see a sliding window (Layer.Window).
// Its GGUF files are of architecture llama.
var mistral = Family{
	Name:       "mistral",
	ModelTypes: []string{"mistral", "pruned_mistral"},
	layer:      plainLayer,
	useWindow:  true,                                                          // and means nothing
	defaults:   func() hfConfig { return hfConfig{SlidingWindow: new(4096)} }, // MistralConfig
	fromHF:     slide,
}
