package transformer

import (
	"math/bits"

	"moreau/internal/model"
)

// Gradients says which gradients a pass computes.
type Gradients int

const (
	NoGradients     Gradients = iota // forward only
	UnitGradients                    // of masks on the units
	LayerWeights                     // of the layers' weights
	SequenceWeights                  // these, and the squares of each sequence's share in those of matrices
)

// PassBytes estimates the memory of one pass over B x T tokens, in bytes:
// residual streams, the activations and weights of the largest layer with the stored
// form of the next, or the
// head with a block of logits, whichever is more. With gradients the stream is
// kept for every layer and the backward activations and layer gradients count.
func PassBytes(cfg *model.Config, B, T int, gradients Gradients) int64 {
	N, C := int64(B*T), int64(cfg.HiddenSize)
	stream := 2 * N * C
	if gradients != NoGradients {
		stream = int64(len(cfg.Layers)+2) * N * C
	}
	var layer int64
	for l := range cfg.Layers {
		floats := layerFloats(cfg, l, N, gradients)
		if gradients == SequenceWeights {
			floats += shareFloats(cfg, l, B)
		}
		layer = max(layer, floats)
	}
	logits := N * int64(vocabBlock(int(N), cfg.VocabSize))
	if cfg.LogitCap > 0 && gradients != NoGradients {
		logits *= 2 // the slope of the cap needs them beside their gradient
	}
	head := int64(cfg.VocabSize)*C + max(logits, int64(cfg.VocabSize)) + 3*N*C
	return 4 * (stream + max(layer, head))
}

// WalkBytes estimates the memory of a walk over B x T tokens in parts of so many: what enters
// and leaves a layer, of all tokens, and a layer or the head at work on a part.
func WalkBytes(cfg *model.Config, B, T, tokens int) int64 {
	part := max(1, min(B, tokens/T))
	streams := 2 * 4 * int64(cfg.HiddenSize) * int64(T)
	return streams*int64(B-part) + PassBytes(cfg, part, T, NoGradients)
}

func layerFloats(cfg *model.Config, l int, N int64, gradients Gradients) int64 {
	s, D, C := cfg.Layers[l], int64(cfg.HeadDim), int64(cfg.HiddenSize)
	q, kv, f := int64(s.Heads)*D, int64(s.KVHeads)*D, int64(s.Intermediate)
	var weights int64
	for _, p := range cfg.LayerParams(l) {
		weights += int64(p.Len())
	}
	floats := 2*weights + actFloats(cfg, l, N) // a layer in use, one being read
	if gradients >= LayerWeights {
		floats += weights
	}
	if gradients != NoGradients {
		attention := 2*q + 2*kv
		if cfg.Has(model.QNorm) {
			attention += q
		}
		var stream int64
		if cfg.Has(model.MLPNorm) {
			stream += C // the gradient of what it, or that before attention, gives
		}
		if cfg.Has(model.PostMLPNorm) || cfg.ResidualScale != 0 {
			stream += C // the gradient of what the MLP, or attention, gives
		}
		floats += N * (stream + max(3*f, attention))
	}
	return floats
}

// shareFloats are the squares of a layer's gradients, and the blocks of B sequences that
// wait in the tree of sums of one.
func shareFloats(cfg *model.Config, l, B int) int64 {
	var squares, largest int64
	for _, p := range cfg.LayerParams(l) {
		if p.Projection() {
			squares, largest = squares+int64(p.Len()), max(largest, int64(p.Len()))
		}
	}
	return squares + int64(bits.Len(uint(B-1)))*largest
}

// actFloats is the number of activations of one layer: what layerActs holds.
func actFloats(cfg *model.Config, l int, N int64) int64 {
	s, D := cfg.Layers[l], int64(cfg.HeadDim)
	heads := 2*int64(s.Heads) + 2*int64(s.KVHeads) // q and its output, k and v
	if cfg.Has(model.QNorm) {
		heads += int64(s.Heads) + int64(s.KVHeads) // q and k before their norms
	}
	streams := int64(1) // after attention
	for _, r := range []model.Role{model.AttnNorm, model.MLPNorm, model.PostAttnNorm, model.PostMLPNorm} {
		if cfg.Has(r) {
			streams++ // what it gives; of those behind attention and MLP, what it sees
		}
	}
	return N * (streams*int64(cfg.HiddenSize) + heads*D + 3*int64(s.Intermediate))
}

// PassFLOPs counts the floating-point operations of the matrix products of one
// pass: 2 per weight and token forward; with gradients 2 each for the second forward,
// the gradient of the stream and, in the layers, that of the weights. Attention
// scores are left out.
func PassFLOPs(cfg *model.Config, tokens int, gradients Gradients) float64 {
	var layers float64
	for l := range cfg.Layers {
		for _, p := range cfg.LayerParams(l) {
			layers += float64(p.Len())
		}
	}
	perLayer := 2.0
	switch {
	case gradients >= LayerWeights:
		perLayer = 8
	case gradients != NoGradients:
		perLayer = 6
	}
	return float64(tokens)*perLayer*layers + HeadFLOPs(cfg, tokens, gradients)
}

// HeadFLOPs is the part of PassFLOPs that is the head's.
func HeadFLOPs(cfg *model.Config, tokens int, gradients Gradients) float64 {
	perHead := 2.0
	if gradients != NoGradients {
		perHead = 6
	}
	return float64(tokens) * perHead * float64(cfg.HeadParam().Len())
}
