package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/load"
	"moreau/internal/tensor"
)

func TestConvertThereAndBack(t *testing.T) {
	grouped := filepath.Join(t.TempDir(), "grouped") // 8 query heads, 4 KV heads
	must(t, "convert", stories, "-o", grouped)
	for _, source := range []string{golden("llama_mha"), grouped} {
		dir := t.TempDir()
		file, back := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "back")
		must(t, "convert", source, "-o", file)
		must(t, "convert", file, "-o", back)
		want, got := memory(t, source), memory(t, back)
		if len(want) != len(got) {
			t.Errorf("%s: %d tensors became %d", source, len(want), len(got))
		}
		for name, x := range want {
			if !bytes.Equal(got[name].Data, x.Data) {
				t.Errorf("%s: %s changed", source, name)
			}
		}
	}
}

// GGUF holds bare RoPE factors; only those of released models can be named in a config.json.
func TestConvertUnnamedRopeFactors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.gguf")
	must(t, "convert", golden("llama_gqa_rope3"), "-o", file)
	refused(t, exitOutput, []string{"RoPE factors", "write a .gguf file"}, "convert", file, "-o", filepath.Join(filepath.Dir(file), "back"))
	only(t, filepath.Dir(file), "a.gguf")
}

func TestConvertDType(t *testing.T) {
	for _, d := range []string{"f32", "F16", "bf16"} {
		out := filepath.Join(t.TempDir(), "out")
		must(t, "convert", stories, "-o", out, "--dtype", d)
		want, err := tensor.ParseDType(map[string]string{"f32": "F32", "F16": "F16", "bf16": "BF16"}[d])
		if err != nil {
			t.Fatal(err)
		}
		m, err := load.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for _, info := range m.Weights.Tensors() {
			if info.DType != want {
				t.Errorf("--dtype %s: %s is %s", d, info.Name, info.DType)
			}
		}
		if _, err := m.Tokenizer(); err != nil {
			t.Errorf("--dtype %s: the tokenizer got lost: %v", d, err)
		}
	}
}

// Block types fit GGUF files alone.
func TestConvertQuantized(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"q8_0", "Q6_K", "q4_k", "q4_1", "q4_0"} {
		out := filepath.Join(dir, "out.gguf")
		p := parsed[struct {
			DType     string
			Bytes     int
			Fallbacks []struct {
				DType   string
				Tensors int
			}
		}](t, must(t, "convert", stories, "-o", out, "--dtype", d, "--json").stdout)
		if p.DType != strings.ToUpper(d) || p.Bytes != len(read(t, out)) {
			t.Errorf("--dtype %s: the plan says %s and %d bytes, the file has %d", d, p.DType, p.Bytes, len(read(t, out)))
		}
		if k := strings.HasSuffix(strings.ToLower(d), "_k"); k && (len(p.Fallbacks) == 0 || p.Fallbacks[0].DType != "Q8_0") {
			t.Errorf("--dtype %s: rows of 64 values fell back to %v", d, p.Fallbacks)
		}
		must(t, "generate", out, "--prompt", "Once", "-n", "2")
		if err := os.Remove(out); err != nil {
			t.Fatal(err)
		}
		refused(t, exitOutput, []string{"does not hold " + strings.ToUpper(d), "write a .gguf file"}, "convert", stories, "-o", filepath.Join(dir, "out"), "--dtype", d)
		only(t, dir)
	}
}

// Writing Q4_1 again in Q4_1 changes no tensor, whatever is cut elsewhere.
func TestPruneQuantized(t *testing.T) {
	dir := t.TempDir()
	dense, pruned := filepath.Join(dir, "dense.gguf"), filepath.Join(dir, "pruned.gguf")
	must(t, "convert", stories, "-o", dense, "--dtype", "q4_1")
	r := must(t, "prune", dense, "--ratio", "10%", "--units=kv-groups", "--method", "l2", "--no-eval", "--dtype", "q4_1", "-o", pruned)
	if !strings.Contains(r.stdout, "Q4_1") {
		t.Errorf("the plan does not say Q4_1:\n%s", r.stdout)
	}
	for _, name := range []string{"model.layers.1.mlp.up_proj.weight", "model.layers.0.self_attn.q_proj.weight"} {
		var got [2]tensor.Tensor
		for i, path := range []string{dense, pruned} {
			m, err := load.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if got[i], err = m.Weights.Read(name); err != nil {
				t.Fatal(err)
			}
		}
		if got[0].DType != tensor.Q4_1 || got[1].DType != tensor.Q4_1 || !bytes.Equal(got[0].Data, got[1].Data) {
			t.Errorf("%s changed", name)
		}
	}
}

func TestConvertJSON(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.gguf")
	p := parsed[struct {
		Path  string
		Bytes int
	}](t, must(t, "convert", stories, "-o", out, "--json").stdout)
	if p.Path != out || p.Bytes != len(read(t, out)) {
		t.Errorf("the plan says %s with %d bytes", p.Path, p.Bytes)
	}
}
