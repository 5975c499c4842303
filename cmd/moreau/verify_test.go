package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/job"
	"moreau/internal/tensor"
)

func TestVerify(t *testing.T) {
	for _, dtype := range []string{"f32", "f16", "bf16"} {
		for _, name := range []string{"out.gguf", "folder"} {
			out := filepath.Join(t.TempDir(), name)
			must(t, "prune", stories, "--ratio", "20%", "--method", "l1", "--no-eval", "--dtype", dtype, "-o", out)
			if got := must(t, "verify", stories, out).stdout; !strings.Contains(got, "PASS") {
				t.Errorf("%s, %s: %s", dtype, name, got)
			}
		}
	}
}

// Heads under a norm over all of them: the plan says so, and verify does not call the right file wrong.
func TestWideNorms(t *testing.T) {
	for args, says := range map[string]bool{"": true, "--units=channels": false} {
		out := filepath.Join(t.TempDir(), "folder")
		prune := append([]string{"prune", golden("olmo2"), "--layer-ratio", "50%", "--method", "l2", "--no-eval", "-o", out}, strings.Fields(args)...)
		if got := must(t, prune...).stdout; strings.Contains(got, "norm over all of them") != says {
			t.Errorf("%s: %s", args, got)
		}
		if got := must(t, "verify", golden("olmo2"), out).stdout; !strings.Contains(got, "PASS") || strings.Contains(got, "not masked") != says {
			t.Errorf("%s: %s", args, got)
		}
	}
}

// A row of the embedding that no token of the batch reads is compared too.
func TestVerifyEmbedding(t *testing.T) {
	tampered := filepath.Join(t.TempDir(), "folder")
	must(t, "convert", golden("llama_mha"), "-o", tampered)
	weights(func(m checkpoint.Memory) {
		const name = "model.embed_tokens.weight"
		values := m[name].Float32()
		for i := range 32 {
			values[i] = 0
		}
		m[name] = tensor.FromFloat32(tensor.F32, m[name].Shape, values)
	})(t, tampered)
	args := []string{"verify", golden("llama_mha"), tampered, "--rows", "1", "--seq-len", "4", "--json"}
	var v job.VerifyReport
	if r := run(t.Context(), args...); json.Unmarshal([]byte(r.stdout), &v) != nil || r.code != exitFailure || v.MaxAbs != 0 || v.Embedding < 0.1 {
		t.Errorf("code %d, %s, %s", r.code, r.stdout, r.message)
	}
}

// A model whose weights are other than the mask says does not pass.
func TestVerifyFails(t *testing.T) {
	dir := t.TempDir()
	small, other := filepath.Join(dir, "small.gguf"), filepath.Join(dir, "other.gguf")
	must(t, "prune", stories, "--ratio", "20%", "--method", "l1", "--no-eval", "--dtype", "f32", "-o", small)
	tampered := filepath.Join(dir, "folder")
	must(t, "convert", small, "-o", tampered)
	weights(func(m checkpoint.Memory) {
		const name = "model.layers.2.mlp.up_proj.weight"
		values := m[name].Float32()
		for i := range values {
			values[i] *= 1.05
		}
		m[name] = tensor.FromFloat32(tensor.F32, m[name].Shape, values)
	})(t, tampered)
	r := run(t.Context(), "verify", stories, tampered, "--json")
	var v job.VerifyReport
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || v.Pass || r.code != exitFailure {
		t.Errorf("code %d, %s, %s", r.code, r.stdout, r.message)
	}
	weights(func(m checkpoint.Memory) {
		m["model.norm.weight"] = filled([]int{64}, float32(math.NaN()))
	})(t, tampered)
	refused(t, exitFailure, []string{tampered, "model.norm.weight", "NaN"}, "verify", stories, tampered, "--json")
	must(t, "synth", "--like", stories, "-o", other, "--dtype", "f32")
	refused(t, exitInput, []string{"do not belong together"}, "verify", stories, other)
	refused(t, exitInput, []string{"do not belong together"}, "verify", small, stories)
	refused(t, exitUsage, []string{"two models"}, "verify", stories)
}
