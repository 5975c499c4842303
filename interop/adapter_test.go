package interop

import (
	"path/filepath"
	"testing"
)

// PEFT loads the adapters that recover writes on the pruned folder, and gives the logits of the model that they are part of; and
// merge makes of an adapter that PEFT wrote, with ranks that differ and rsLoRA, a model with PEFT's logits.
func TestAdapters(t *testing.T) {
	needPython(t, "torch, transformers, peft, safetensors")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	moreau(t, "prune", stories, "--ratio", "20%", "--method", "l2", "--compensate", "none", "--no-eval", "--dtype", "f32", "-o", at("pruned"))
	moreau(t, "recover", at("pruned"), "--teacher", stories, "--data", "builtin:stories", "--tokens", "8k", "--no-eval", "-o", at("recovered"), "--adapter", at("adapter"))
	ids := writeJSON(t, hfRows)
	python(t, "hf_adapter.py", at("pruned"), at("adapter"), at("made"), ids, dir)
	plain := moreauLogits(t, at("pruned"), ids)
	for name, model := range map[string]string{"read": at("recovered"), "made": at("merged")} {
		if name == "made" {
			moreau(t, "merge", at("pruned"), at("made"), "-o", model)
		}
		want := readLogits(t, at(name+".safetensors"))
		got := moreauLogits(t, model, ids)
		compare(t, got, want, f32Diff)
		var most float64
		for i := range got {
			most = max(most, float64(got[i]-plain[i]))
		}
		if most < 0.1 {
			t.Errorf("%s: the adapter changes logits by %g at most", name, most)
		}
	}
}
