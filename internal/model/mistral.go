package model

// mistral is a Llama whose attention may see a sliding window (Layer.Window).
// Its GGUF files are of architecture llama.
var mistral = Family{
	Name:       "mistral",
	ModelTypes: []string{"mistral", "pruned_mistral"},
	before:     []layout{embeddingRow},
	layer:      []layout{attnNormRow, qRow, kRow, vRow, oRow, mlpNormRow, gateRow, upRow, downRow},
	after:      []layout{finalNormRow, headRow},
	defaults:   func() hfConfig { return hfConfig{SlidingWindow: ptr(4096)} }, // MistralConfig
	fromHF:     slide,
}
