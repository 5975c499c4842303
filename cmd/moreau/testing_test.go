package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/load"
)

const stories = load.Builtin

// golden is the folder of a tiny model without a tokenizer.
func golden(family string) string {
	return filepath.Join(goldentest.Root(), "testdata", "golden", family)
}

// ran is what a command printed and how it ended.
type ran struct {
	stdout, stderr string
	code           int
	message        string // "" when code is 0
}

// run calls a command line in this process.
func run(ctx context.Context, args ...string) ran {
	var stdout, stderr bytes.Buffer
	cmd := newRootCommand()
	cmd.SetArgs(untuned(args))
	cmd.SetOut(plainWriter{&stdout})
	cmd.SetErr(&stderr)
	called, err := cmd.ExecuteContextC(ctx)
	r := ran{stdout: stdout.String(), stderr: stderr.String(), code: exitCode(ctx, err)}
	if err != nil {
		r.message = message(ctx, called, err)
	}
	return r
}

// untuned leaves the tuning of gates out of a prune that does not ask for it: it takes longer than all else, and has tests of its own.
func untuned(args []string) []string {
	asks := func(a string) bool {
		return slices.Contains([]string{"--tune-masks", "--plan", "--dry-run", "--help"}, a)
	}
	if len(args) == 0 || args[0] != "prune" || slices.ContainsFunc(args, asks) {
		return args
	}
	return append(slices.Clip(args), "--tune-masks", "none")
}

// must runs a command that must succeed.
func must(t *testing.T, args ...string) ran {
	t.Helper()
	r := run(t.Context(), args...)
	if r.code != exitOK {
		t.Fatalf("moreau %s: exit code %d: %s", strings.Join(args, " "), r.code, r.message)
	}
	return r
}

// jargon is what no person should have to read.
var jargon = regexp.MustCompile(`json: cannot|struct \{|strconv|Go (value|struct)|runtime error|%!|<nil>|&\{|\bstat |\bopen |\blstat |EOF|map\[|context canceled`)

// refused runs a command that must fail with that exit code and one plain line
// that holds each of the words.
func refused(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	r := run(t.Context(), args...)
	if r.code != code {
		t.Errorf("moreau %s: exit code %d, want %d: %s", strings.Join(args, " "), r.code, code, r.message)
	}
	if strings.Contains(r.message, "\n") || jargon.MatchString(r.message) {
		t.Errorf("moreau %s: not one plain line: %q", strings.Join(args, " "), r.message)
	}
	for _, w := range words {
		if !strings.Contains(r.message, w) {
			t.Errorf("moreau %s: %q does not say %q", strings.Join(args, " "), r.message, w)
		}
	}
	if testing.Verbose() {
		t.Logf("%d: %s", r.code, r.message)
	}
}

// only checks that a folder holds just these names.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}

// write makes a file and returns its path.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parsed reads JSON output.
func parsed[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("output is not JSON: %v\n%s", err, text)
	}
	return v
}

// idsFile is the token rows of a golden model.
func idsFile(t *testing.T, family string) string {
	t.Helper()
	g := goldentest.Open(t, family)
	x, err := g.Expect.Read("ids")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := x.Ints()
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]int64
	for i := 0; i < len(ids); i += x.Shape[1] {
		rows = append(rows, ids[i:i+x.Shape[1]])
	}
	data, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "ids.json"), string(data))
}
