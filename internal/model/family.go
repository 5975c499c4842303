package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// layout is one row of a family's parameter table.
type layout struct {
	role Role
	hf   string // Hugging Face name; %d is the layer
	gguf string // GGUF name
	axes func(c *Config, layer int) []Axis
}

// Family is the parameter table of one architecture. In storage order the embedding comes
// first, then the layers, the last norm and the head.
type Family struct {
	Name       string
	ModelTypes []string // config.json model_type
	GGUFArchs  []string // general.architecture

	layer    []layout // of each layer, in storage order
	optional Roles    // rows of the table that only some models have: those in Config.Optional
	fused    []fusion // parameters that its files hold as one tensor
	tied     bool     // all models of the family have the embedding for a head
	paired   bool     // rows of q and k stand in its folders with the halves of each rotated pair side by side

	math           Math // of all models of the family; what the files say is read over it
	scaleEmbedding bool // by the root of the hidden size
	partialRotary  bool // of a head, only a part may turn
	useWindow      bool // use_sliding_window may be true
	longRope       bool // LongRoPE is the one scaling of RoPE; old files call it su or yarn

	defaults func() hfConfig                    // fields of config.json that are not 0 where it lacks them, new each time, since reading writes through pointers; nil: none
	fromHF   func(h *hfConfig, c *Config) error // reads the fields that other families lack; nil: none
	fromGGUF func(k *keys, c *Config)           // reads such keys; nil: none
}

// Families is every architecture the program knows.
var Families = []*Family{&llama, &mistral, &qwen2, &qwen3, &phi3, &gemma, &gemma2, &gemma3, &granite, &smollm3, &seedOss, &ernie45, &olmo2, &olmo3, &ministral3}

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

// inherit gives c what all models of its family compute.
func (c *Config) inherit() {
	f := c.Family
	c.Math = f.math
	c.Tied = c.Tied || f.tied
	if f.scaleEmbedding {
		c.EmbeddingScale = float32(math.Sqrt(float64(c.HiddenSize)))
	}
}

// found is the optional rows of the table that the first layer of a file has, by GGUF name.
func (f *Family) found(has func(name string) bool) (s Roles) {
	for _, y := range f.layer {
		if f.optional.Has(y.role) && has(y.layerName(y.gguf, 0)) {
			s |= RolesOf(y.role)
		}
	}
	return s
}

// ggufName is the name of p in a GGUF file that holds it by itself.
func (f *Family) ggufName(p Param) string {
	for _, y := range slices.Concat(f.layer, []layout{embeddingRow, finalNormRow, headRow}) {
		if y.role == p.Role {
			return y.layerName(y.gguf, p.Layer)
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
	ps := []Param{embeddingRow.param(c, -1)}
	for l := range c.Layers {
		ps = append(ps, c.LayerParams(l)...)
	}
	ps = append(ps, finalNormRow.param(c, -1))
	if c.Tied {
		return ps
	}
	return append(ps, headRow.param(c, -1))
}

// Has says whether the layers of c have a parameter of that role.
func (c *Config) Has(r Role) bool {
	for _, y := range c.Family.layer {
		if y.role == r {
			return !c.Family.optional.Has(r) || c.Optional.Has(r)
		}
	}
	return false
}

// WithBiases is c with biases of these roles besides its own; an error names one that its family has no place for.
func (c *Config) WithBiases(roles Roles) (*Config, error) {
	with := *c
	with.Optional |= roles & c.Family.optional
	if lacks := roles &^ with.Biases(); lacks != 0 {
		return nil, fmt.Errorf("a %s has no bias of %s", c.Family.Name, strings.Join(lacks.Biased(), ", "))
	}
	return &with, nil
}

// Biases is the roles of the biases that the layers of c have.
func (c *Config) Biases() (s Roles) {
	for _, y := range c.Family.layer {
		if Biases.Has(y.role) && c.Has(y.role) {
			s |= RolesOf(y.role)
		}
	}
	return s
}

// LayerParams lists the parameters of one layer in storage order.
func (c *Config) LayerParams(layer int) []Param {
	var ps []Param
	for _, y := range c.Family.layer {
		if c.Has(y.role) {
			ps = append(ps, y.param(c, layer))
		}
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
