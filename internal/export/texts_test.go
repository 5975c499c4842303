package export

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tokenizer"
)

var update = flag.Bool("update", false, "write the golden texts anew")

// golden compares got with testdata/NAME, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	lines, others := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i, line := range lines {
		if i >= len(others) || line != others[i] {
			t.Errorf("%s differs from line %d on: %q; go test -run %s -update writes it anew", path, i+1, line, t.Name())
			return
		}
	}
	t.Errorf("%s has more lines", path)
}

// scalings are written beside the families' own.
var scalings = []string{yarnRope, yarnFactor, yarnMScale, yarnRamp, dynamicRope, llama3, long, `, "rope_scaling": {"type": "linear", "factor": 2}`,
	strings.Replace(long, `"longrope"`, `"longrope", "attention_factor": 1.5`, 1)}

// TestTexts: what programs read beside the weights, for the first model that is written as
// each class or architecture and every scaling: from a model without a config.json of its own, every key is this program's.
func TestTexts(t *testing.T) {
	var folders, files strings.Builder
	seen := map[string]bool{}
	add := func(modelType, more string, cutLayers int) {
		m := cut(tiny(t, modelType, more), cutLayers)
		m.Raw, m.Vocab = nil, &tokenizer.Vocab{Model: "gpt2", Pre: "gpt-2", Tokens: []string{"a", "b", "ab", "c", "d"}, Merges: []string{"a b"}, BOS: 0, EOS: 3, PAD: -1, UNK: -1}
		what := fmt.Sprintf("== %s%s, %d layers cut\n", modelType, more, cutLayers)
		dir := t.TempDir()
		if p, err := NewPlan(m, filepath.Join(dir, "out"), Options{}); err != nil {
			t.Errorf("%s%v", what, err) // a folder holds every model
		} else if !seen[p.Class+more] {
			seen[p.Class+more] = true
			folders.WriteString(what)
			for _, f := range p.Files {
				if name := f.Name; name == "config.json" || name == "generation_config.json" {
					f.write(&folders)
				}
			}
		}
		if p, err := NewPlan(m, filepath.Join(dir, "out.gguf"), Options{}); err == nil && !seen[p.Class+more+".gguf"] {
			seen[p.Class+more+".gguf"] = true
			write(t, m, p.Path, Options{})
			g, err := checkpoint.OpenGGUF(p.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			files.WriteString(what)
			for _, key := range slices.Sorted(slices.Values(g.Keys())) {
				fmt.Fprintf(&files, "%s %T %[2]v\n", key, g.KV()[key])
			}
		}
	}
	for _, c := range written {
		if c.heads == 0 {
			add(c.modelType, c.more, c.cut)
		}
	}
	for _, more := range scalings {
		add("llama", more, 0)
	}
	golden(t, "folders.txt", folders.String())
	golden(t, "files.txt", files.String())
}
