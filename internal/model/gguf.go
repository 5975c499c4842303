package model

import "slices"

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
