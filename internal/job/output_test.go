package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/stage"
	"moreau/internal/tokenizer"
)

// What an output's options refuse before any reading, and whose fault it is.
func TestOutputChecks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("there.gguf"), "x")
	put(t, at("model.gguf"), "x")
	for name, c := range map[string]struct {
		o    OutOptions
		want error
		says string
	}{
		"a file":                 {OutOptions{Path: at("new.gguf")}, nil, ""},
		"a folder":               {OutOptions{Path: at("new")}, nil, ""},
		"a folder in shards":     {OutOptions{Path: at("new"), ShardBytes: 1}, nil, ""},
		"a file in shards":       {OutOptions{Path: at("new.gguf"), ShardBytes: 1}, ErrUsage, "--shard-size"},
		"a FILE in shards":       {OutOptions{Path: at("new.GGUF"), ShardBytes: 1 << 40}, ErrUsage, "--shard-size"},
		"what is there":          {OutOptions{Path: at("there.gguf")}, output.ErrExists, "--force"},
		"what is there, forced":  {OutOptions{Path: at("there.gguf"), Force: true}, nil, ""},
		"the model":              {OutOptions{Path: at("model.gguf"), Force: true}, ErrOutput, "is read by this run"},
		"a folder of the model":  {OutOptions{Path: dir, Force: true}, ErrOutput, "lies in"},
		"no parent":              {OutOptions{Path: at("a/b.gguf")}, output.ErrWrite, "create it first"},
		"threads below none":     {OutOptions{Path: at("new"), Threads: -1}, ErrUsage, "--threads -1"},
		"the most threads":       {OutOptions{Path: at("new"), Threads: MostThreads}, nil, ""},
		"more threads than that": {OutOptions{Path: at("new"), Threads: MostThreads + 1}, ErrUsage, "--threads 1025"},
	} {
		err := c.o.Check(at("model.gguf"))
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.says)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// How many random tokens two models may be compared on.
func TestVerifyChecks(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rows, tokens int
		says         string
	}{{0, 8, "--rows 0"}, {1025, 8, "--rows 1025"}, {2, 0, "--seq-len 0"}, {2, 1<<16 + 1, "--seq-len 65537"}, {1, 1, ""}, {1024, 1 << 16, ""}} {
		j, err := NewVerify(load.Builtin, load.Builtin, be, VerifyOptions{Rows: c.rows, SeqLen: c.tokens})
		if c.says != "" {
			if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d x %d: %v", c.rows, c.tokens, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := j.Plan(); p.Rows != c.rows || p.SeqLen != min(c.tokens, 512) {
			t.Errorf("%d x %d: %+v", c.rows, c.tokens, p)
		}
		j.Close()
	}
}

// Hashing tells the bytes of all files, which rise to the total, and hashes them in order.
func TestHashingTellsAllFiles(t *testing.T) {
	dir := t.TempDir()
	parts := []string{strings.Repeat("a", 17<<20), strings.Repeat("b", 3000), strings.Repeat("c", 100)}
	for i, name := range []string{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"} {
		put(t, filepath.Join(dir, name), parts[i])
	}
	put(t, filepath.Join(dir, "other.bin"), "x")
	h := &heard{}
	got, err := hashWeights(t.Context(), &load.Model{Path: dir, Format: load.HF}, h)
	sum := sha256.New()
	io.WriteString(sum, strings.Join(parts, ""))
	if want := hex.EncodeToString(sum.Sum(nil)); err != nil || got != want {
		t.Errorf("%v: %s, want %s", err, got, want)
	}
	total := int64(17<<20 + 3100)
	if h.total != total || !slices.IsSorted(h.done) || slices.Index(h.done, total) != len(h.done)-1 || len(h.done) < 4 || len(h.ends) != 1 {
		t.Errorf("progress %v of %d, want %d", h.done, h.total, total)
	}
}

// Every key of the source's card that holds of what is made from it is carried, with the
// lines that belong to it, and no other.
func TestCarriedMetadata(t *testing.T) {
	dir := t.TempDir()
	m := &load.Model{Path: dir, Format: load.HF}
	put(t, filepath.Join(dir, "README.md"), "---\nlicense: other\nlicense_name: x-1.0\nlicense_link: https://x.example/LICENSE\ntags:\n- a\nlanguage:\n- en\n- de\nmodel-index:\n- name: b\n---\nlicense: no\n")
	want := []string{"license: other", "license_name: x-1.0", "license_link: https://x.example/LICENSE", "language:", "- en", "- de"}
	if got := sourceMetadata(m); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	m.Format = load.GGUF
	if got := sourceMetadata(m); got != nil {
		t.Errorf("of a file: %q", got)
	}
}

// What is written of a model is all that its source says, and what the change made of it.
func TestExportedIsTheSource(t *testing.T) {
	dir := t.TempDir()
	folder := &load.Model{Path: filepath.Join(dir, "name"), Format: load.HF, LeftOut: 7, Vocab: builtinModel(t).Vocab}
	file := &load.Model{Path: filepath.Join(dir, "name.gguf"), Format: load.GGUF, LeftOut: 3, Vocab: func() (*tokenizer.Vocab, error) { return nil, tokenizer.ErrNone }}
	foreign := &load.Model{Path: folder.Path, Format: load.HF, Vocab: func() (*tokenizer.Vocab, error) { return nil, tokenizer.ErrUnsupported }}
	damaged := &load.Model{Path: folder.Path, Format: load.HF, Vocab: func() (*tokenizer.Vocab, error) { return nil, tokenizer.ErrCorrupt }}
	changed := stage.Model{Config: builtinModel(t).Config, Weights: builtinModel(t).Weights, Raw: map[string]json.RawMessage{"x": nil}}
	for name, c := range map[string]struct {
		m       *load.Model
		out     string
		dir     string
		vocab   bool
		refused error
	}{
		"folder to folder":                    {folder, "o", folder.Path, true, nil},
		"folder to file":                      {folder, "o.gguf", folder.Path, true, nil},
		"file to folder":                      {file, "o", "", false, nil},
		"file to file":                        {file, "o.gguf", "", false, nil},
		"unknown tokenizer, folder to folder": {foreign, "o", folder.Path, false, nil},
		"unknown tokenizer, folder to file":   {foreign, "o.gguf", folder.Path, false, tokenizer.ErrUnsupported},
		"damaged tokenizer":                   {damaged, "o", folder.Path, false, tokenizer.ErrCorrupt},
	} {
		e, err := exported(c.m, changed, c.out)
		if !errors.Is(err, c.refused) || (err == nil) != (c.refused == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (e.Name != "name" || e.Dir != c.dir || e.LeftOut != c.m.LeftOut || e.Config != changed.Config || e.Weights == nil || e.Raw == nil || (e.Vocab != nil) != c.vocab) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
