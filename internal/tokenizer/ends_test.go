package tokenizer

import (
	"path/filepath"
	"slices"
	"testing"
)

// EOS, what the files name, and what names say, in that order; a GGUF file carries an end that no name tells.
func TestEnds(t *testing.T) {
	v := small() // EOS is 2, </s>
	v.add("<|im_end|>", 0, Control)
	v.add("<|end|>", 0, Normal) // a text
	v.add("<stop>", 0, Control)
	im, stop := len(v.Tokens)-3, len(v.Tokens)-1
	if got := v.Ends(); !slices.Equal(got, []int{2, im}) {
		t.Errorf("by name: %v", got)
	}
	files, err := v.HF()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		generation, config string
		want               []int
	}{
		"none":      {`{}`, `{}`, []int{2, im}},
		"one":       {`{"eos_token_id": 271}`, `{"eos_token_id": 2}`, []int{2, im}},
		"list":      {`{"eos_token_id": [2, 272]}`, `{}`, []int{2, stop, im}},
		"config":    {`{"eos_token_id": 2}`, `{"eos_token_id": [272, 2]}`, []int{2, stop, im}},
		"too large": {`{"eos_token_id": [2, 100000, -1]}`, `{"eos_token_id": "x"}`, []int{2, im}},
	} {
		dir := t.TempDir()
		for file, data := range files {
			write(t, filepath.Join(dir, file), string(data))
		}
		write(t, filepath.Join(dir, "generation_config.json"), c.generation)
		write(t, filepath.Join(dir, "config.json"), c.config)
		back, err := FromHF(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(c.want)
		if name == "one" {
			want = []int{2, im + 1, im} // a text, but named
		}
		if got := back.Ends(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		kv := map[string]any{}
		for _, e := range mustGGUF(t, back) {
			kv[e.Key] = e.Value
		}
		again, err := FromGGUF(kv)
		if err != nil || !slices.Equal(again.Ends(), want) {
			t.Errorf("%s: %v from GGUF, want %v; %v", name, again.Ends(), want, err)
		}
	}
}
