package main

import (
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/job"
)

func TestInspect(t *testing.T) {
	for _, tt := range []struct {
		model, format string
		params        int64
		words         []string
	}{
		{stories, "gguf", 260_032, []string{"260,032", "embeddings tied", "llama, default, 512 tokens", "protected by default"}},
		{golden("llama_mha"), "hf", 102_720, []string{"102,720", "embeddings untied", "none ("}},
		{golden("llama_gqa_rope3"), "hf", 84_048, []string{"scaling llama3"}},
		{folder(t, config("model_type", "mistral", "sliding_window", 7)), "hf", 102_720, []string{"family mistral", "context 128, sliding window 7"}},
	} {
		text := must(t, "inspect", tt.model).stdout
		for _, w := range tt.words {
			if !strings.Contains(text, w) {
				t.Errorf("inspect %s does not say %q:\n%s", tt.model, w, text)
			}
		}
		r := parsed[inspection](t, must(t, "inspect", tt.model, "--json").stdout)
		if r.Parameters != tt.params || string(r.Format) != tt.format || len(r.Layers) == 0 || r.Bytes != 4*tt.params {
			t.Errorf("inspect %s --json: %d parameters in %d bytes of %s, want %d", tt.model, r.Parameters, r.Bytes, r.Format, tt.params)
		}
	}
}

// A folder with just config.json has sizes, and says that it has no weights.
func TestInspectConfiguration(t *testing.T) {
	dir := filepath.Join(golden(""), "..", "configs", "llama3-8b")
	for _, path := range []string{dir, filepath.Join(dir, "config.json")} {
		if text := must(t, "inspect", path).stdout; !strings.Contains(text, "8,030,261,248") || !strings.Contains(text, "128.0 KiB a token") ||
			!strings.Contains(text, "15.0 GiB: BF16 8,030,261,248; not here") {
			t.Errorf("inspect %s says:\n%s", path, text)
		}
	}
}

func TestCommandsAreUniqueAndDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range newRootCommand().Commands() {
		if seen[c.Name()] || c.Short == "" {
			t.Errorf("command %q occurs twice or lacks a description", c.Name())
		}
		seen[c.Name()] = true
	}
	for _, m := range job.DemoMethods {
		if seen[m] {
			t.Errorf("the demo compares %q twice", m)
		}
		seen[m] = true
	}
}

func TestHelpIsNoError(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"prune", "--help"}, {"--version"}} {
		if must(t, args...).stdout == "" {
			t.Errorf("moreau %v prints nothing", args)
		}
	}
}
