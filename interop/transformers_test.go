package interop

import "testing"

func TestTransformers(t *testing.T) {
	hf := needHF(t)
	ids := writeJSON(t, hfRows)
	eachCase(t, func(t *testing.T, c int, gguf, folder string) {
		got := hf.check(t, folder, cases[c].remote, !cases[c].large)
		if got.Class != cases[c].class {
			t.Errorf("class %s, want %s", got.Class, cases[c].class)
		}
		if got.Tokens != nil {
			compareTokens(t, got.Tokens, folder)
		}
		reference := gguf
		if cases[c].arch == "" || cases[c].window > 0 {
			reference = folder // the file does not compute it, or not as far
		}
		compare(t, got.logits, moreauLogits(t, reference, ids), f32Diff)
	})
}
