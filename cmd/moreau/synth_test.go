package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"moreau/internal/load"
	"moreau/internal/tensor"
)

// A folder with nothing but config.json becomes a model of that geometry.
func TestSynth(t *testing.T) {
	source := t.TempDir()
	config := write(t, filepath.Join(source, "config.json"), read(t, filepath.Join(golden("llama_gqa_rope3"), "config.json")))
	for _, like := range []string{source, config, golden("llama_gqa_rope3"), stories} {
		out := filepath.Join(t.TempDir(), "out")
		must(t, "synth", "--like", like, "-o", out, "--dtype", "bf16")
		want, err := load.OpenConfig(like)
		if err != nil {
			t.Fatal(err)
		}
		got, err := load.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		a, b := *got.Config, *want.Config
		a.NormEps, b.NormEps = float64(float32(a.NormEps)), float64(float32(b.NormEps)) // GGUF's is a float32
		if !reflect.DeepEqual(a, b) {
			t.Errorf("--like %s: geometry %+v, want %+v", like, a, b)
		}
		for _, info := range got.Weights.Tensors() {
			if info.DType != tensor.BF16 {
				t.Errorf("%s is %s", info.Name, info.DType)
			}
		}
		must(t, "eval", out, "--ids", idsFile(t, "llama_gqa_rope3"))
	}
}

func TestSynthSameBytes(t *testing.T) {
	dir := t.TempDir()
	written := func(name string, flags ...string) []byte {
		out := filepath.Join(dir, name)
		must(t, append([]string{"synth", "--like", stories, "-o", out}, flags...)...)
		return []byte(read(t, filepath.Join(out, "model.safetensors")))
	}
	first := written("a", "--threads", "1")
	if !bytes.Equal(first, written("b", "--threads", "3")) {
		t.Error("other bytes with other threads")
	}
	if bytes.Equal(first, written("c", "--seed", "2")) {
		t.Error("the same bytes for another seed")
	}
}

func TestSynthRefused(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	refused(t, exitUsage, []string{"--like GEOMETRY -o OUT"}, "synth", "-o", out)
	refused(t, exitUsage, []string{"--like gpt-5", "known are llama-13b, llama-7b"}, "synth", "--like", "gpt-5", "-o", out)
	refused(t, exitUsage, []string{"no arguments"}, "synth", "x", "--like", stories, "-o", out)
	only(t, dir)
	must(t, "synth", "--like", stories, "-o", out)
	refused(t, exitOutput, []string{"exists", "--force"}, "synth", "--like", "llama-7b", "-o", out)
	refused(t, exitOutput, []string{"is read by this run"}, "synth", "--like", out, "-o", out, "--force")
	must(t, "synth", "--like", stories, "-o", out, "--force")
	only(t, out, "config.json", "model.safetensors")

	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(other, "config.json"), strings.Replace(read(t, filepath.Join(out, "config.json")), `"silu"`, `"gelu"`, 1))
	refused(t, exitInput, []string{"gelu", "not supported"}, "synth", "--like", other, "-o", filepath.Join(dir, "x"))
}

func TestSynthJSON(t *testing.T) {
	out := filepath.Join(t.TempDir(), "a.gguf")
	p := parsed[map[string]json.RawMessage](t, must(t, "synth", "--like", stories, "-o", out, "--json").stdout)
	if string(p["dtype"]) != `"F16"` || p["files"] == nil {
		t.Errorf("the plan says %s", p)
	}
}
