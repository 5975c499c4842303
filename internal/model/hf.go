package model

import (
	"encoding/json"
	"fmt"
	"strings"
)

// hfConfig is what is read of a Hugging Face config.json.
type hfConfig struct {
	ModelType         string   `json:"model_type"`
	VocabSize         int      `json:"vocab_size"`
	HiddenSize        int      `json:"hidden_size"`
	IntermediateSize  int      `json:"intermediate_size"`
	NumLayers         int      `json:"num_hidden_layers"`
	NumHeads          int      `json:"num_attention_heads"`
	NumKVHeads        *int     `json:"num_key_value_heads"`
	HeadDim           *int     `json:"head_dim"`
	MaxPositions      int      `json:"max_position_embeddings"`
	OriginalPositions float64  `json:"original_max_position_embeddings"` // goes before rope_scaling's; Phi-3's place for it
	NormEps           *float64 `json:"rms_norm_eps"`
	HiddenAct         string   `json:"hidden_act"`
	HiddenActivation  string   `json:"hidden_activation"` // Gemma's name of it
	Tied              bool     `json:"tie_word_embeddings"`
	AttentionBias     bool     `json:"attention_bias"`
	MLPBias           bool     `json:"mlp_bias"`
	OutBias           bool     `json:"attention_out_bias"` // of Seed-OSS: that of o
	UseBias           bool     `json:"use_bias"`           // of ERNIE: all
	SlidingWindow     *int     `json:"sliding_window"`
	UseSlidingWindow  bool     `json:"use_sliding_window"`
	MaxWindowLayers   int      `json:"max_window_layers"`      // of Qwen: the first layers, which see all keys
	WindowPattern     int      `json:"sliding_window_pattern"` // of Gemma 3: every how many layers one sees all keys
	LayerTypes        []string `json:"layer_types"`
	RopeLayers        []int    `json:"no_rope_layers"` // of SmolLM3: 0 in layers without positions
	NoRopeInterval    int      `json:"no_rope_layer_interval"`
	Bidirectional     bool     `json:"use_bidirectional_attention"`
	QueryScalar       int      `json:"query_pre_attn_scalar"`
	ScoreCap          *float32 `json:"attn_logit_softcapping"`
	LogitCap          *float32 `json:"final_logit_softcapping"`
	EmbeddingFactor   float64  `json:"embedding_multiplier"` // this and the next three are Granite's
	ResidualFactor    float64  `json:"residual_multiplier"`
	ScoreFactor       float64  `json:"attention_multiplier"`
	LogitDivisor      float64  `json:"logits_scaling"`
	RopeTheta         *float64 `json:"rope_theta"`
	LocalTheta        *float64 `json:"rope_local_base_freq"`
	PartialRotary     *float64 `json:"partial_rotary_factor"`
	RopeScaling       *hfRope  `json:"rope_scaling"`
	RopeParameters    *hfRope  `json:"rope_parameters"`

	// Own fields of the model types pruned_*.
	HeadsPerLayer        []int `json:"num_attention_heads_per_layer"`
	KVHeadsPerLayer      []int `json:"num_key_value_heads_per_layer"`
	IntermediatePerLayer []int `json:"intermediate_size_per_layer"`
}

// FromHF reads a Hugging Face config.json. Defaults of absent fields are those
// of transformers' configurations of the family. Of a model that sees pictures too, it is the text part's.
func FromHF(data []byte) (*Config, error) {
	data, err := textPart(data)
	if err != nil {
		return nil, err
	}
	h, family, err := parseHF(data)
	if err != nil {
		return nil, err
	}
	if err := h.supported(family); err != nil {
		return nil, err
	}
	c := &Config{Family: family, VocabSize: h.VocabSize, HiddenSize: h.HiddenSize, HeadDim: h.headDim(),
		MaxPositions: h.MaxPositions, NormEps: 1e-6, Tied: h.Tied, Optional: h.optional()}
	if h.NormEps != nil {
		c.NormEps = *h.NormEps
	}
	if c.MaxPositions == 0 {
		c.MaxPositions = 2048
	}
	c.inherit()
	c.Rope = h.rope(family, c.MaxPositions)
	c.turn(int(h.rotaryShare() * float64(c.HeadDim)))
	if c.Layers, err = h.layers(); err != nil {
		return nil, err
	}
	if family.fromHF != nil {
		if err := family.fromHF(h, c); err != nil {
			return nil, err
		}
	}
	return c, c.Validate()
}

