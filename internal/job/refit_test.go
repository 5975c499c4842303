package job

import (
	"path/filepath"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/load"
)

// 32 tokens for each input of the widest projection, by hand.
func TestRowsOfARefit(t *testing.T) {
	for name, want := range map[string]int{"smollm2-135m": 384, "llama-7b": 1024} {
		m, err := load.OpenConfig(filepath.Join(goldentest.Root(), "testdata", "configs", name))
		if err != nil {
			t.Fatal(err)
		}
		o := DefaultCompensate()
		if n := o.rows(m.Config, 128); n != want {
			t.Errorf("%s: %d rows of 128 tokens, want %d", name, n, want)
		}
		if n := o.rows(m.Config, 100_000); n != heldOutEvery {
			t.Errorf("%s: %d rows of 100,000 tokens, want %d: one is held out", name, n, heldOutEvery)
		}
		if o.Rows = 7; o.rows(m.Config, 128) != 7 {
			t.Errorf("%s: another number than asked for", name)
		}
	}
}
