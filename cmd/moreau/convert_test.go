package main

import (
	"bytes"
	"path/filepath"
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
