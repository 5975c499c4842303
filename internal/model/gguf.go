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
}

// PairedHeads is how many heads p, of q or k, has whose rows stand with the two halves
// of each rotated pair side by side in files of architecture arch; 0 where rows stand
// as in Hugging Face models.
func (c *Config) PairedHeads(p Param, arch string) int {
	if !slices.Contains(llama.GGUFArchs, arch) {
		return 0
	}
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
	if err := k.rotatesWholeHead(c.HeadDim); err != nil {
		return nil, err
	}
	c.inherit()
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

func (k *keys) rotatesWholeHead(headDim int) error {
	if n, ok := k.m.Uint(k.arch + ".rope.dimension_count"); ok && n != uint64(headDim) {
		return fmt.Errorf("key %s.rope.dimension_count is %d, only the head size %d is supported", k.arch, n, headDim)
	}
	return nil
}
