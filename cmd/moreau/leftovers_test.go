package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a killed run left of an output goes with the next run that writes it, whichever command that is.
func TestLeftoversGo(t *testing.T) {
	ids := idsFile(t, "llama_mha")
	for _, args := range []string{
		"convert " + stories,
		"synth --like " + golden("llama_mha"),
		"prune --ratio 20% --method l1 --no-eval --compensate none " + stories,
		"score --method l1 " + stories,
		"logits --ids " + ids + " " + golden("llama_mha"),
		"imatrix --rows 1 --seq-len 8 " + stories,
		"eval --chunks 1 " + stories,
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, ".out.gguf.moreau-tmp-0123", "sub"), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, ".out.gguf.moreau-tmp-4567"), "half a model")
		write(t, filepath.Join(dir, ".out.gguf.moreau-lock"), "")
		write(t, filepath.Join(dir, ".other.gguf.moreau-tmp-4567"), "another's")
		must(t, append(strings.Fields(args), "-o", filepath.Join(dir, "out.gguf"))...)
		only(t, dir, ".other.gguf.moreau-tmp-4567", "out.gguf")
	}
}
