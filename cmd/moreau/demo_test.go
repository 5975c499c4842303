package main

import (
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/job"
)

func TestDemo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "demo.gguf")
	text := must(t, "demo", "-o", out).stdout
	for _, m := range append([]string{"dense", "wrote " + out}, job.DemoMethods...) {
		if !strings.Contains(text, m) {
			t.Errorf("the demo does not show %q:\n%s", m, text)
		}
	}
	only(t, filepath.Dir(out), "demo.gguf")
	must(t, "eval", out, "--chunks", "2")
}

func TestDemoJSON(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // where it goes without -o
	r := parsed[struct {
		Models []job.DemoRow
		Output string
	}](t, must(t, "demo", "--json").stdout)
	if len(r.Models) != 1+len(job.DemoMethods) || r.Models[1].Parameters >= r.Models[0].Parameters {
		t.Errorf("%d models: %v", len(r.Models), r.Models)
	}
	must(t, "inspect", r.Output)
}