// parseHF reads the fields over the family's defaults; null says that a value is none.
func parseHF(data []byte) (*hfConfig, *Family, error) {
	var h hfConfig
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, nil, fmt.Errorf("not a model configuration: %w", err)
	}
	family, err := familyOf(h.ModelType, func(f *Family) []string { return f.ModelTypes })
	if err != nil || family.defaults == nil {
		return &h, family, err
	}
	h = family.defaults()
	return &h, family, json.Unmarshal(data, &h)
}

// supported refuses what would silently compute something else.
func (h *hfConfig) supported(f *Family) error {
	for _, name := range []string{h.HiddenAct, h.HiddenActivation} {
		if !f.activates(name) {
			return fmt.Errorf("hidden_act %q is not supported for %s, known is %s", name, h.ModelType, f.math.Activation)
		}
	}
	switch {
	case f.tied && !h.Tied:
		return fmt.Errorf("tie_word_embeddings false is not supported for %s, whose head is always the embedding", h.ModelType)
	case h.Bidirectional:
		return fmt.Errorf("use_bidirectional_attention is not supported, only causal attention is")
	case (h.AttentionBias || h.MLPBias) && f.optional == 0:
		return fmt.Errorf("attention_bias and mlp_bias are not supported for %s", h.ModelType)
	case h.UseSlidingWindow && !f.useWindow:
		return fmt.Errorf("use_sliding_window is not supported for %s, only false is", h.ModelType)
	}
	if share := h.rotaryShare(); share != 1 && !f.partialRotary {
		return fmt.Errorf("partial_rotary_factor %g is not supported for %s, only 1 is: all of a head is rotated", share, h.ModelType)
	} else if !(share > 0 && share <= 1) {
		return fmt.Errorf("partial_rotary_factor is %g, want more than 0 to 1", share)
	}
	return nil
}

// activates says whether name means the family's activation. The first files of Gemma
// say gelu and mean the approximation (transformers, GemmaConfig).
func (f *Family) activates(name string) bool {
	return name == "" || name == f.math.Activation.String() || name == "gelu" && f.math.Activation == GELU
}

// optional is the biases that a Llama may have.
func (h *hfConfig) optional() (s Roles) {
	if h.AttentionBias {
		s |= RolesOf(QBias, KBias, VBias, OBias)
	}
	if h.MLPBias {
		s |= RolesOf(GateBias, UpBias, DownBias)
	}
	return s
}

func (h *hfConfig) headDim() int {
	switch {
	case h.HeadDim != nil:
		return *h.HeadDim
	case h.NumHeads > 0:
		return h.HiddenSize / h.NumHeads
	}
	return 0
}

func (h *hfConfig) layers() ([]Layer, error) {
	if h.NumLayers < 1 || h.NumLayers > mostLayers {
		return nil, fmt.Errorf("num_hidden_layers is %d, want 1 to %d", h.NumLayers, mostLayers)
	}
	kv := h.NumHeads
	if h.NumKVHeads != nil {
		kv = *h.NumKVHeads
	}
	layers := make([]Layer, h.NumLayers)
	for i := range layers {
		layers[i] = Layer{Heads: h.NumHeads, KVHeads: kv, Intermediate: h.IntermediateSize}
	}
	if !strings.HasPrefix(h.ModelType, "pruned_") {
		return layers, nil
	}
	if len(h.HeadsPerLayer) != h.NumLayers || len(h.KVHeadsPerLayer) != h.NumLayers || len(h.IntermediatePerLayer) != h.NumLayers {
		return nil, fmt.Errorf("the per-layer lists of a %s must have %d entries each", h.ModelType, h.NumLayers)
	}
	for i := range layers {
		layers[i] = Layer{Heads: h.HeadsPerLayer[i], KVHeads: h.KVHeadsPerLayer[i], Intermediate: h.IntermediatePerLayer[i]}
	}
	return layers, nil
}
