package moreau_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// architecture is the document whose table of packages is the rule.
const architecture = "docs/architecture.md"

// tableRow is a row of that table: package, what it is, imports.
var tableRow = regexp.MustCompile("^\\| `((?:cmd|internal)/[^`]+)` \\|[^|]*\\| ([^|]+) \\|$")

// allowed reads what each package may import of this module; "all" is anything, "-" nothing.
func allowed(t *testing.T) map[string]string {
	data, err := os.ReadFile(architecture)
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for line := range strings.Lines(string(data)) {
		row := tableRow.FindStringSubmatch(strings.TrimSpace(line))
		if row == nil {
			continue
		}
		if _, twice := table[row[1]]; twice {
			t.Errorf("%s: %s has two rows", architecture, row[1])
		}
		names := strings.Fields(strings.TrimPrefix(row[2], "-"))
		slices.Sort(names)
		table[row[1]] = strings.Join(names, " ")
	}
	return table
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
	table := allowed(t)
	for pkg, got := range seen {
		want, ok := table[pkg]
		if !ok {
			t.Errorf("%s has no row in %s", pkg, architecture)
		}
		slices.Sort(got)
		if got := strings.Join(slices.Compact(got), " "); got != want && want != "all" {
			t.Errorf("%s imports %q, %s says %q", pkg, got, architecture, want)
		}
	}
	for pkg := range table {
		if _, ok := seen[pkg]; !ok {
			t.Errorf("%s has a row in %s but is nowhere else", pkg, architecture)
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
