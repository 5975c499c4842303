// Package model describes a decoder: its sizes layer by layer, its parameters,
// and the named dimension along which each axis of each parameter runs. Axes
// with the same prunable dimension are one coupled structure; everything that
// scores, cuts or counts works from that table and knows no architecture.
package model

import (
	"fmt"
	"math"
)

// Config is a model's geometry. Sizes that pruning changes stand per layer.
type Config struct {
	Family       *Family
	VocabSize    int
	HiddenSize   int
	HeadDim      int
	MaxPositions int // context length the model was trained for
	NormEps      float64
	Rope         Rope
	Tied         bool  // lm_head is the embedding
	Optional     Roles // which optional rows of the family's table the model has
	Layers       []Layer
}

// Layer holds the sizes of one decoder layer.
type Layer struct {
	Heads        int // query heads, a multiple of KVHeads
	KVHeads      int // KV groups, the unit of attention pruning
	Intermediate int // MLP channels
	Window       int // how many keys a query sees, its own the last; 0: all
}

// Group is the number of query heads per KV head.
func (l Layer) Group() int { return l.Heads / l.KVHeads }

// Uniform reports whether all layers have the same sizes.
func (c *Config) Uniform() bool {
	for _, l := range c.Layers {
		if l != c.Layers[0] {
			return false
		}
	}
	return true
}

// ParamCount is the exact number of scalar parameters (a tied head counts once).
func (c *Config) ParamCount() int64 {
	var n int64
	for _, p := range c.Params() {
		n += int64(p.Len())
	}
	return n
}

// KVBytes is the size of the KV cache of one token, in bytes at 2 bytes a value.
func (c *Config) KVBytes() int64 {
	var n int64
	for _, l := range c.Layers {
		n += int64(2 * 2 * l.KVHeads * c.HeadDim)
	}
	return n
}

// Validate checks that the sizes make a decoder and stay below hard limits, so
// that nothing later multiplies unchecked numbers from a file.
func (c *Config) Validate() error {
	const most = 1 << 24 // of any single size; products of two stay far below overflow
	if len(c.Layers) == 0 || len(c.Layers) > 4096 {
		return fmt.Errorf("%d layers, want 1 to 4096", len(c.Layers))
	}
	sizes := map[string]int{"vocabulary": c.VocabSize, "hidden size": c.HiddenSize, "head size": c.HeadDim, "context length": c.MaxPositions}
	for _, name := range []string{"vocabulary", "hidden size", "head size", "context length"} {
		if n := sizes[name]; n < 1 || n > most {
			return fmt.Errorf("%s is %d, want 1 to %d", name, n, most)
		}
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("head size is %d, rotary embedding needs an even one", c.HeadDim)
	}
	if !(c.NormEps >= 0 && c.NormEps < 1) {
		return fmt.Errorf("RMSNorm epsilon is %v, want 0 to 1", c.NormEps)
	}
	for i, l := range c.Layers {
		if l.KVHeads < 1 || l.Heads < l.KVHeads || l.Heads%l.KVHeads != 0 || l.Heads*c.HeadDim > most {
			return fmt.Errorf("layer %d has %d query heads and %d KV heads, want a positive multiple", i, l.Heads, l.KVHeads)
		}
		if l.Intermediate < 1 || l.Intermediate > most {
			return fmt.Errorf("layer %d has %d MLP channels, want 1 to %d", i, l.Intermediate, most)
		}
		if l.Window < 0 || l.Window > most {
			return fmt.Errorf("layer %d has a sliding window of %d, want 1 to %d", i, l.Window, most)
		}
	}
	if err := c.phi3Rope(); err != nil {
		return err
	}
	return c.Rope.validate(c.HeadDim)
}

// AttentionScale is what scores are multiplied by: 1/sqrt(head size).
func (c *Config) AttentionScale() float32 { return float32(1 / math.Sqrt(float64(c.HeadDim))) }

// Window is the smallest sliding window of a layer, 0 when every layer sees all keys.
func (c *Config) Window() int {
	least := 0
	for _, l := range c.Layers {
		if l.Window > 0 && (least == 0 || l.Window < least) {
			least = l.Window
		}
	}
	return least
}

// WithLayers is a copy of c with other layer sizes.
func (c *Config) WithLayers(layers []Layer) *Config {
	d := *c
	d.Layers = layers
	return &d
}
