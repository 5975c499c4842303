package model

import (
	"fmt"
	"slices"
	"strings"
)

// Role names what a parameter does in the decoder.
type Role int

const (
	Embedding Role = iota
	AttnNorm
	Q
	K
	V
	O
	MLPNorm
	Gate
	Up
	Down
	FinalNorm
	Head
)

// layout is one row of a family's parameter table.
type layout struct {
	role Role
	hf   string // Hugging Face name; %d is the layer
	gguf string // GGUF name
	axes func(c *Config, layer int) []Axis
}

// Family is the parameter table of one architecture, in storage order.
type Family struct {
	Name       string
	ModelTypes []string // config.json model_type
	GGUFArchs  []string // general.architecture

	before, layer, after []layout
}

// Families is every architecture the program knows.
var Families = []*Family{&llama}

// familyOf finds the family that lists name, or says what is known.
func familyOf(name string, names func(*Family) []string) (*Family, error) {
	var known []string
	for _, f := range Families {
		if slices.Contains(names(f), name) {
			return f, nil
		}
		known = append(known, names(f)...)
	}
	return nil, fmt.Errorf("architecture %q is not supported, known are %s", name, strings.Join(known, ", "))
}

// GGUFName is the name of p in a GGUF file.
func (f *Family) GGUFName(p Param) string {
	for _, table := range [][]layout{f.before, f.layer, f.after} {
		for _, y := range table {
			if y.role == p.Role {
				return y.layerName(y.gguf, p.Layer)
			}
		}
	}
	panic("model: no GGUF name for " + p.Name)
}

func (y layout) layerName(format string, layer int) string {
	if layer < 0 {
		return format
	}
	return fmt.Sprintf(format, layer)
}

func (y layout) param(c *Config, layer int) Param {
	return Param{Name: y.layerName(y.hf, layer), Role: y.role, Layer: layer, Axes: y.axes(c, layer)}
}

// Params lists every parameter in storage order. With tied embeddings there is no Head.
func (c *Config) Params() []Param {
	var ps []Param
	for _, y := range c.Family.before {
		ps = append(ps, y.param(c, -1))
	}
	for l := range c.Layers {
		ps = append(ps, c.LayerParams(l)...)
	}
	for _, y := range c.Family.after {
		if y.role == Head && c.Tied {
			continue
		}
		ps = append(ps, y.param(c, -1))
	}
	return ps
}

// LayerParams lists the parameters of one layer in storage order.
func (c *Config) LayerParams(layer int) []Param {
	ps := make([]Param, len(c.Family.layer))
	for i, y := range c.Family.layer {
		ps[i] = y.param(c, layer)
	}
	return ps
}

// HeadParam is the output projection: lm_head, or the embedding when tied.
func (c *Config) HeadParam() Param {
	ps := c.Params()
	if c.Tied {
		return ps[0]
	}
	return ps[len(ps)-1]
}
