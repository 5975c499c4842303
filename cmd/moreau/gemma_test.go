package main

import (
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/goldentest"
)

// A Gemma goes through every command: a folder where layers differ, which a GGUF file cannot
// hold, a file where they do not, and back.
func TestGemma(t *testing.T) {
	for _, family := range []string{"gemma", "gemma2_softcap"} {
		t.Run(family, func(t *testing.T) {
			dense, ids, dir := goldentest.Dir(t, family), idsFile(t, family), t.TempDir()
			folder, file, back := filepath.Join(dir, "folder"), filepath.Join(dir, "file.gguf"), filepath.Join(dir, "back")
			prune := []string{"prune", dense, "--ids", ids, "--eval-ids", ids, "--layer-ratio", "50%"}
			must(t, append(prune, "--layers", "0..0", "--method", "moreau", "--steps", "2", "-o", folder)...)
			must(t, append(prune, "--layers", "0..1", "--method", "mask", "-o", file)...)
			must(t, "convert", file, "-o", back)
			for _, pruned := range []string{folder, file, back} {
				if got := must(t, "verify", dense, pruned).stdout; !strings.Contains(got, "PASS") {
					t.Errorf("%s: %s", pruned, got)
				}
			}
			refused(t, exitOutput, []string{"layers differ", "--uniform", "write a Hugging Face folder"}, append(prune, "--layers", "0..0", "-o", filepath.Join(dir, "b.gguf"))...)
		})
	}
}
