package model

import (
	"fmt"
	"slices"
)

// fusion is several parameters of a layer that a family's files hold as one
// tensor: the rows of roles, one below the other in this order. They stand
// together, in this order, in the family's table.
type fusion struct {
	hf, gguf string // names; %d is the layer
	roles    []Role
}

// Stored is a tensor of a model file: a parameter, or several whose rows stand
// one below the other.
type Stored struct {
	Name   string  // Hugging Face
	GGUF   string  // GGUF
	Params []Param // with the same axes but for the first
}

// Shape is the sizes of the axes: the rows of all parameters, and the columns of each.
func (s Stored) Shape() []int {
	shape := s.Params[0].Shape()
	for _, p := range s.Params[1:] {
		shape[0] += p.Shape()[0]
	}
	return shape
}

// StoredIn lists the tensors of a GGUF file of an architecture, in storage order: Stored if it is
// the family's own, else each parameter by itself under the name it has there.
func (c *Config) StoredIn(arch string) []Stored {
	f, err := familyOf(arch, func(f *Family) []string { return f.GGUFArchs })
	if f == c.Family {
		return c.Stored()
	}
	if err != nil {
		panic("model: " + err.Error())
	}
	return c.unfused(f)
}

// unfused is each parameter by itself, under the GGUF names of f.
func (c *Config) unfused(f *Family) []Stored {
	var list []Stored
	for _, p := range c.Params() {
		list = append(list, Stored{p.Name, f.ggufName(p), []Param{p}})
	}
	return list
}

// Stored lists the tensors of a file of the family, in storage order.
func (c *Config) Stored() []Stored {
	var list []Stored
	for _, s := range c.unfused(c.Family) {
		p := s.Params[0]
		f := c.Family.fusionOf(p.Role)
		switch {
		case f == nil:
			list = append(list, s)
		case f.roles[0] == p.Role:
			list = append(list, Stored{fmt.Sprintf(f.hf, p.Layer), fmt.Sprintf(f.gguf, p.Layer), s.Params})
		default:
			last := &list[len(list)-1]
			last.Params = append(last.Params, p)
		}
	}
	return list
}

// fusionOf is the fusion that holds role, nil where there is none.
func (f *Family) fusionOf(role Role) *fusion {
	i := slices.IndexFunc(f.fused, func(u fusion) bool { return slices.Contains(u.roles, role) })
	if i < 0 {
		return nil
	}
	return &f.fused[i]
}

// Fuses says that the family's files hold several parameters in one tensor.
func (f *Family) Fuses() bool { return f.fused != nil }
