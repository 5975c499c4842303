package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contents are the bytes of all files below dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all[path] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// No command replaces what it reads, whatever name an output has and under --force: files of a model's folder,
// texts, records, tasks, links to them.
func TestInputsAreNotReplaced(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.CopyFS("in", os.DirFS(golden("llama_mha"))); err != nil {
		t.Fatal(err)
	}
	ids := idsFile(t, "llama_mha")
	write(t, "text.txt", strings.Repeat("Once upon a time there was a cat. ", 50))
	must(t, "convert", stories, "-o", "m.gguf")
	must(t, "score", stories, "--method", "l1", "-o", "scores.json")
	if err := os.Symlink(filepath.Join("in", "model.safetensors"), "link"); err != nil {
		t.Skipf("SKIPPED: no links here: %v", err)
	}
	before := contents(t, ".")
	prune := "prune m.gguf --ratio 20% --method l1 --no-eval --compensate none "
	for _, args := range []string{
		"score in --method l1 -o in/config.json",
		"score in --method l1 -o in/../in/model.safetensors",
		"logits in -o in/model.safetensors --ids " + ids,
		"logits in -o " + ids + " --ids " + ids,
		"prune in --ratio 20% --method l1 --no-eval -o out --save-scores in/config.json",
		"prune in --ratio 20% --method l1 --no-eval -o out --save-plan in/model.safetensors",
		"synth --like in -o in",
		"convert in -o in",
		"convert m.gguf -o m.gguf",
		prune + "-o m.gguf",
		prune + "-o out.gguf --save-scores text.txt --calib text.txt",
		prune + "-o out.gguf --save-plan text.txt --ppl x=text.txt",
		"prune m.gguf --ratio 20% --no-eval --compensate none -o out.gguf --scores scores.json --save-plan scores.json",
		"score m.gguf -o text.txt --calib text.txt",
		"imatrix m.gguf -o text.txt --calib builtin:stories,text.txt",
		"eval m.gguf --ppl x=text.txt -o text.txt",
		"eval m.gguf in -o in/config.json",
	} {
		r := run(t.Context(), append(strings.Fields(args), "--force")...)
		if r.code != exitOutput || !strings.Contains(r.message, "read by this run") {
			t.Errorf("%s: exit code %d: %s", args, r.code, r.message)
		}
		if after := contents(t, "."); !maps.Equal(before, after) {
			t.Fatalf("%s: changed what it reads", args)
		}
	}
}
