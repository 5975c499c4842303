package moreau_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imports is the architecture (docs/architecture.md): what each package may import of this module.
var imports = map[string]string{
	"cmd/moreau": "backend backend/cpu bench checkpoint dataset eval export generate hub importance load model moreau output prune synth tensor tokenizer transformer verify",

	"internal/tensor":     "",
	"internal/checkpoint": "tensor",
	"internal/model":      "",
	"internal/tokenizer":  "",
	"internal/dataset":    "tokenizer",
	"internal/load":       "checkpoint model tensor tokenizer",
	"internal/output":     "",
	"internal/hub":        "",

	"internal/backend":             "",
	"internal/backend/cpu":         "backend",
	"internal/backend/cpu/asmgen":  "",
	"internal/backend/backendtest": "backend bench",
	"internal/bench":               "backend model",

	"internal/transformer": "backend checkpoint model tensor",
	"internal/moreau":      "backend model output tensor transformer",
	"internal/importance":  "backend model moreau transformer",
	"internal/prune":       "checkpoint model tensor",
	"internal/export":      "checkpoint model output tensor tokenizer",
	"internal/synth":       "checkpoint model tensor",
	"internal/eval":        "transformer",
	"internal/generate":    "transformer",
	"internal/verify":      "backend checkpoint model transformer",

	"internal/fuzztest":        "",
	"internal/goldentest":      "backend checkpoint load model transformer", // for tests
	"internal/load/genstories": "checkpoint export model tensor tokenizer",
}

// Tests may import what they like; go itself refuses cycles.
func TestImports(t *testing.T) {
	seen := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if d.IsDir() && (d.Name() == "interop" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && file != ".") {
			return filepath.SkipDir // a module of its own, data, no part of the program
		}
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(file))
		seen[pkg] = append(seen[pkg], ownImports(t, file)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg, got := range seen {
		want, ok := imports[pkg]
		if !ok {
			t.Errorf("%s has no row in the table of imports", pkg)
		}
		slices.Sort(got)
		if got := strings.Join(slices.Compact(got), " "); got != want {
			t.Errorf("%s imports %q, the table says %q", pkg, got, want)
		}
	}
	for pkg := range imports {
		if _, ok := seen[pkg]; !ok {
			t.Errorf("%s is in the table of imports but nowhere else", pkg)
		}
	}
}

// ownImports are a file's imports from internal.
func ownImports(t *testing.T, file string) []string {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	own := []string{}
	for _, i := range f.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(name, "moreau/"); ok {
			own = append(own, strings.TrimPrefix(rest, "internal/"))
		}
	}
	return own
}
