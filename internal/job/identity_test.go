package job

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"moreau/internal/backend/cpu"
	"moreau/internal/generate"
	"moreau/internal/load"
)

// A folder is told from what it was by the sizes and times of its weights and configuration,
// not by what else is in it.
func TestIdentityOfAFolder(t *testing.T) {
	dir := t.TempDir()
	names := map[string]bool{"model-00001-of-00002.safetensors": true, "model-00002-of-00002.safetensors": true, "config.json": true, "README.md": false, "tokenizer.json": false}
	for name := range names {
		put(t, filepath.Join(dir, name), "x")
	}
	m := &load.Model{Path: dir, Format: load.HF}
	for name, counts := range names {
		path := filepath.Join(dir, name)
		for what, change := range map[string]func() error{
			"size": func() error { return os.WriteFile(path, []byte("longer"), 0o666) },
			"time": func() error { return os.Chtimes(path, time.Now(), time.Now().Add(-time.Hour)) },
		} {
			put(t, path, "x")
			if err := os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
				t.Fatal(err)
			}
			before := identity(m)
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if what == "size" {
				os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0))
			}
			if (identity(m) != before) != counts {
				t.Errorf("another %s of %s: another model %v", what, name, !counts)
			}
		}
	}
}

// The rate is of the tokens after the first, which takes the prompt with it; of one there is none.
func TestRateOfGeneration(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 4} {
		j, err := NewGenerate(load.Builtin, be, GenerateOptions{Prompt: "Once upon a time", Options: generate.Options{Tokens: n}})
		if err != nil {
			t.Fatal(err)
		}
		var told []time.Time
		c, err := j.Execute(t.Context(), func(string) {
			told = append(told, time.Now())
			if len(told) == 1 {
				time.Sleep(30 * time.Millisecond)
			}
		})
		j.Close()
		if err != nil || len(c.IDs) != n || len(told) != n {
			t.Fatalf("%d tokens of %d, %v", len(c.IDs), n, err)
		}
		if n == 1 {
			if c.Rate != 0 {
				t.Errorf("one token: a rate of %g", c.Rate)
			}
			continue
		}
		if most := float64(n-1) / told[n-1].Sub(told[0]).Seconds(); c.Rate > most || c.Rate <= 0 {
			t.Errorf("%d tokens: a rate of %g, at most %g", n, c.Rate, most)
		}
	}
}
