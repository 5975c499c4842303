// Package interop proves that other programs compute the same with the models
// that moreau writes: llama.cpp (install-llamacpp.sh), transformers and PEFT
// (MOREAU_PYTHON names a Python that imports them; MOREAU_INTEROP=all runs the
// whole matrix), and that lm-evaluation-harness (install-harness.sh) measures the same of them. It is a module of its own, so that the program has none of its
// dependencies.
package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// modelCase is a model that every program is given: what moreau is told, and what the
// output is. All are written in F32, for exact comparison.
type modelCase struct {
	name   string
	args   []string
	arch   string // general.architecture of the GGUF file; "": there is none
	class  string // of transformers
	remote bool   // trust_remote_code is needed
	window int    // sliding window of the folder, or its context before dynamic RoPE: the GGUF file computes the same up to its length
	large  bool   // minutes, and large files: not with -short
}

var cases = []modelCase{
	{name: "dense", args: []string{"convert", stories}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "uniform", args: prune(stories, "--layer-ratio", "50%", "--layers", "0..4"), arch: "llama", class: "LlamaForCausalLM"},
	{name: "uniform-6-heads-of-64", args: prune(stories, "--layer-ratio", "25%", "--layers", "0..4"), arch: "llama", class: "MistralForCausalLM"},
	{name: "layers-differ", args: prune(stories, "--layer-ratio", "40%", "--layers", "1..3"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "rope-scaled", args: []string{"convert", rope3}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "rope-scaled-layers-differ", args: prune(rope3, "--layer-ratio", "50%", "--layers", "0..1"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "mistral-window", args: []string{"convert", mistral}, arch: "llama", class: "MistralForCausalLM", window: 7},
	{name: "mistral-window-uniform", args: prune(mistral, "--layer-ratio", "50%", "--layers", "0..1"), arch: "llama", class: "MistralForCausalLM", window: 7},
	{name: "mistral-window-layers-differ", args: prune(mistral, "--layer-ratio", "50%", "--layers", "0..0"), arch: "deci", class: "PrunedMistralForCausalLM", remote: true, window: 7},
	{name: "qwen2", args: []string{"convert", qwen2}, arch: "qwen2", class: "Qwen2ForCausalLM"},
	{name: "qwen2-uniform", args: prune(qwen2, "--layer-ratio", "40%", "--layers", "0..1"), arch: "llama", class: "Qwen2ForCausalLM"},
	{name: "qwen2-uniform-mlp", args: prune(qwen2, "--layer-ratio", "20%", "--layers", "0..1"), arch: "qwen2", class: "Qwen2ForCausalLM"},
	{name: "qwen2-layers-differ", args: prune(qwen2, "--layer-ratio", "40%", "--layers", "0..0"), arch: "deci", class: "PrunedQwen2ForCausalLM", remote: true},
	{name: "qwen3", args: []string{"convert", qwen3}, arch: "qwen3", class: "Qwen3ForCausalLM"},
	{name: "qwen3-uniform", args: prune(qwen3, "--layer-ratio", "50%", "--layers", "0..1"), arch: "qwen3", class: "Qwen3ForCausalLM"},
	{name: "qwen3-layers-differ", args: prune(qwen3, "--layer-ratio", "50%", "--layers", "0..0"), class: "PrunedQwen3ForCausalLM", remote: true},
	{name: "gemma", args: []string{"convert", gemma}, arch: "gemma", class: "GemmaForCausalLM"},
	{name: "gemma-uniform", args: prune(gemma, "--layer-ratio", "30%", "--layers", "0..1"), arch: "gemma", class: "GemmaForCausalLM"},
	{name: "gemma-layers-differ", args: prune(gemma, "--layer-ratio", "30%", "--layers", "0..0"), class: "PrunedGemmaForCausalLM", remote: true},
	{name: "gemma2", args: []string{"convert", gemma2}, arch: "gemma2", class: "Gemma2ForCausalLM"},
	{name: "gemma2-uniform", args: prune(gemma2, "--layer-ratio", "50%", "--layers", "0..1"), arch: "gemma2", class: "Gemma2ForCausalLM"},
	{name: "gemma2-layers-differ", args: prune(gemma2, "--layer-ratio", "50%", "--layers", "1..1"), class: "PrunedGemma2ForCausalLM", remote: true},
	{name: "gemma2-6-heads-of-64", args: prune(capped, "--layer-ratio", "25%", "--layers", "0..2"), arch: "gemma2", class: "PrunedGemma2ForCausalLM", remote: true},
	{name: "phi3", args: []string{"convert", phi3}, arch: "phi3", class: "Phi3ForCausalLM"},
	{name: "phi3-uniform", args: prune(phi3, "--layer-ratio", "50%", "--layers", "0..1"), arch: "llama", class: "Phi3ForCausalLM"},
	{name: "phi3-uniform-mlp", args: prune(phi3, "--layer-ratio", "20%", "--layers", "0..1"), arch: "phi3", class: "Phi3ForCausalLM"},
	{name: "phi3-layers-differ", args: prune(phi3, "--layer-ratio", "50%", "--layers", "0..0"), arch: "deci", class: "PrunedPhi3ForCausalLM", remote: true},
	{name: "phi3-longrope", args: []string{"convert", longrope}, arch: "phi3", class: "Phi3ForCausalLM"},
	{name: "phi3-longrope-short", args: []string{"convert", longrope + "_short"}, arch: "phi3", class: "Phi3ForCausalLM"},
	{name: "phi3-longrope-uniform", args: prune(longrope, "--layer-ratio", "50%", "--layers", "0..1"), arch: "llama", class: "PrunedPhi3ForCausalLM", remote: true},
	{name: "phi3-longrope-layers-differ", args: prune(longrope, "--layer-ratio", "50%", "--layers", "0..0"), arch: "deci", class: "PrunedPhi3ForCausalLM", remote: true},
	{name: "llama-biases", args: []string{"convert", biased}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "llama-biases-6-heads-of-64", args: prune(biased, "--layer-ratio", "25%", "--layers", "0..1"), arch: "llama", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "llama-biases-layers-differ", args: prune(biased, "--layer-ratio", "25%", "--layers", "0..0"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "yarn", args: []string{"convert", yarn}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "yarn-layers-differ", args: prune(yarn, "--layer-ratio", "25%", "--layers", "0..0"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "yarn-attention-factor-uniform", args: prune(yarnFactor, "--layer-ratio", "50%", "--layers", "0..1"), arch: "llama", class: "LlamaForCausalLM"},
	{name: "yarn-mscale", args: []string{"convert", yarnMScale}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "yarn-ramp", args: []string{"convert", yarnRamp}, arch: "llama", class: "LlamaForCausalLM"},
	{name: "yarn-ramp-layers-differ", args: prune(yarnRamp, "--layer-ratio", "25%", "--layers", "0..0"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "yarn-qwen2", args: []string{"convert", yarnQwen2}, arch: "qwen2", class: "Qwen2ForCausalLM"},
	{name: "dynamic", args: []string{"convert", dynamic}, arch: "llama", class: "LlamaForCausalLM", window: 16},
	{name: "dynamic-layers-differ", args: prune(dynamic, "--layer-ratio", "25%", "--layers", "0..0"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true, window: 16},
	{name: "query-heads-uniform", args: byQueryHead(rope3, "--layer-ratio", "34%", "--layers", "0..2"), arch: "llama", class: "LlamaForCausalLM"},
	{name: "query-heads-layers-differ", args: byQueryHead(rope3, "--layer-ratio", "67%", "--layers", "1..1"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "mistral-window-query-heads", args: byQueryHead(mistral, "--layer-ratio", "50%", "--layers", "0..0"), arch: "deci", class: "PrunedMistralForCausalLM", remote: true, window: 7},
	{name: "qwen2-query-heads-uniform", args: byQueryHead(qwen2, "--layer-ratio", "50%", "--layers", "0..1"), arch: "llama", class: "Qwen2ForCausalLM"},
	{name: "qwen3-query-heads-uniform", args: byQueryHead(qwen3, "--layer-ratio", "50%", "--layers", "0..1"), arch: "qwen3", class: "Qwen3ForCausalLM"},
	{name: "llama-biases-query-heads", args: byQueryHead(biased, "--layer-ratio", "50%", "--layers", "0..0"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "dropped-layers", args: prune(stories, "--drop-layers", "1..2"), arch: "llama", class: "LlamaForCausalLM"},
	{name: "dropped-layers-and-cut", args: prune(stories, "--drop-layers", "2", "--layer-ratio", "40%", "--layers", "1..3"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true},
	{name: "dropped-layers-gemma2", args: prune(gemma2, "--drop-layers", "0"), class: "Gemma2ForCausalLM"},
	{name: "SmolLM2", args: prune(smol, "--ratio", "20%"), arch: "deci", class: "PrunedLlamaForCausalLM", remote: true, large: true},
	{name: "SmolLM2-query-heads", args: byQueryHead(smol, "--layer-ratio", "34%", "--units", "query-heads", "--uniform"), arch: "llama", class: "LlamaForCausalLM", large: true},
}

const (
	stories   = "builtin:stories260K"
	rope3     = "../testdata/golden/llama_gqa_rope3"     // llama3 RoPE scaling, no tokenizer
	mistral   = "../../shared/golden/mistral_window"     // sliding window of 7
	qwen2     = "../../shared/golden/qwen2_bias"         // biases of q, k, v
	qwen3     = "../../shared/golden/qwen3_qknorm"       // norms of the heads of q and k
	phi3      = "../../shared/golden/phi3_fused"         // q, k, v in one tensor, gate and up in another
	longrope  = "../testdata/golden/phi3_longrope"       // rows beyond the original context; _short: within
	gemma     = "../../shared/golden/gemma"              // one KV head
	gemma2    = "../../shared/golden/gemma2_softcap"     // soft caps, a window of 9 in even layers
	tinyLlama = "../../shared/data/tokenizers/tinyllama" // a SentencePiece tokenizer of 32,000 tokens
	smol      = "../../shared/data/models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
)

func prune(model string, args ...string) []string {
	return append([]string{"prune", model, "--method", "l2", "--compensate", "none", "--no-eval"}, args...)
}

func byQueryHead(model string, args ...string) []string {
	return prune(model, append([]string{"--units", "query-heads,channels"}, args...)...)
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
func eachCase(t *testing.T, test func(t *testing.T, c modelCase, gguf, folder string)) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.large && testing.Short() {
				t.Skip("SKIPPED: a large model, and -short was given")
			}
			args := slices.Clone(c.args)
			if make, ok := made[args[1]]; ok {
				args[1] = make(t)
			}
			if args[1] != stories {
				need(t, args[1])
			}
			gguf, folder := filepath.Join(t.TempDir(), "model.gguf"), filepath.Join(t.TempDir(), "model")
			moreau(t, append(args, "--dtype", "f32", "-o", folder)...)
			if c.arch != "" {
				moreau(t, append(args, "--dtype", "f32", "-o", gguf)...)
			}
			test(t, c, gguf, folder)
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
	dir := t.TempDir()
	writeFiles(t, dir, map[string][]byte{"in.json": data})
	return filepath.Join(dir, "in.json")
}
