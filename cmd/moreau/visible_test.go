package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ä, 漢字,\ttab\n":    "plain, ä, 漢字,\ttab\n",
		"\x1b]0;title\x07\x1b[2J": `\u001b]0;title\u0007\u001b[2J`,
		"a\u202egpj.exe\u2066":    `a\u202egpj.exe\u2066`,
		"\r over\u009b \x7f":      `\u000d over\u009b \u007f`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// No name or word of a file reaches the terminal as more than text.
func TestNothingHiddenIsPrinted(t *testing.T) {
	dir := t.TempDir()
	evil := "a\x1b]0;title\x07\u202eb"
	model := filepath.Join(dir, evil+".gguf")
	must(t, "convert", stories, "-o", model)
	for _, args := range [][]string{{"inspect", model}, {"inspect", model, "--json"}, {"inspect", filepath.Join(dir, evil)}, {"prune", model, "--ratio", "10%", "--dry-run"}, {evil}, {"eval", model, "--tasks", evil, "--data", dir}} {
		r := run(t.Context(), args...)
		if all := r.stdout + r.stderr + r.message; strings.ContainsFunc(all, hidden) || !strings.Contains(all, `\u001b]0;title`) && !strings.Contains(all, `\x1b]0;title`) {
			t.Errorf("%q: %q", args, all)
		}
	}
}

// The line of an error is bounded: its beginning and its end stay.
func TestLongErrors(t *testing.T) {
	r := message(t.Context(), nil, errors.New("model.gguf: "+strings.Repeat("很长", 4000)+"; write elsewhere"))
	if n := len([]rune(r)); n != mostMessage || !strings.HasPrefix(r, "model.gguf: ") || !strings.HasSuffix(r, "; write elsewhere") {
		t.Errorf("%d characters: %.40q ... %q", n, r, r[len(r)-30:])
	}
}
