package checkpoint

import "reflect"

// The methods below look up one metadata key; ok is false when it is absent or
// of another kind.

// String is a string value.
func (g *GGUF) String(key string) (s string, ok bool) {
	s, ok = g.kv[key].(string)
	return s, ok
}

// Uint is an integer of any width that is not negative.
func (g *GGUF) Uint(key string) (uint64, bool) {
	return asUint(reflect.ValueOf(g.kv[key]))
}

// Float is a float32 or float64.
func (g *GGUF) Float(key string) (float64, bool) {
	return asFloat(reflect.ValueOf(g.kv[key]))
}

// Uints is an array of integers that are not negative, or one such integer: in
// GGUF, a value for all layers may stand for an array of values per layer.
func (g *GGUF) Uints(key string) ([]uint64, bool) {
	v := reflect.ValueOf(g.kv[key])
	if v.Kind() != reflect.Slice {
		one, ok := asUint(v)
		return []uint64{one}, ok
	}
	items := make([]uint64, v.Len())
	for i := range items {
		var ok bool
		if items[i], ok = asUint(v.Index(i)); !ok {
			return nil, false
		}
	}
	return items, true
}

// Flags is an array of booleans, or one such.
func (g *GGUF) Flags(key string) ([]bool, bool) {
	switch v := g.kv[key].(type) {
	case bool:
		return []bool{v}, true
	case []bool:
		return v, true
	}
	return nil, false
}

func asUint(v reflect.Value) (uint64, bool) {
	switch {
	case v.CanUint():
		return v.Uint(), true
	case v.CanInt() && v.Int() >= 0:
		return uint64(v.Int()), true
	}
	return 0, false
}

func asFloat(v reflect.Value) (float64, bool) {
	if !v.CanFloat() {
		return 0, false
	}
	return v.Float(), true
}
