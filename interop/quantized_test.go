package interop

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/hybridgroup/yzma/pkg/llama"

	"moreau/internal/tensor"
)

// wideConfig is a Llama whose rows of 256 and 512 values fit every block type.
const wideConfig = `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 512, "hidden_size": 256,
"intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
"rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false}`

// roundedDiff is the share of the largest logit by which one may differ; up to
// 0.08 was measured.
const roundedDiff = 0.2

// llama.cpp loads files of every block type and computes what moreau computes
// of them, but for its rounding of activations to 8 bits.
func TestLlamaCppQuantized(t *testing.T) {
	needLlamaCpp(t)
	config := t.TempDir()
	writeFiles(t, config, map[string]string{"config.json": wideConfig})
	pruned := prune(stories, "--layer-ratio", "40%", "--layers", "1..3")
	rows := tokens(3, 24)
	for _, c := range []struct {
		name string
		args []string
	}{{"dense", []string{"convert", stories}}, {"pruned", pruned}, {"wide", []string{"synth", "--like", config}}, {"SmolLM2", []string{"convert", smol}}} {
		for _, q := range quants {
			t.Run(c.name+"/"+q.dtype.String(), func(t *testing.T) {
				if _, err := os.Stat(smol); c.args[1] == smol && (err != nil || testing.Short()) {
					t.Skipf("SKIPPED: needs %s, and no -short", smol)
				}
				path := filepath.Join(t.TempDir(), "model.gguf")
				moreau(t, append(c.args, "--dtype", dtypeName(q.dtype), "-o", path)...)
				model := openLlamaCpp(t, path)
				if kind, _ := llama.ModelMetaValStr(model, "general.file_type"); kind != fileTypes[q.dtype] {
					t.Errorf("file type %s, want %s", kind, fileTypes[q.dtype])
				}
				want := moreauLogits(t, path, writeJSON(t, rows))
				compare(t, allLogits(t, model, rows), want, roundedDiff*float64(largest(want)))
			})
		}
	}
}

func largest(x []float32) float32 {
	var most float32
	for _, v := range x {
		most = max(most, v, -v)
	}
	return most
}

// Prompts in bf16, as generate takes them, are no farther from float32 than llama.cpp's, whose activations have
// 8 bits.
func TestPromptsNotCoarserThanLlamaCpp(t *testing.T) {
	needLlamaCpp(t)
	if _, err := os.Stat(smol); err != nil || testing.Short() {
		t.Skipf("SKIPPED: needs %s, and no -short", smol)
	}
	ids, out := writeJSON(t, tokens(2, 48)), filepath.Join(t.TempDir(), "logits.safetensors")
	for _, d := range []tensor.DType{tensor.Q8_0, tensor.Q4_0} {
		path := filepath.Join(t.TempDir(), "model.gguf")
		moreau(t, "convert", smol, "--dtype", dtypeName(d), "-o", path)
		moreau(t, "logits", path, "--ids", ids, "--compute", "bf16", "--force", "-o", out)
		exact := moreauLogits(t, path, ids)
		ours, theirs := distance(readLogits(t, out), exact), distance(allLogits(t, openLlamaCpp(t, path), tokens(2, 48)), exact)
		t.Logf("%s: relative L2 distance of the logits from float32's: bf16 %.4f, llama.cpp %.4f", d, ours, theirs)
		if ours > theirs {
			t.Errorf("%s: prompts in bf16 are farther from float32 than llama.cpp's", d)
		}
	}
}

// distance is ||x - want|| / ||want||.
func distance(x, want []float32) float64 {
	var diff, size float64
	for i, w := range want {
		diff += math.Pow(float64(x[i]-w), 2)
		size += math.Pow(float64(w), 2)
	}
	return math.Sqrt(diff / size)
}
