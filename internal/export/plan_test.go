package export

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/tensor"
)

// sized is the built-in model's configuration with other layers, and weights of zeros.
func sized(t *testing.T, layers ...model.Layer) Model {
	t.Helper()
	m := stories(t)
	m.Config = m.Config.WithLayers(layers)
	w := checkpoint.Memory{}
	for _, p := range m.Config.Params() {
		w[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), make([]float32, p.Len()))
	}
	m.Weights = w
	return m
}

// config is the config.json of a folder.
func config(t *testing.T, dir string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClasses(t *testing.T) {
	even, odd := model.Layer{Heads: 4, KVHeads: 2, Intermediate: 8}, model.Layer{Heads: 6, KVHeads: 3, Intermediate: 8}
	for _, c := range []struct {
		name        string
		layers      []model.Layer
		family      string
		arch, class string
		heads       float64 // num_attention_heads, which must divide the hidden size of 64 but for Mistral
	}{
		{"stock", []model.Layer{even, even}, "llama", "llama", "LlamaForCausalLM", 4},
		{"6 heads of 64", []model.Layer{odd, odd}, "llama", "llama", "MistralForCausalLM", 6},
		{"mistral source", []model.Layer{even, even}, "mistral", "llama", "MistralForCausalLM", 4},
		{"layers differ", []model.Layer{even, odd}, "llama", "deci", "PrunedLlamaForCausalLM", 8},
		{"odd group", []model.Layer{{Heads: 3, KVHeads: 1, Intermediate: 8}, {Heads: 6, KVHeads: 2, Intermediate: 8}}, "llama", "deci", "PrunedLlamaForCausalLM", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := sized(t, c.layers...)
			m.Config.Family = model.Families[slices.IndexFunc(model.Families, func(f *model.Family) bool { return f.Name == c.family })]
			dir := t.TempDir()
			if p := write(t, m, filepath.Join(dir, "out.gguf"), Options{}); p.Class != c.arch {
				t.Errorf("architecture %s, want %s", p.Class, c.arch)
			}
			p := write(t, m, filepath.Join(dir, "out"), Options{})
			if p.Class != c.class || p.Remote != exists(filepath.Join(dir, "out", "modeling_pruned_llama.py")) {
				t.Errorf("class %s (own code: %t), want %s", p.Class, p.Remote, c.class)
			}
			got := config(t, filepath.Join(dir, "out"))
			if got["num_attention_heads"] != c.heads {
				t.Errorf("num_attention_heads is %v, want %g", got["num_attention_heads"], c.heads)
			}
			if window, ok := got["sliding_window"]; ok != (c.class == "MistralForCausalLM") || window != nil {
				t.Errorf("sliding_window is %v (%t)", window, ok)
			}
			same(t, open(t, filepath.Join(dir, "out")), m)
		})
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	factors := stories(t)
	own := *factors.Config
	own.Rope.Scaling = &model.RopeScaling{Type: "factors", Factors: make([]float64, own.HeadDim/2)}
	factors.Config = &own
	deep := sized(t, slices.Repeat([]model.Layer{{Heads: 2, KVHeads: 1, Intermediate: 1}}, 513)...)
	wrong := sized(t, model.Layer{Heads: 4, KVHeads: 2, Intermediate: 8})
	wrong.Config = stories(t).Config
	source := stories(t)
	source.Dir = dir
	q4, ints := tensor.Q4_1, tensor.I8
	for _, c := range []struct {
		name, path string
		m          Model
		o          Options
		want       string
	}{
		{"own factors", "a", factors, Options{}, "write a .gguf"},
		{"513 layers", "a.gguf", deep, Options{}, "write a Hugging Face folder"},
		{"other weights", "a", wrong, Options{}, "the configuration says"},
		{"integers", "a.gguf", stories(t), Options{DType: &ints}, "choose f32, f16, bf16, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1 or q4_0"},
		{"blocks in a folder", "a", stories(t), Options{DType: &q4}, "write a .gguf file"},
		{"other format", "a.safetensors", stories(t), Options{}, "choose another name"},
		{"onto itself", ".", source, Options{Force: true}, "write elsewhere"},
		{"no parent", "x/a", stories(t), Options{}, "create it first"},
	} {
		_, err := NewPlan(c.m, filepath.Join(dir, c.path), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	file := filepath.Join(dir, "a.gguf")
	write(t, stories(t), file, Options{})
	if _, err := NewPlan(stories(t), file, Options{}); !errors.Is(err, output.ErrExists) {
		t.Errorf("twice: error %v, want ErrExists", err)
	}
	write(t, stories(t), file, Options{Force: true})
}

func TestVocabIsPadded(t *testing.T) {
	m := stories(t)
	small := *m.Vocab
	small.Tokens, small.Types, small.Scores = small.Tokens[:500:500], small.Types[:500:500], small.Scores[:500:500]
	m.Vocab = &small
	path := filepath.Join(t.TempDir(), "a.gguf")
	write(t, m, path, Options{})
	v, err := open(t, path).Vocab()
	if err != nil || len(v.Tokens) != 512 || v.Tokens[511] != "[PAD511]" || len(small.Tokens) != 500 {
		t.Errorf("%d tokens (%v), want 512, and 500 in the source", len(v.Tokens), err)
	}
	big := *stories(t).Vocab
	big.Tokens = append(big.Tokens[:512:512], "more")
	m.Vocab = &big
	if _, err := NewPlan(m, path, Options{Force: true}); err == nil || !strings.Contains(err.Error(), "513 tokens") {
		t.Errorf("too many tokens: %v", err)
	}
}

func TestCarriedFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tokenizer.json": "{}", "generation_config.json": "{}", "LICENSE.txt": "free", "README.md": "old card",
		"additional_chat_templates/rag.jinja": "x", "pytorch_model.bin": "no", "modeling_other.py": "no", "model.safetensors.index.json": "{}",
	} {
		os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o777)
		os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)
	}
	m := stories(t)
	m.Dir, m.Card = dir, "new card"
	m.Raw = map[string]json.RawMessage{"eos_token_id": json.RawMessage("[7,8]"), "auto_map": json.RawMessage(`{"AutoConfig":"x.Y"}`), "dtype": json.RawMessage(`"bfloat16"`)}
	out := filepath.Join(t.TempDir(), "out")
	p := write(t, m, out, Options{})
	var names []string
	for _, f := range p.Files {
		names = append(names, filepath.ToSlash(f.Name))
	}
	want := "LICENSE.txt README.md additional_chat_templates/rag.jinja config.json generation_config.json model.safetensors tokenizer.json"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("files %s\nwant  %s", got, want)
	}
	if data, _ := os.ReadFile(filepath.Join(out, "README.md")); string(data) != "new card" {
		t.Errorf("README.md is %q", data)
	}
	c := config(t, out)
	if len(c["eos_token_id"].([]any)) != 2 || c["auto_map"] != nil || c["dtype"] != nil || c["torch_dtype"] != "float32" {
		t.Errorf("config.json: %v", c)
	}
}

