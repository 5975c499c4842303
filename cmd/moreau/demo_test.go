package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moreau/internal/export"
	"moreau/internal/job"
)

func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	out := write(t, filepath.Join(t.TempDir(), "demo.gguf"), "precious")
	refused(t, exitOutput, []string{out, "exists", "--force"}, "demo", "-o", out)
	if read(t, out) != "precious" {
		t.Error("the output was changed")
	}
	r := parsed[struct {
		Models []job.DemoRow
		Output string
	}](t, must(t, "demo", "--json").stdout)
	var methods []string
	for _, m := range r.Models {
		methods = append(methods, m.Method)
	}
	if want := slices.Concat([]string{"dense"}, job.DemoMethods, []string{job.DemoDefault}); !slices.Equal(methods, want) || r.Models[1].Parameters >= r.Models[0].Parameters {
		t.Errorf("models %v", r.Models)
	}
	only(t, filepath.Dir(r.Output), filepath.Base(r.Output))
	must(t, "eval", r.Output, "--chunks", "2")
}

// The change of each row is from the dense model, which is the first and has none, to the row's.
func TestDemoTable(t *testing.T) {
	var b strings.Builder
	printDemo(job.DemoReport{Rows: []job.DemoRow{{Method: "dense", Perplexity: 10}, {Method: "l2", Perplexity: 15}, {Method: "taylor", Perplexity: 12}}, Out: &export.Plan{}}, &b)
	for row, want := range map[string]string{"l2": "+50.0 %", "taylor": "+20.0 %"} {
		if !regexp.MustCompile(`(?m)^` + row + ` .* ` + regexp.QuoteMeta(want)).MatchString(b.String()) {
			t.Errorf("%s: want %s\n%s", row, want, b.String())
		}
	}
}
