package job

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"moreau/internal/backend/cpu"
	"moreau/internal/generate"
	"moreau/internal/load"
	"moreau/internal/model"
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
		if err != nil || len(c.IDs) != n || len(told) < n {
			t.Fatalf("%d tokens of %d, told %d times, %v", len(c.IDs), n, len(told), err)
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

// A model's place in the hub's cache says what it is of: a snapshot's folder is named by a whole
// commit.
func TestOriginByPlace(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for place, want := range map[string][2]string{
		"models--o--n/snapshots/" + commit:             {"o/n", commit},
		"models--o--n-1.5b_x/snapshots/" + commit:      {"o/n-1.5b_x", commit},
		"models--o--n/snapshots/" + commit[:7]:         {},
		"models--o--n/snapshots/" + commit + "0":       {},
		"models--o--n/snapshots/main":                  {},
		"models--o--n/" + commit:                       {},
		"datasets--o--n/snapshots/" + commit:           {},
		"models--o--n/snapshots/" + commit + "/folder": {},
	} {
		dir := filepath.Join(t.TempDir(), filepath.FromSlash(place))
		if repo, at := origin(&load.Model{Path: dir, Format: load.HF}); repo != want[0] || at != want[1] {
			t.Errorf("%s: %s at %s, want %v", place, repo, at, want)
		}
		if repo, _ := origin(&load.Model{Path: filepath.Join(dir, "m.gguf"), Format: load.GGUF}); repo != want[0] {
			t.Errorf("a file in %s: %s, want %s", place, repo, want[0])
		}
	}
}

// A state in memory is delta and its mean, 4 bytes each a scalar that moves.
func TestBytesOfAState(t *testing.T) {
	var moving []model.Param
	for _, n := range []int{3, 5, 100} {
		moving = append(moving, model.Param{Axes: []model.Axis{{Dim: model.Dim{Units: n}, Width: 1}}})
	}
	if s := newState(moving, time.Second); s.Bytes != 108*8 || s.Scratch != "" || s.Every != time.Second {
		t.Errorf("%+v", s)
	}
}

// All layers are cut alike unasked where a file has one size for all, and nobody says otherwise.
func TestOneSize(t *testing.T) {
	gemma, err := model.FromHF([]byte(`{"model_type": "gemma", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 6, "num_hidden_layers": 2, "head_dim": 4,
		"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}`))
	if err != nil {
		t.Fatal(err)
	}
	local := BudgetOptions{}
	for name, c := range map[string]struct {
		o    BudgetOptions
		cfg  *model.Config
		out  string
		want bool
	}{
		"a file of a Gemma": {local, gemma, "x.gguf", true},
		"a file of a Llama": {local, builtinModel(t).Config, "x.gguf", false},
		"a folder":          {local, gemma, "x", false},
		"asked for":         {BudgetOptions{Uniform: true}, gemma, "x.gguf", false},
		"layers named":      {BudgetOptions{Layers: "0"}, gemma, "x.gguf", false},
		"globally":          {BudgetOptions{Allocate: "global"}, gemma, "x.gguf", false},
	} {
		if got := c.o.oneSize(c.cfg, c.out); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