// Every kind of file that holds for the pruned model too is found in a source's folder, and
// where it consists of links, as the hub's cache does.
func TestWhichFilesAreCarried(t *testing.T) {
	dir := t.TempDir()
	want := []string{"LICENSE", "LICENSE.md", "NOTICE", "NOTICE.txt", "USE_POLICY.md", "tokenizer.json", "tokenizer.model", "tekken.json", "tokenizer_config.json",
		"special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "additional_chat_templates/a.jinja",
		"generation_config.json", "README.md"}
	for _, name := range append(want, "model.safetensors", "config.json", "modeling_x.py", "onnx/model.onnx", "LICENSES/x", "x.json") {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	linked := t.TempDir()
	for _, name := range want {
		if err := os.MkdirAll(filepath.Join(linked, filepath.Dir(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(dir, name), filepath.Join(linked, name)); err != nil {
			t.Skipf("SKIPPED: links are asked for: %v", err)
		}
	}
	if err := os.Mkdir(filepath.Join(linked, "NOTICE.d"), 0o777); err != nil { // no file
		t.Fatal(err)
	}
	carried(t, dir, want)
	carried(t, linked, want)
}

// carried checks which files are, 2 bytes each.
func carried(t *testing.T, dir string, want []string) {
	t.Helper()
	files, err := carriedFiles(Model{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, filepath.ToSlash(f.Name))
		if f.Bytes != 2 {
			t.Errorf("%s has %d bytes", f.Name, f.Bytes)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A file that changes while it is copied is no copy.
func TestCopiesAreWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, make([]byte, 10), 0o666); err != nil {
		t.Fatal(err)
	}
	for size, fine := range map[int64]bool{10: true, 9: false, 11: false, 0: false} {
		if err := copyOf(path, size)(io.Discard); (err == nil) != fine {
			t.Errorf("10 bytes for %d: %v", size, err)
		}
	}
}

// A pruned folder is itself a source: what it says of its layers is replaced.
func TestPrunedSource(t *testing.T) {
	m := prunedGolden(t, goldentest.Families[0])
	first := filepath.Join(t.TempDir(), "first")
	write(t, m, first, Options{})
	src := open(t, first)
	again := filepath.Join(t.TempDir(), "again")
	write(t, Model{Config: src.Config, Weights: src.Weights, Raw: src.Raw, Dir: first}, again, Options{})
	same(t, open(t, again), m)
	even := sized(t, model.Layer{Heads: 4, KVHeads: 2, Intermediate: 8})
	even.Raw = src.Raw
	stock := filepath.Join(t.TempDir(), "stock")
	write(t, even, stock, Options{})
	if c := config(t, stock); c["model_type"] != "llama" || c["auto_map"] != nil || c[headsPerLayer] != nil {
		t.Errorf("config.json of a stock model: %v", c)
	}
}

func TestLinearScaling(t *testing.T) {
	m := stories(t)
	own := *m.Config
	own.Rope = model.Rope{Theta: 10000, Scaling: &model.RopeScaling{Type: "linear", Factor: 4}}
	m.Config = &own
	for _, name := range []string{"a.gguf", "a"} {
		path := filepath.Join(t.TempDir(), name)
		write(t, m, path, Options{})
		if s := open(t, path).Config.Rope.Scaling; s == nil || s.Type != "linear" || s.Factor != 4 {
			t.Errorf("%s: scaling %+v came back", name, s)
		}
		if name == "a" {
			if data, _ := os.ReadFile(filepath.Join(path, "config.json")); !strings.Contains(string(data), `"factor": 4.0`) {
				t.Errorf("Python would not read the factor as a float: %s", data)
			}
		}
	}
}
