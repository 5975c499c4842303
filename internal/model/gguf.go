package model

import (
	"fmt"
	"slices"
)

// Metadata is the typed view of a GGUF file's keys that FromGGUF needs; every
// method reports whether the key is there with a fitting type.
type Metadata interface {
	String(key string) (string, bool)
	Uint(key string) (uint64, bool)
	Uints(key string) ([]uint64, bool) // an array, or one scalar
	Float(key string) (float64, bool)
	Flags(key string) ([]bool, bool) // an array of booleans, or one
}

// pairedArchs are the architectures of which llama.cpp rotates neighbours
// (llama_model_rope_type: LLAMA_ROPE_TYPE_NORM).
var pairedArchs = []string{"llama", "deci", "granite", "smollm3", "mistral3", "ernie4_5"}

// PairedHeads is how many heads p, of q or k, has whose rows stand with the two halves
// of each rotated pair side by side in files of architecture arch; 0 where rows stand
// as in most Hugging Face models.
func (c *Config) PairedHeads(p Param, arch string) int {
	if !slices.Contains(pairedArchs, arch) {
		return 0
	}
	return c.RotatedHeads(p)
}

// PairsInFolders says whether rows of q and k stand so in Hugging Face folders of the family.
func (f *Family) PairsInFolders() bool { return f.paired }

// RotatedHeads is how many heads p has, if it is of q or k; else 0.
func (c *Config) RotatedHeads(p Param) int {
	switch p.Role {
	case Q, QBias:
		return c.Layers[p.Layer].Heads
	case K, KBias:
		return c.Layers[p.Layer].KVHeads
	}
	return 0
}

// GGUFOffset is what files of c's architecture add to the values of p: norms there hold
// the weights that are multiplied by (llama.cpp, conversion/gemma.py).
func (c *Config) GGUFOffset(p Param) float32 {
	if p.Role.Norm() {
		return c.NormOffset
	}
	return 0
}

// FromGGUF reads the model's sizes from GGUF metadata. has says which tensors the
// file has; vocab is the number of embedding rows.
func FromGGUF(m Metadata, has func(tensor string) bool, vocab int, rope RopeTensors) (*Config, error) {
	arch, _ := m.String("general.architecture")
	family, err := familyOf(arch, func(f *Family) []string { return f.GGUFArchs })
	if err != nil {
		return nil, err
	}
	k := keys{m: m, arch: arch}
	c := &Config{Family: family, VocabSize: vocab, Tied: !has(headRow.gguf), Optional: family.found(has),
		HiddenSize:   k.size("embedding_length"),
		MaxPositions: k.size("context_length"),
		NormEps:      k.float("attention.layer_norm_rms_epsilon"),
	}
	c.Layers = k.layers()
	if k.err != nil {
		return nil, k.err
	}
	c.HeadDim = k.sizeOr("attention.key_length", c.HiddenSize/max(1, c.Layers[0].Heads))
	c.inherit()
	c.turn(k.rotary(c))
	if c.Rope, err = k.rope(c, rope); err != nil {
		return nil, err
	}
	if family.fromGGUF != nil {
		family.fromGGUF(&k, c)
	}
	if k.err != nil {
		return nil, k.err
	}
	return c, c.Validate()
}

// keys reads required keys of one architecture and remembers the first error.
type keys struct {
	m    Metadata
	arch string
	err  error
}

func (k *keys) fail(key, what string) {
	if k.err == nil {
		k.err = fmt.Errorf("key %s.%s %s", k.arch, key, what)
	}
}

func (k *keys) size(key string) int {
	n, ok := k.m.Uint(k.arch + "." + key)
	if !ok || n > most {
		k.fail(key, "is missing or no size")
		return 0
	}
	return int(n)
}

// sizeOr is size where the key is there.
func (k *keys) sizeOr(key string, absent int) int {
	if _, ok := k.m.Uint(k.arch + "." + key); !ok {
		return absent
	}
	return k.size(key)
}

// floatOr is a number that may be absent.
func (k *keys) floatOr(key string, absent float64) float64 {
	if f, ok := k.m.Float(k.arch + "." + key); ok {
		return f
	}
	return absent
}

func (k *keys) float(key string) float64 {
	f, ok := k.m.Float(k.arch + "." + key)
	if !ok {
		k.fail(key, "is missing or no number")
	}
	return f
}

// perLayer reads a scalar or an array of one entry a layer.
func (k *keys) perLayer(key string, layers int) []int {
	out := make([]int, layers)
	v, ok := k.m.Uints(k.arch + "." + key)
	if !ok || (len(v) != 1 && len(v) != layers) {
		k.fail(key, fmt.Sprintf("is missing or not one number or %d", layers))
		return out
	}
	for i := range out {
		n := v[min(i, len(v)-1)]
		if n > most {
			k.fail(key, "is too large")
			return out
		}
		out[i] = int(n)
	}
	return out
}

func (k *keys) layers() []Layer {
	n := k.size("block_count")
	if n < 1 || n > mostLayers {
		k.fail("block_count", fmt.Sprintf("must be 1 to %d", mostLayers))
		return nil
	}
	heads := k.perLayer("attention.head_count", n)
	kv := heads
	if _, ok := k.m.Uints(k.arch + ".attention.head_count_kv"); ok {
		kv = k.perLayer("attention.head_count_kv", n)
	}
	ff := k.perLayer("feed_forward_length", n)
	layers := make([]Layer, n)
	for i := range layers {
		layers[i] = Layer{Heads: heads[i], KVHeads: kv[i], Intermediate: ff[i]}
	}
	return layers
}

// windowPattern says which of so many layers have a sliding window: a flag a layer, or all
// but every n-th, n being absent where no key says.
func (k *keys) windowPattern(layers, absent int) []bool {
	const key = "attention.sliding_window_pattern"
	slides, ok := k.m.Flags(k.arch + "." + key)
	if !ok {
		n := k.sizeOr(key, absent)
		for i := range layers {
			slides = append(slides, n == 0 || (i+1)%n != 0)
		}
	}
	if len(slides) != layers {
		k.fail(key, fmt.Sprintf("has %d entries, the model %d layers", len(slides), layers))
		return make([]bool, layers)
	}
	return slides
}

// rotary is how many components of a head turn.
func (k *keys) rotary(c *Config) int {
	const key = "rope.dimension_count"
	n := k.sizeOr(key, c.HeadDim)
	if n != c.HeadDim && !c.Family.partialRotary {
		k.fail(key, fmt.Sprintf("is %d, only the head size %d is supported", n, c.HeadDim))
	}
	return n
}
