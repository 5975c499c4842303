package main

import (
	"path/filepath"
	"testing"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"16GiB": 16 << 30, "1.5 MiB": 3 << 19, "500MB": 500e6, "2kB": 2000, "7B": 7, "4096": 4096} {
		if got, err := parseBytes("memory", text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1GiB", "0", "many", "1e30GiB", "NaN"} {
		if got, err := parseBytes("memory", text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

// Where the state lives changes nothing but where it lives.
func TestScratchGivesTheSameScores(t *testing.T) {
	dir := t.TempDir()
	if read(t, score(t, "--scratch", dir)) != read(t, score(t)) {
		t.Error("scores with --scratch differ")
	}
	only(t, dir)
}

func TestMemoryIsKeptOrRefused(t *testing.T) {
	score(t, "--memory", "1GiB")
	out := filepath.Join(t.TempDir(), "s.json")
	for flags, word := range map[string]string{"--memory=1MiB": "even with its state on disk", "--memory=lots": "want a size such as 16GiB", "--scratch=missing": "no such folder"} {
		refused(t, exitUsage, []string{word}, "score", stories, "--method", "moreau", "-o", out, flags)
	}
}
