package model

import (
	"fmt"
	"math"
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

	QNorm // RMSNorm of each query head, over the head size
	KNorm
	QBias
	KBias
	VBias
	OBias
	GateBias
	UpBias
	DownBias

	PostAttnNorm // RMSNorm of what attention adds to the residual stream
	PostMLPNorm  // of what the MLP adds
)

// Norm says whether the parameter is the weight of an RMSNorm.
func (r Role) Norm() bool { return norms.Has(r) }

var norms = RolesOf(AttnNorm, MLPNorm, FinalNorm, QNorm, KNorm, PostAttnNorm, PostMLPNorm)

// Roles is a set of roles.
type Roles uint64

// Biases are the roles of all biases.
var Biases = RolesOf(QBias, KBias, VBias, OBias, GateBias, UpBias, DownBias)

// RolesOf is the set of these.
func RolesOf(roles ...Role) (s Roles) {
	for _, r := range roles {
		s |= 1 << r
	}
	return s
}

// Has says whether r is in the set.
func (s Roles) Has(r Role) bool { return s>>r&1 == 1 }

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
	optional             Roles    // rows of the table that only some models have: those in Config.Optional
	fused                []fusion // parameters that its files hold as one tensor

	// What all models of the family compute otherwise than a Llama.
	activation     Activation
	normOffset     float32
	scaleEmbedding bool // by the root of the hidden size

	defaults func() hfConfig                    // fields of config.json that are not 0 where it lacks them; nil: none
	fromHF   func(h *hfConfig, c *Config) error // reads the fields that other families lack; nil: none
	fromGGUF func(k *keys, c *Config)           // reads such keys; nil: none
}

// Families is every architecture the program knows.
var Families = []*Family{&llama, &mistral, &qwen2, &qwen3, &phi3, &gemma, &gemma2}

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

// tied says whether all models of the family have the embedding for a head.
func (f *Family) tied() bool {
	return !slices.ContainsFunc(f.after, func(y layout) bool { return y.role == Head })
}

// mark gives c what all models of its family compute.
func (c *Config) mark() {
	f := c.Family
	c.Activation, c.NormOffset = f.activation, f.normOffset
	c.Tied = c.Tied || f.tied()
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

// GGUFName is the name of p in a GGUF file that holds it by itself.
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

// Has says whether the layers of c have a parameter of that role.
func (c *Config) Has(r Role) bool {
	for _, y := range c.Family.layer {
		if y.role == r {
			return !c.Family.optional.Has(r) || c.Optional.Has(r)
		}
	}
	return false
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
