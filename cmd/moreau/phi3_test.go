package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

// phi3Twins is a Phi-3, whose files are fused, and a Llama with the same weights, whose files are not.
func phi3Twins(t *testing.T) (phi3, llama string) {
	t.Helper()
	phi3, llama = goldentest.Dir(t, "phi3_fused"), filepath.Join(t.TempDir(), "llama")
	m, err := load.Open(phi3)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := os.Mkdir(llama, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(llama, "config.json"), read(t, filepath.Join(phi3, "config.json")))
	config("model_type", "llama")(t, llama)
	writeSafetensors(t, filepath.Join(llama, "model.safetensors"), all(t, m.Weights))
	return phi3, llama
}

// A Phi-3 computes what a Llama does: the same bits of logits and of every method's scores.
func TestPhi3IsAFusedLlama(t *testing.T) {
	phi3, llama := phi3Twins(t)
	ids := idsFile(t, "phi3_fused")
	logits := func(model string) string {
		out := filepath.Join(t.TempDir(), "logits.safetensors")
		must(t, "logits", model, "--ids", ids, "-o", out)
		return read(t, out)
	}
	if logits(phi3) != logits(llama) {
		t.Error("logits differ")
	}
	scores := func(model, method string) any {
		out := filepath.Join(t.TempDir(), "scores.json")
		must(t, "score", model, "--method", method, "--ids", ids, "--steps", "3", "-o", out)
		return parsed[map[string]any](t, read(t, out))["layers"]
	}
	for _, method := range importance.MethodNames() {
		if !reflect.DeepEqual(scores(phi3, method), scores(llama, method)) {
			t.Errorf("scores of method %s differ", method)
		}
	}
	var inspected [2]inspection
	for i, model := range []string{phi3, llama} {
		inspected[i] = parsed[inspection](t, must(t, "inspect", model, "--json").stdout)
		inspected[i].Path, inspected[i].Family, inspected[i].Tokenizer = "", "", ""
	}
	if !reflect.DeepEqual(inspected[0], inspected[1]) {
		t.Errorf("inspect says\n%+v\nof the Phi-3 and\n%+v\nof the Llama", inspected[0], inspected[1])
	}
}

// Both lose the same units and pass verify; the Phi-3's folder is fused again.
func TestPhi3IsPruned(t *testing.T) {
	phi3, llama := phi3Twins(t)
	ids := idsFile(t, "phi3_fused")
	for _, c := range []struct {
		args        []string
		arch, class string
	}{
		{[]string{"--layer-ratio", "50%", "--layers", "0..1"}, "llama", "Phi3ForCausalLM"},
		{[]string{"--layer-ratio", "25%", "--layers", "0..1"}, "phi3", "Phi3ForCausalLM"}, // no heads go
		{[]string{"--layer-ratio", "50%", "--layers", "1"}, "deci", "PrunedPhi3ForCausalLM"},
	} {
		dir := t.TempDir()
		out := func(model, name string) string {
			path := filepath.Join(dir, name)
			args := append([]string{"prune", model, "--method", "taylor", "--ids", ids, "--no-eval", "--json", "-o", path}, c.args...)
			must(t, args...)
			return path
		}
		folder, file, unfused := out(phi3, "folder"), out(phi3, "file.gguf"), out(llama, "unfused")
		for _, path := range []string{folder, file} {
			if got := must(t, "verify", phi3, path).stdout; !strings.Contains(got, "PASS") {
				t.Errorf("%v: %s", c.args, got)
			}
			sameParameters(t, path, unfused)
		}
		names := memory(t, folder)
		if _, ok := names["model.layers.1.self_attn.qkv_proj.weight"]; !ok || len(names) != 3+2*6 {
			t.Errorf("%v: the folder has %d tensors, want 15, q, k and v fused", c.args, len(names))
		}
		var written struct{ Architectures []string }
		if err := json.Unmarshal([]byte(read(t, filepath.Join(folder, "config.json"))), &written); err != nil || written.Architectures[0] != c.class {
			t.Errorf("%v: class %v (%v), want %s", c.args, written.Architectures, err, c.class)
		}
		g, err := checkpoint.OpenGGUF(file)
		if err != nil {
			t.Fatal(err)
		}
		if arch, _ := g.String("general.architecture"); arch != c.arch {
			t.Errorf("%v: architecture %s, want %s", c.args, arch, c.arch)
		}
		g.Close()
	}
}

// sameParameters compares two models of the same sizes tensor by tensor.
func sameParameters(t *testing.T, a, b string) {
	t.Helper()
	var found [2]checkpoint.Memory
	for i, path := range []string{a, b} {
		m, err := load.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		found[i] = all(t, m.Weights)
		m.Close()
	}
	if !reflect.DeepEqual(found[0], found[1]) {
		t.Errorf("%s and %s hold other parameters", a, b)
	}
}

func TestBadPhi3(t *testing.T) {
	golden := goldentest.Dir(t, "phi3_fused")
	phi3 := func(t *testing.T, dir string) {
		for _, name := range []string{"config.json", "model.safetensors"} {
			write(t, filepath.Join(dir, name), read(t, filepath.Join(golden, name)))
		}
	}
	const qkv = "model.layers.0.self_attn.qkv_proj.weight"
	for _, tt := range []struct {
		words string
		edit  edit
	}{
		{"partial_rotary_factor is 1.5, want more than 0 to 1", config("partial_rotary_factor", 1.5, "rope_parameters", nil)},
		{"partial_rotary_factor is -0.5, want more than 0 to 1", config("rope_parameters", map[string]any{"partial_rotary_factor": -0.5})},
		{`rope scaling "linear" is not supported for phi3, only longrope is`, config("rope_scaling", map[string]any{"type": "linear", "factor": 2}, "rope_parameters", nil)},
		{`rope scaling "longrope" has values out of range`, config("rope_scaling", map[string]any{"type": "su", "short_factor": []int{1}, "long_factor": []int{1}})},
		{"attention_bias and mlp_bias are not supported for phi3", config("attention_bias", true)},
		{qkv + " has shape [128 64], the configuration says [192 64]", config("num_key_value_heads", 3, "num_attention_heads", 6, "head_dim", 16)},
		{qkv + " is missing", weights(func(m checkpoint.Memory) { delete(m, qkv) })},
		{qkv + " has type I32", weights(func(m checkpoint.Memory) { m[qkv] = tensor.New(tensor.I32, []int{128, 64}, make([]byte, 4*128*64)) })},
	} {
		dir := folder(t, phi3, tt.edit)
		refused(t, exitInput, []string{tt.words, dir}, "inspect", dir)
	}
}
