// Package interop proves that other programs compute the same with the models
// that moreau writes: llama.cpp (install-llamacpp.sh) and transformers
// (MOREAU_PYTHON names a Python that imports it). It is a module of its own, so
// that the program has none of its dependencies.
package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// cases are the models that every program is given: what moreau is told, and
// what the output is. All are written in F32, for exact comparison.
var cases = []struct {
	name   string
	args   []string
	arch   string // general.architecture of the GGUF file
	class  string // of transformers
	remote bool   // trust_remote_code is needed
	large  bool   // minutes, and large files: not with -short
}{
	{name: "dense", args: []string{"convert", stories}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "uniform", args: prune(stories, "--layer-ratio", "50%", "--layers", "0..4"), arch: "llama", class: "LlamaForCausalLM"},
	{name: "uniform-6-heads-of-64", args: prune(stories, "--layer-ratio", "25%", "--layers", "0..4"), arch: "llama", class: "MistralForCausalLM"},
	{name: "layers-differ", args: prune(stories, "--layer-ratio", "40%", "--layers", "1..3"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "rope-scaled", args: []string{"convert", rope3}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "rope-scaled-layers-differ", args: prune(rope3, "--layer-ratio", "50%", "--layers", "0..1"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "SmolLM2", args: prune(smol, "--ratio", "20%"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true, large: true},
}

const (
	stories = "builtin:stories260K"
	rope3   = "../testdata/golden/llama_gqa_rope3" // llama3 RoPE scaling, no tokenizer
	smol    = "../../shared/data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
)

func prune(model string, args ...string) []string {
	return append([]string{"prune", model, "--method", "l2", "--no-eval"}, args...)
}

// f32Diff is the largest difference of two logits that passes. Both programs
// compute in float32 and add up in different orders; logits reach about 35.
const f32Diff = 1e-3

var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

// testMain builds the program, unless MOREAU names one.
func testMain(m *testing.M) int {
	if program = os.Getenv("MOREAU"); program != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "moreau")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "moreau")
	build := exec.Command("go", "build", "-o", program, "./cmd/moreau")
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		return 1
	}
	return m.Run()
}

// moreau runs the program.
func moreau(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("moreau %q: %v\n%s", args, err, out)
	}
}

// eachCase writes every model as a GGUF file and as a folder and hands both to test.
func eachCase(t *testing.T, test func(t *testing.T, c int, gguf, folder string)) {
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.large && testing.Short() {
				t.Skip("SKIPPED: a large model, and -short was given")
			}
			if _, err := os.Stat(c.args[1]); err != nil && c.args[1] != stories {
				t.Skipf("SKIPPED: needs %s", c.args[1])
			}
			gguf, folder := filepath.Join(t.TempDir(), "model.gguf"), filepath.Join(t.TempDir(), "model")
			moreau(t, append(c.args, "--dtype", "f32", "-o", gguf)...)
			moreau(t, append(c.args, "--dtype", "f32", "-o", folder)...)
			test(t, i, gguf, folder)
		})
	}
}

// tokens are rows of token ids below 250, which every model has.
func tokens(rows, length int) [][]int32 {
	state := uint32(1)
	out := make([][]int32, rows)
	for r := range out {
		for range length {
			state = state*1664525 + 1013904223
			out[r] = append(out[r], int32(3+state>>8%247))
		}
	}
	return out
}

// moreauLogits gives what moreau computes: [rows * tokens * vocabulary]. Tests
// take them from the other container than the program they look at: a writer
// that forgets something would otherwise be compared with itself.
func moreauLogits(t *testing.T, model, ids string) []float32 {
	t.Helper()
	out := filepath.Join(t.TempDir(), "logits.safetensors")
	moreau(t, "logits", model, "--ids", ids, "-o", out)
	return readLogits(t, out)
}

// writeJSON writes what moreau and hf_model.py read.
func writeJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "in.json")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}
