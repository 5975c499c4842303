package model

import "fmt"

// Kind says what a unit of a dimension is.
type Kind int

const (
	Fixed      Kind = iota // hidden size, vocabulary: never cut
	Heads                  // KV groups: a KV head with its query heads
	MLP                    // MLP channels
	QueryHeads             // query heads alone, as many of each KV group
	Whole                  // a layer as a whole
)

// Kinds lists the prunable kinds of a model that is cut by KV groups, in the order of every report.
var Kinds = []Kind{Heads, MLP}

// String is the name used in files: "heads", "mlp", "query_heads", "whole".
func (k Kind) String() string { return [...]string{"fixed", "heads", "mlp", "query_heads", "whole"}[k] }

// Dim is a named dimension of the model with a number of units.
type Dim struct {
	Kind   Kind
	Layer  int // -1 for Fixed
	Units  int
	Groups int // equal runs of units that must lose the same number each: KV groups of query heads; 1 for other prunable ones
	name   string
}

// String is the dimension's name: "hidden", "layers.3.heads".
func (d Dim) String() string {
	if d.Kind == Fixed {
		return d.name
	}
	return fmt.Sprintf("layers.%d.%s", d.Layer, d.Kind)
}

// Axis says along which dimension an axis runs and how many consecutive
// indices of the axis belong to one unit (q_proj: queries per KV head x head
// size; k_proj: head size; down_proj's input: 1).
type Axis struct {
	Dim   Dim
	Width int
}

// Size is the length of the axis.
func (a Axis) Size() int { return a.Dim.Units * a.Width }

// Param is one parameter tensor: row-major, Axes outermost first. Name is the
// Hugging Face name, which is the canonical one everywhere in the program.
type Param struct {
	Name  string
	Role  Role
	Layer int // -1 outside the layers
	Axes  []Axis
}

// Shape is the sizes of the axes.
func (p Param) Shape() []int {
	s := make([]int, len(p.Axes))
	for i, a := range p.Axes {
		s[i] = a.Size()
	}
	return s
}

// Len is the number of scalars.
func (p Param) Len() int {
	n := 1
	for _, a := range p.Axes {
		n *= a.Size()
	}
	return n
}

// Axis returns the index of the axis that runs along d, or -1.
func (p Param) Axis(d Dim) int {
	for i, a := range p.Axes {
		if a.Dim == d {
			return i
		}
	}
	return -1
}

// Projection reports whether p is a matrix of a layer: those that the envelope
// iteration perturbs and moves.
func (p Param) Projection() bool { return p.Layer >= 0 && len(p.Axes) == 2 }

// Prunable reports whether p is a matrix with a prunable axis: the projections
// whose scalars make up the units' scores (biases are cut but do not score).
func (p Param) Prunable() bool {
	if len(p.Axes) != 2 {
		return false
	}
	return p.Axes[0].Dim.Kind != Fixed || p.Axes[1].Dim.Kind != Fixed
}

// Dims lists the prunable dimensions, layer by layer in the order of c.Kinds.
func (c *Config) Dims() []Dim {
	var dims []Dim
	for i := range c.Layers {
		for _, k := range c.Kinds() {
			dims = append(dims, c.Dim(i, k))
		}
	}
	return dims
}

// Dim is the prunable dimension of one layer and kind; the layer as a whole is one unit.
func (c *Config) Dim(layer int, k Kind) Dim {
	l := c.Layers[layer]
	switch k {
	case MLP:
		return Dim{Kind: k, Layer: layer, Units: l.Intermediate, Groups: 1}
	case QueryHeads:
		return Dim{Kind: k, Layer: layer, Units: l.Heads, Groups: l.KVHeads}
	case Whole:
		return Dim{Kind: k, Layer: layer, Units: 1, Groups: 1}
	}
	return Dim{Kind: k, Layer: layer, Units: l.KVHeads, Groups: 1}
}

// UnitParams is n(g), the number of scalars of one unit of d, over all parameters.
func (c *Config) UnitParams(d Dim) int64 {
	var n int64
	for _, p := range c.LayerParams(d.Layer) {
		if d.Kind == Whole {
			n += int64(p.Len())
		} else if i := p.Axis(d); i >= 0 {
			n += int64(p.Len() / d.Units)
		}
	}
	return n
}

// Cut is c with the given number of units left in each prunable dimension; a
// dimension that is not in the map stays whole. Query heads go with their KV head;
// where they are the units, the KV heads stay.
func (c *Config) Cut(left map[Dim]int) *Config {
	layers := make([]Layer, len(c.Layers))
	for i, l := range c.Layers {
		group := l.Group()
		if n, ok := left[c.Dim(i, Heads)]; ok {
			l.KVHeads, l.Heads = n, n*group
		}
		if n, ok := left[c.Dim(i, QueryHeads)]; ok {
			l.Heads = n
		}
		if n, ok := left[c.Dim(i, MLP)]; ok {
			l.Intermediate = n
		}
		layers[i] = l
	}
	return c.WithLayers(layers)
}
