package tokenizer

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What only a tokenizer.json says, against the ids of HF tokenizers 0.23.3, and after a round trip
// through the files written here. interop compares with the library itself on many texts.
func TestVariants(t *testing.T) {
	const llama = `"model": {"type": "BPE", "unk_token": "?", "fuse_unk": false, "vocab": {"?": 0, "▁": 1, "a": 2, "b": 3, "▁a": 4, "a▁": 5, "<0x63>": 6}, "merges": ["a ▁", "▁ a"]}`
	added := func(flags string) string {
		return `{` + jsonLevel + `, "added_tokens": [{"id": 3, "content": "<x>", ` + flags + `}], "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 4}, "merges": ["a b"]}}`
	}
	metaspace := func(settings string) string {
		return `{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", ` + settings + `}, ` + llama + `}`
	}
	for _, c := range []struct {
		json, text string
		want       []int
	}{
		{added(`"lstrip": false`), "a <x> b", []int{0, 4, 3, 4, 1}},
		{added(`"lstrip": true`), "a <x> b", []int{0, 3, 4, 1}},
		{added(`"rstrip": true`), "a <x> \t<x>b", []int{0, 4, 3, 3, 1}},
		{added(`"single_word": true`), "a<x> <x>", []int{0, 4, 3}},
		{strings.Replace(added(`"normalized": true`), `{`, `{"normalizer": {"type": "Lowercase"}, `, 1), "A<X>B", []int{0, 3, 1}},
		{strings.Replace(added(`"normalized": false`), `{`, `{"normalizer": {"type": "Lowercase"}, `, 1), "AB<x>A<X>B", []int{2, 3, 0, 1}},
		{strings.Replace(added(`"normalized": false`), `{`, `{"normalizer": {"type": "Strip", "strip_left": true, "strip_right": false}, `, 1), " ab ", []int{2, 4}},
		{strings.Replace(added(`"normalized": false`), `{`, `{"normalizer": {"type": "Replace", "pattern": {"String": "cc"}, "content": "b"}, `, 1), "acc", []int{2}},
		{metaspace(`"prepend_scheme": "always"`), "a a", []int{4, 4}},
		{metaspace(`"prepend_scheme": "always", "split": false`), "a a", []int{1, 5, 2}},
		{metaspace(`"prepend_scheme": "never"`), "a a", []int{2, 4}},
		{metaspace(`"add_prefix_space": false, "prepend_scheme": "never"`), "a a", []int{2, 4}},
		{metaspace(`"add_prefix_space": false`), "a a", []int{2, 4}}, // of versions that knew no prepend_scheme; this one refuses it
		{metaspace(`"add_prefix_space": true`), "cc a", []int{1, 0, 0, 4}},
		{metaspace(`"prepend_scheme": "first"`), "cc a", []int{1, 0, 0, 4}},
		{`{"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}, ` + llama + `}`, "a a", []int{5, 2}},
	} {
		v, err := parseJSON([]byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		if got := mustNew(t, v).Encode(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s\n%q: %v, want %v", c.json, c.text, got, c.want)
		}
		back := rewritten(t, v)
		if back.Metaspace != v.Metaspace || back.SplitBlanks != v.SplitBlanks || !reflect.DeepEqual(back.Normalizers, v.Normalizers) || !reflect.DeepEqual(back.Added, v.Added) {
			t.Errorf("%s comes back as %+v, want %+v", c.json, back, v)
		}
		if got := mustNew(t, back).Encode(c.text); !slices.Equal(got, c.want) {
			t.Errorf("rewritten %s\n%q: %v, want %v", c.json, c.text, got, c.want)
		}
	}
}

func rewritten(t *testing.T, v *Vocab) *Vocab {
	t.Helper()
	files, err := v.HF()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range files {
		write(t, filepath.Join(dir, name), string(data))
	}
	back, err := FromHF(dir)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// GGUF is refused where llama.cpp would give other ids for ordinary text.
func TestUnsayable(t *testing.T) {
	for name, change := range map[string]func(*Vocab){
		"Lowercase":     func(v *Vocab) { v.Normalizers = []Normalizer{{Type: "NFC"}, {Type: "Lowercase"}} },
		"Metaspace":     func(v *Vocab) { v.SplitBlanks = true; v.add("he"+blank, 0, Normal) },
		"ignore_merges": func(v *Vocab) { v.IgnoreMerges = true },
	} {
		v := small()
		change(v)
		if _, err := v.GGUF(); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The template of the post-processor names BOS and EOS where no configuration does.
func TestTemplate(t *testing.T) {
	v, err := parseJSON([]byte(`{"post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
		"single": [{"SpecialToken": {"id": "b"}}, {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "a"}}]}]}, ` + jsonLevel + `, ` + jsonModel + `}`))
	if err != nil || !v.AddBOS || !v.AddEOS || v.BOS != 1 || v.EOS != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// A vocabulary of runs of one letter has the square of its bytes in ways to split them.
func TestSplitsBounded(t *testing.T) {
	v := &Vocab{Model: "gpt2"}
	for n := range 2000 {
		v.add(strings.Repeat("a", n+1), 0, Normal)
	}
	if _, err := v.splits(func(int) float32 { return 0 }); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}
