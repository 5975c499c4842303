package tokenizer

import (
	"errors"
	"slices"
	"testing"
)

// Keys of protobuf fields are numbers from 1 to the largest int32, of the wire types that are read.
func TestWireKeys(t *testing.T) {
	for data, want := range map[string][]int{
		"":                             {},
		"\x08\x05":                     {1},
		"\x08\x05\x10\x06":             {1, 2},
		"\xf8\xff\xff\xff\x3f\x00":     {1<<31 - 1},
		"\x80\x80\x80\x80\x40\x00":     nil, // one more
		"\x00\x05":                     nil, // field 0
		"\x02\x00":                     nil,
		"\x08":                         nil, // no value
		"\x0b\x0c":                     nil, // a group
		"\x0d\x00\x00\x00":             nil, // four bytes, of which three are there
		"\x0d\x00\x00\x00\x00":         {1},
		"\x09\x00\x00\x00\x00\x00\x00": nil,
		"\x0a\x02\x01":                 nil,
		"\x0a\x02\x01\x01":             {1},
	} {
		tags := []int{}
		err := fields([]byte(data), func(f field) error { tags = append(tags, f.tag); return nil })
		if want == nil && !errors.Is(err, ErrCorrupt) || want != nil && (err != nil || !slices.Equal(tags, want)) {
			t.Errorf("%q: %v, %v, want %v", data, tags, err, want)
		}
	}
}
