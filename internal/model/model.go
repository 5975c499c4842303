// Package model describes a decoder: its sizes layer by layer, its parameters,
// and the named dimension along which each axis of each parameter runs. Axes
// with the same prunable dimension are one coupled structure; everything that
// scores, cuts or counts works from that table and knows no architecture.
package model

import "fmt"

// Config is a model's geometry. Sizes that pruning changes stand per layer.
type Config struct {
	Family       *Family
	VocabSize    int
	HiddenSize   int
	HeadDim      int
	MaxPositions int // context length the model was trained for
	NormEps      float64
	Tied         bool  // lm_head is the embedding
	Optional     Roles // which optional rows of the family's table the model has
	QueryHeads   bool  // attention is cut by query heads, not by KV groups (see ByQueryHead)
	Layers       []Layer

	Math // what is computed otherwise than in a Llama
}

// Layer holds the sizes of one decoder layer.
type Layer struct {
	Heads        int // query heads, a multiple of KVHeads
	KVHeads      int // KV groups, unless query heads are chosen the unit of attention pruning
	Intermediate int // MLP channels
	Window       int // how many keys a query sees, its own the last; 0: all
	Positions    Positions
}

// Group is the number of query heads per KV head.
func (l Layer) Group() int { return l.Heads / l.KVHeads }

// Uniform reports whether all layers have the same sizes; their windows and positions may differ.
func (c *Config) Uniform() bool {
	for _, l := range c.Layers {
		l.Window, l.Positions = c.Layers[0].Window, c.Layers[0].Positions
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

// Limits of any single size, so that products of two stay far below overflow, and of the layers.
const (
	mostSize   = 1 << 24
	mostLayers = 4096
)

// Validate checks that the sizes make a decoder and stay below hard limits, so
// that nothing later multiplies unchecked numbers from a file.
func (c *Config) Validate() error {
	if len(c.Layers) == 0 || len(c.Layers) > mostLayers {
		return fmt.Errorf("%d layers, want 1 to %d", len(c.Layers), mostLayers)
	}
	for _, size := range []struct {
		name string
		n    int
	}{{"vocabulary", c.VocabSize}, {"hidden size", c.HiddenSize}, {"head size", c.HeadDim}, {"context length", c.MaxPositions}} {
		if size.n < 1 || size.n > mostSize {
			return fmt.Errorf("%s is %d, want 1 to %d", size.name, size.n, mostSize)
		}
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("head size is %d, rotary embedding needs an even one", c.HeadDim)
	}
	if !(c.NormEps >= 0 && c.NormEps < 1) {
		return fmt.Errorf("RMSNorm epsilon is %v, want 0 to 1", c.NormEps)
	}
	for i, l := range c.Layers {
		if err := l.validate(c.HeadDim); err != nil {
			return fmt.Errorf("layer %d has %w", i, err)
		}
	}
	if n := c.layerValues(); n > 1<<56 {
		return fmt.Errorf("the layers have %d parameters, want at most 2^56", n)
	}
	return c.validateMath()
}

func (l Layer) validate(headDim int) error {
	switch {
	case l.KVHeads < 1 || l.Heads < l.KVHeads || l.Heads%l.KVHeads != 0 || l.Heads > mostSize || l.Heads*headDim > mostSize:
		return fmt.Errorf("%d query heads and %d KV heads, want a positive multiple", l.Heads, l.KVHeads)
	case l.Intermediate < 1 || l.Intermediate > mostSize:
		return fmt.Errorf("%d MLP channels, want 1 to %d", l.Intermediate, mostSize)
	case l.Window < 0 || l.Window > mostSize:
		return fmt.Errorf("a sliding window of %d, want 1 to %d", l.Window, mostSize)
	}
	return nil
}

// layerValues is the size of the layers' matrices, by which the bytes of a model are
// known not to overflow: sizes within the limits make less than 2^63.
func (c *Config) layerValues() int64 {
	var rows int64
	for _, l := range c.Layers {
		rows += int64(2*(l.Heads+l.KVHeads)*c.HeadDim + 3*l.Intermediate)
	}
	return rows * int64(c.HiddenSize)
}

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
