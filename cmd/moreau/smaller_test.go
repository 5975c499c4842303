package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// typesOf counts the matrices of a GGUF file by their types.
func typesOf(t *testing.T, path string) map[tensor.DType]int {
	t.Helper()
	g, err := checkpoint.OpenGGUF(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	types := map[tensor.DType]int{}
	for _, info := range g.Tensors() {
		if len(info.Shape) > 1 {
			types[info.DType]++
		}
	}
	return types
}

// A file of blocks becomes a smaller one of the same blocks, refitted or not, and what is
// printed is of the two files.
func TestPrunedBlocksAreSmaller(t *testing.T) {
	dir := t.TempDir()
	source, out := filepath.Join(dir, "source.gguf"), filepath.Join(dir, "out.gguf")
	must(t, "convert", stories, "--dtype", "q4_1", "-o", source)
	whole := len(read(t, source))
	for _, refit := range []string{"none", "refit"} {
		plan := parsed[pruneJSON](t, must(t, "prune", source, "--ratio", "10%", "--align", "4", "--method", "l1", "--compensate", refit, "--refit-rows", "8", "--no-eval", "--force", "-o", out, "--json").stdout).Plan
		if plan.BytesBefore != int64(whole) || plan.BytesAfter != int64(len(read(t, out))) || plan.BytesAfter >= plan.BytesBefore || plan.Warnings != nil {
			t.Errorf("%s: %d -> %d bytes, warnings %q; the files have %d and %d", refit, plan.BytesBefore, plan.BytesAfter, plan.Warnings, whole, len(read(t, out)))
		}
		// Rows of down_proj are no whole blocks of Q4_1, 172 before; the embedding, which is the output matrix too, is finer.
		if got, want := typesOf(t, out), map[tensor.DType]int{tensor.Q4_1: 30, tensor.Q8_0: 1, tensor.F16: 5}; !maps.Equal(got, want) {
			t.Errorf("%s: matrices of %v, want %v", refit, got, want)
		}
	}
	r := must(t, "prune", source, "--ratio", "10%", "--method", "l1", "--compensate", "none", "--chunks", "2", "--force", "-o", out)
	want := fmt.Sprintf("%s -> %s bytes", count(int64(whole)), count(int64(len(read(t, out)))))
	if !strings.Contains(r.stdout, want) || !strings.Contains(r.stdout, "bytes of weights") || strings.Contains(r.stdout, "warning") {
		t.Errorf("want %q and a row of the table in\n%s", want, r.stdout)
	}
	if plan := must(t, "prune", source, "--ratio", "10%", "--dry-run").stdout; !strings.Contains(plan, "file size    "+count(int64(whole))+" -> ") {
		t.Errorf("a plan without an output says\n%s", plan)
	}
}

// What is larger than its source is a warning with the flag that mends it, in plan, result and JSON.
func TestLargerIsAWarning(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "source.gguf")
	must(t, "convert", stories, "--dtype", "q8_0", "-o", source)
	whole, blocks := filepath.Join(dir, "whole.gguf"), filepath.Join(dir, "blocks.gguf") // rows of down_proj are whole blocks, and none once a channel goes
	must(t, "prune", stories, "--ratio", "20%", "--uniform", "--align", "32", "--method", "l1", "--compensate", "none", "--no-eval", "-o", whole)
	must(t, "convert", whole, "--dtype", "q4_0", "-o", blocks)
	config, wide := t.TempDir(), filepath.Join(dir, "wide.gguf")
	write(t, filepath.Join(config, "config.json"), `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 512, "hidden_size": 256, "intermediate_size": 512,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-5}`)
	must(t, "synth", "--like", config, "--dtype", "q4_k", "-o", wide)
	for _, c := range []struct{ source, out, args, want string }{
		{source, "a.gguf", "--ratio 20% --dtype f32", "larger than its source; without --dtype, as stored, it takes "},
		{source, "a", "--ratio 20%", "larger than its source; folders hold no blocks: write a .gguf file, which keeps the types of the source"},
		{source, "b", "--ratio 20% --dtype f32", "folders hold no blocks"},
		{source, "b.gguf", "--ratio 10% --dtype q4_k", "most rows are no whole blocks of q4_k; --dtype q4_1 fits them: "},
		{blocks, "c.gguf", "--ratio 1% --align 1 --layers 0..4", "larger than its source; cut more"},
		{wide, "d.gguf", "--ratio 1% --align 32 --layers 1..1", "larger than its source; with --dtype q4_0 it takes "},
	} {
		args := append([]string{"prune", c.source, "--method", "l1", "--compensate", "none", "--no-eval", "-o", filepath.Join(dir, c.out)}, strings.Fields(c.args)...)
		plan := must(t, append(args, "--dry-run")...).stdout
		result := must(t, args...).stdout
		_, after, _ := strings.Cut(result, "\nwrote ")
		if !strings.Contains(plan, c.want) || !strings.Contains(after, "warning: ") || !strings.Contains(after, c.want) {
			t.Errorf("%s: want %q in the plan\n%s\nand at the end of\n%s", c.args, c.want, plan, result)
		}
		p := parsed[planJSON](t, must(t, append(args, "--dry-run", "--json", "--force")...).stdout)
		if !strings.Contains(strings.Join(p.Warnings, "\n"), c.want) {
			t.Errorf("%s: warnings %q in JSON", c.args, p.Warnings)
		}
	}
}
