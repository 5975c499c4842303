package model

import "fmt"

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
	if !ok || n > mostSize {
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
		if n > mostSize {
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
