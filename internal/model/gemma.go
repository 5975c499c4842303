package model

// gemma covers Gemma 1: GELU gates the MLP, norms multiply by 1 + w, the embedding's
// rows enter the model times the root of the hidden size and are the head as they are.
var gemma = Family{
	Name:       "gemma",
	ModelTypes: []string{"gemma", "pruned_gemma"},
	GGUFArchs:  []string{"gemma"},
	layer:      plainLayer,
	tied:       true,

	math:           Math{Activation: GELU, NormOffset: 1},
	scaleEmbedding: true,
	defaults:       gemmaDefaults,
}

// gemmaDefaults are those of GemmaConfig and Gemma2Config, whose files leave them out.
func gemmaDefaults() hfConfig {
	return hfConfig{HeadDim: new(256), MaxPositions: 8192, Tied: true}
}
