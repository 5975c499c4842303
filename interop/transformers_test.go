package interop

import "testing"

func TestTransformers(t *testing.T) {
	hf := needHF(t)
	ids := writeJSON(t, hfRows)
	eachCase(t, func(t *testing.T, c modelCase, gguf, folder string) {
		got := hf.check(t, folder, c.remote, !c.large)
		if got.Class != c.class {
			t.Errorf("class %s, want %s", got.Class, c.class)
		}
		if got.Tokens != nil {
			compareTokens(t, got.Tokens, folder)
		}
		reference := gguf
		if c.arch == "" || c.window > 0 {
			reference = folder // the file does not compute it, or not as far
		}
		compare(t, got.logits, moreauLogits(t, reference, ids), f32Diff)
	})
}
