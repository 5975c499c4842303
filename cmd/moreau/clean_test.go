package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/output"
)

// What runs left is listed and goes; a folder that was being replaced comes back where its place is empty;
// all else stays, and so does what a run has locked.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{".m.gguf.moreau-tmp-0123456789ab", ".m.gguf.moreau-state", ".m.gguf.moreau-refit/layer", ".m.gguf.moreau-self", ".r.json.moreau-answers",
		".m.gguf-00112233.moreau-scratch", ".m.moreau-old-0123456789ab/config.json", ".there.moreau-old-0123456789ab/config.json", "there/config.json",
		"m.gguf", ".hidden", ".moreau-state", "x.moreau-state", ".q.moreau-tmp-short", ".m.gguf.moreau-state.txt"} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, at(name), "12345")
	}
	scratch, err := os.Open(at(".m.gguf-00112233.moreau-scratch"))
	if err != nil || output.Lock(scratch) != nil {
		t.Fatal(err)
	}
	listed := must(t, "clean", dir, "--dry-run").stdout
	if n := strings.Count(listed, "\n"); n != 8 || strings.Count(listed, "left ") != 7 || !strings.Contains(listed, at(".m.gguf.moreau-refit")+"  ") || !strings.Contains(listed, "5 B") {
		t.Errorf("the list is\n%s", listed)
	}
	must(t, "clean", dir)
	stay := strings.Fields(".hidden .m.gguf-00112233.moreau-scratch .m.gguf.moreau-state.txt .moreau-state .q.moreau-tmp-short m m.gguf there x.moreau-state")
	only(t, dir, stay...)
	scratch.Close()
	if r := parsed[struct{ Removed bool }](t, must(t, "clean", dir, "--json").stdout); !r.Removed {
		t.Error("JSON does not say that it is removed")
	}
	only(t, dir, append(stay[:1:1], stay[2:]...)...)
	if said := must(t, "clean", dir).stdout; said != "nothing is left of any run\n" {
		t.Errorf("of nothing it says %q", said)
	}
	left := []string{".m.gguf.moreau-state", ".m.gguf.moreau-tmp-0123456789ab"}
	release, err := output.Claim(at("m.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range left {
		write(t, at(name), "of a run that goes on")
	}
	must(t, "clean", dir)
	for _, name := range left {
		if _, err := os.Stat(at(name)); err != nil {
			t.Errorf("a run that goes on loses %s", name)
		}
	}
	release()
	write(t, at(".m.gguf.moreau-lock"), "") // of a run that was killed
	must(t, "clean", dir)
	only(t, dir, append(stay[:1:1], stay[2:]...)...)
	refused(t, exitUsage, []string{"is a file"}, "clean", at("m.gguf"))
	refused(t, exitInput, []string{"nowhere"}, "clean", at("nowhere"))
	refused(t, exitUsage, []string{"want one DIR"}, "clean")
}
