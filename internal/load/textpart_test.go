package load

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// The text part of a model that sees pictures too is found under the names of transformers 4 and
// of 5, and the rest is counted.
func TestTextPart(t *testing.T) {
	const config = `{"model_type": "mistral3", "torch_dtype": "float16", "text_config": {"model_type": "mistral", "vocab_size": 8, "hidden_size": 4,
		"intermediate_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 2}}`
	cfg, err := model.FromHF([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	old := func(name string) string { return "language_model." + name }
	renewed := func(name string) string {
		if rest, ok := strings.CutPrefix(name, "model."); ok {
			return "model.language_model." + rest
		}
		return name
	}
	for _, c := range []struct {
		spelling func(string) string
		also     []string
		refused  string
	}{
		{old, nil, ""},
		{renewed, nil, ""},
		{old, []string{"lm_head.weight"}, "is there twice"},
		{strings.ToLower, nil, "tensor model.embed_tokens.weight is missing"},
		{old, []string{"language_model.model.layers.1.input_layernorm.weight"}, "does not have"},
	} {
		w := checkpoint.Memory{"vision_tower.ln_pre.weight": vector(3), "multi_modal_projector.norm.weight": vector(4)}
		for i, p := range cfg.Params() {
			x := make([]float32, p.Len())
			x[0] = float32(i)
			w[c.spelling(p.Name)] = tensor.FromFloat32(tensor.F32, p.Shape(), x)
		}
		for _, name := range c.also {
			w[name] = vector(4)
		}
		m, err := Open(folderOf(t, config, w))
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("error %v, want %q", err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if m.LeftOut != 2 || m.Config.Family.Name != "mistral" || m.Raw["text_config"] != nil || string(m.Raw["torch_dtype"]) != `"float16"` {
			t.Errorf("%d tensors left out, family %s, config.json %s", m.LeftOut, m.Config.Family.Name, m.Raw)
		}
		for i, p := range cfg.Params() {
			if x, err := m.Weights.Read(p.Name); err != nil || x.Float32()[0] != float32(i) {
				t.Errorf("%s is another tensor (%v)", p.Name, err)
			}
		}
	}
}

func vector(n int) tensor.Tensor {
	return tensor.FromFloat32(tensor.F32, []int{n}, make([]float32, n))
}

func folderOf(t *testing.T, config string, w checkpoint.Memory) string {
	t.Helper()
	dir := t.TempDir()
	var file bytes.Buffer
	if err := checkpoint.WriteSafetensors(&file, w.Tensors(), w.Read, nil); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"config.json": []byte(config), "model.safetensors": file.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
