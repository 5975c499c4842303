package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"moreau/internal/export"
	"moreau/internal/job"
)

func TestDemo(t *testing.T) {
	out := write(t, filepath.Join(t.TempDir(), "demo.gguf"), "precious")
	refused(t, exitOutput, []string{out, "exists", "--force"}, "demo", "-o", out)
	if read(t, out) != "precious" {
		t.Error("the output was changed")
	}
	text := must(t, "demo", "-o", out, "--force").stdout
	for _, m := range append([]string{"dense", "wrote " + out}, job.DemoMethods...) {
		if !strings.Contains(text, m) {
			t.Errorf("the demo does not show %q:\n%s", m, text)
		}
	}
	only(t, filepath.Dir(out), "demo.gguf")
	must(t, "eval", out, "--chunks", "2")
}

func TestDemoJSON(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: the whole demo once more; run without -short")
	}
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

// The change of each row is from the dense model, which is the first, to the row's.
func TestDemoTable(t *testing.T) {
	var b strings.Builder
	printDemo(job.DemoReport{Rows: []job.DemoRow{{Method: "dense", Perplexity: 10}, {Method: "l2", Perplexity: 15}, {Method: "taylor", Perplexity: 12}}, Out: &export.Plan{}}, &b)
	for row, want := range map[string]string{"dense": "+0.0 %", "l2": "+50.0 %", "taylor": "+20.0 %"} {
		if !regexp.MustCompile(`(?m)^` + row + ` .* ` + regexp.QuoteMeta(want)).MatchString(b.String()) {
			t.Errorf("%s: want %s\n%s", row, want, b.String())
		}
	}
}
