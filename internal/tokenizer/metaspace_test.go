package tokenizer

import (
	"fmt"
	"slices"
	"testing"
)

// Where a blank is put before text beside added tokens, <x> found in the normalised text and
// <r> in the text as it is: ids of HF tokenizers 0.23.3 (Tokenizer.from_str, encode without
// special tokens). With scheme "first" only what begins the whole text gets one.
func TestMetaspaceBesideTokens(t *testing.T) {
	texts := []string{"a a", "<x>a", "<r>a", "a<x>a", "a<r>a", "<x> a", " a<x>a", "<r><x>a", "<x><r>a", "a<r>a<x>a", "a <x>a"}
	for _, c := range []struct {
		scheme string
		split  bool
		want   [][]int
	}{
		{"first", true, [][]int{{4, 4}, {7, 2}, {8, 2}, {4, 7, 2}, {4, 8, 2}, {7, 4}, {4, 7, 2}, {8, 7, 2}, {7, 8, 2}, {4, 8, 2, 7, 2}, {4, 1, 7, 2}}},
		{"first", false, [][]int{{1, 5, 2}, {7, 2}, {8, 2}, {4, 7, 2}, {4, 8, 2}, {7, 4}, {4, 7, 2}, {8, 7, 2}, {7, 8, 2}, {4, 8, 2, 7, 2}, {1, 5, 7, 2}}},
		{"always", true, [][]int{{4, 4}, {7, 4}, {8, 4}, {4, 7, 4}, {4, 8, 4}, {7, 4}, {4, 7, 4}, {8, 7, 4}, {7, 8, 4}, {4, 8, 4, 7, 4}, {4, 1, 7, 4}}},
		{"always", false, [][]int{{1, 5, 2}, {7, 4}, {8, 4}, {4, 7, 4}, {4, 8, 4}, {7, 4}, {4, 7, 4}, {8, 7, 4}, {7, 8, 4}, {4, 8, 4, 7, 4}, {1, 5, 7, 4}}},
		{"never", true, [][]int{{2, 4}, {7, 2}, {8, 2}, {2, 7, 2}, {2, 8, 2}, {7, 4}, {4, 7, 2}, {8, 7, 2}, {7, 8, 2}, {2, 8, 2, 7, 2}, {2, 1, 7, 2}}},
		{"never", false, [][]int{{5, 2}, {7, 2}, {8, 2}, {2, 7, 2}, {2, 8, 2}, {7, 4}, {4, 7, 2}, {8, 7, 2}, {7, 8, 2}, {2, 8, 2, 7, 2}, {5, 7, 2}}},
	} {
		v, err := parseJSON(fmt.Appendf(nil, `{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": %q, "split": %t},
			"added_tokens": [{"id": 7, "content": "<x>", "normalized": true}, {"id": 8, "content": "<r>", "normalized": false}],
			"model": {"type": "BPE", "unk_token": "?", "fuse_unk": false, "vocab": {"?": 0, "▁": 1, "a": 2, "b": 3, "▁a": 4, "a▁": 5, "<0x63>": 6}, "merges": ["a ▁", "▁ a"]}}`, c.scheme, c.split))
		if err != nil {
			t.Fatal(err)
		}
		tok := mustNew(t, v)
		for i, text := range texts {
			if got := tok.Encode(text); !slices.Equal(got, c.want[i]) {
				t.Errorf("%s, split %t, %q: %v, want %v", c.scheme, c.split, text, got, c.want[i])
			}
		}
	}
}
