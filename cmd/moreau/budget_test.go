package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseCount(t *testing.T) {
	for text, want := range map[string]int64{"5.4B": 5.4e9, "2b": 2e9, "5m": 5e6, "4K": 4e3, "1.5k": 1500, "120M": 120e6, "900k": 900e3, "5,422,977,024": 5422977024, "7": 7} {
		if got, err := parseCount("params", text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"B", "-1M", "0", "many", "1e30", "NaN"} {
		if got, err := parseCount("params", text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

// The output is within --size, and one more unit would not be.
func TestSizeIsMet(t *testing.T) {
	for _, name := range []string{"out.gguf", "folder"} {
		out := filepath.Join(t.TempDir(), name)
		must(t, "prune", stories, "--size", "900KiB", "--method", "l1", "--no-eval", "-o", out)
		bytes := int64(0)
		filepath.Walk(out, func(_ string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				bytes += info.Size()
			}
			return err
		})
		if most := int64(900 << 10); bytes > most || bytes < most-64<<10 {
			t.Errorf("%s takes %d bytes, want up to %d and not much less", name, bytes, most)
		}
	}
	out := filepath.Join(t.TempDir(), "x.gguf")
	refused(t, exitUsage, []string{"fits as it is"}, "prune", stories, "--size", "1GiB", "--no-eval", "-o", out)
	refused(t, exitUsage, []string{"cannot be reached"}, "prune", stories, "--size", "1KiB", "--no-eval", "-o", out)
	refused(t, exitUsage, []string{"-o OUT"}, "prune", stories, "--size", "1MiB", "--dry-run")
}

// The smallest cut is enough for a size just below the model's own.
func TestSizeJustBelow(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.gguf")
	dense := filepath.Join(t.TempDir(), "dense.gguf")
	must(t, "convert", stories, "-o", dense)
	whole := len(read(t, dense))
	prune := []string{"prune", stories, "--units=kv-groups", "--method", "l1", "--no-eval", "-o", out, "--size"}
	refused(t, exitUsage, []string{"fits as it is", fmt.Sprint(whole)}, append(prune, fmt.Sprint(whole))...)
	must(t, append(prune, fmt.Sprint(whole-1))...)
	if got := len(read(t, out)); got >= whole {
		t.Errorf("%d bytes of %d", got, whole)
	}
}

// No larger plan fits, though cuts that leave no whole blocks make files larger.
func TestSizeOfBlockTypes(t *testing.T) {
	config := filepath.Join("..", "..", "testdata", "configs", "llama-148m")
	plan := func(args ...string) (p planJSON) {
		text := must(t, append([]string{"prune", config, "--dry-run", "--json", "--dtype", "q4_0", "--align", "8", "--layers", "4..4", "-o", filepath.Join(t.TempDir(), "x.gguf")}, args...)...).stdout
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	most := plan("--params", "147M").BytesBefore - 500_000
	fits := plan("--size", fmt.Sprint(most))
	if fits.OutputBytes > most {
		t.Fatalf("%d bytes", fits.OutputBytes)
	}
	larger := 0
	for params := fits.ParamsBefore - 1; ; larger++ {
		p := plan("--params", fmt.Sprint(params))
		if p.OutputBytes <= most {
			if p.ParamsAfter != fits.ParamsAfter {
				t.Errorf("%d parameters stay, %d fit too", fits.ParamsAfter, p.ParamsAfter)
			}
			break
		}
		params = p.ParamsAfter - 1
	}
	if larger == 0 {
		t.Error("nothing larger was tried")
	}
}

// --uniform gives every layer one size, which the stock architecture holds.
func TestUniform(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.gguf")
	plan := must(t, "prune", stories, "--params", "200k", "--uniform", "--method", "l1", "--no-eval", "-o", out, "--dry-run").stdout
	if !strings.Contains(plan, "layers 0..4") || !strings.Contains(plan, "architecture llama") {
		t.Errorf("plan %s", plan)
	}
}

// Where the output has one size for all layers, and nothing is said about layers, all are cut alike.
func TestUniformByFormat(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config.json"), `{"model_type": "qwen3", "vocab_size": 64, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 12,
		"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 8, "max_position_embeddings": 64, "tie_word_embeddings": true}`)
	plan := func(args ...string) string {
		return must(t, append([]string{"prune", dir, "--ratio", "20%", "--method", "l2", "--no-eval", "--dry-run"}, args...)...).stdout
	}
	mentions(t, plan("-o", filepath.Join(dir, "x.gguf")), "layers 0..11, all alike (a GGUF file has one size for all layers of a qwen3)", "architecture qwen3")
	mentions(t, plan("-o", filepath.Join(dir, "x")), "layers 2..10", "PrunedQwen3ForCausalLM")
	refused(t, exitOutput, []string{"--uniform"}, "prune", dir, "--ratio", "20%", "--layers", "1..5", "--method", "l2", "--no-eval", "--dry-run", "-o", filepath.Join(dir, "x.gguf"))
}
