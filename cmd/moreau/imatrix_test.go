package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/imatrix"
	"moreau/internal/job"
	"moreau/internal/tensor"
)

// opened is a GGUF file, until the test ends.
func opened(t *testing.T, path string) (g *checkpoint.GGUF) {
	t.Helper()
	g, err := checkpoint.OpenGGUF(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// Blocks of convert are those that importance chooses of the exact weights, and measure better.
func TestImatrix(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	r := parsed[job.ImatrixReport](t, must(t, "imatrix", stories, "--rows", "64", "--calib", "builtin:stories:3,self", "-o", at("i.gguf"), "--json").stdout)
	if r.Tensors != 35 || r.Calib.Rows != 64 || len(r.Calib.Mix) != 2 {
		t.Errorf("reported %+v", r)
	}
	must(t, "convert", stories, "-o", at("exact.gguf"))
	must(t, "convert", stories, "--dtype", "q4_0", "-o", at("plain.gguf"))
	must(t, "convert", stories, "--dtype", "q4_0", "--imatrix", at("i.gguf"), "-o", at("chosen.gguf"))
	only(t, dir, "chosen.gguf", "exact.gguf", "i.gguf", "plain.gguf")
	means, err := imatrix.Read(at("i.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	sameBlocks(t, opened(t, at("exact.gguf")), opened(t, at("chosen.gguf")), func(string) []int { return nil }, means)
	perplexity := func(path string) float64 {
		return parsed[struct{ Perplexity []job.Measured }](t, must(t, "eval", path, "--chunks", "64", "--json").stdout).Perplexity[0].Perplexity
	}
	if plain, chosen := perplexity(at("plain.gguf")), perplexity(at("chosen.gguf")); chosen >= plain {
		t.Errorf("perplexity %g with importance, %g without", chosen, plain)
	}
}

// sameBlocks checks every Q4_0 tensor of got against the exact one, weighted by the columns of means that are kept; nil keeps all.
func sameBlocks(t *testing.T, exact, got *checkpoint.GGUF, kept func(name string) []int, means map[string][]float32) {
	t.Helper()
	blocks := 0
	for _, info := range got.Tensors() {
		if info.DType != tensor.Q4_0 || !strings.HasPrefix(info.Name, "blk.") {
			continue
		}
		blocks++
		x, errX := exact.Read(info.Name)
		q, errQ := got.Read(info.Name)
		if errX != nil || errQ != nil {
			t.Fatal(errX, errQ)
		}
		weights := means[info.Name]
		if columns := kept(info.Name); columns != nil {
			weights = nil
			for _, j := range columns {
				weights = append(weights, means[info.Name][j])
			}
		}
		if want := tensor.EncodeWeighted(tensor.Q4_0, x.Float32(), weights); !slices.Equal(q.Data, want) {
			t.Errorf("%s: blocks differ from those of its columns' importance", info.Name)
		}
	}
	if blocks == 0 {
		t.Error("no blocks")
	}
}

// Importance goes with the columns that stay, and with the layers.
func TestPruneByImatrix(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, "imatrix", stories, "--rows", "16", "-o", at("i.gguf"))
	prune := []string{"prune", stories, "--ratio", "20%", "--method", "l1", "--align", "32", "--drop-layers", "2", "--no-eval", "--compensate", "none"}
	must(t, append(prune, "-o", at("exact.gguf"), "--save-plan", at("plan.json"))...)
	must(t, append(prune, "--dtype", "q4_0", "--imatrix", at("i.gguf"), "-o", at("chosen.gguf"))...)
	must(t, "prune", stories, "--plan", at("plan.json"), "--no-eval", "--dtype", "q4_0", "--imatrix", at("i.gguf"), "-o", at("again.gguf"))
	sameFiles(t, "the plan again", at("chosen.gguf"), at("again.gguf"))
	all, err := imatrix.Read(at("i.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	layers := parsed[struct {
		Stages []struct {
			Cut *struct {
				Layers []struct {
					Heads []int `json:"pruned_heads"`
					MLP   []int `json:"pruned_mlp"`
				}
			}
		}
	}](t, read(t, at("plan.json"))).Stages[1].Cut.Layers
	means, kept := map[string][]float32{}, map[string][]int{}
	for l, layer := range layers {
		from, to := fmt.Sprintf("blk.%d.", []int{0, 1, 3, 4}[l]), fmt.Sprintf("blk.%d.", l)
		for name, w := range all {
			if rest, ok := strings.CutPrefix(name, from); ok {
				means[to+rest] = w
			}
		}
		for j := range 172 {
			if !slices.Contains(layer.MLP, j) {
				kept[to+"ffn_down.weight"] = append(kept[to+"ffn_down.weight"], j)
			}
		}
		for j := range 64 {
			if !slices.Contains(layer.Heads, j/16) {
				kept[to+"attn_output.weight"] = append(kept[to+"attn_output.weight"], j)
			}
		}
	}
	sameBlocks(t, opened(t, at("exact.gguf")), opened(t, at("chosen.gguf")), func(name string) []int { return kept[name] }, means)
}

func TestImatrixRefusals(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "i.gguf"), filepath.Join(dir, "out.gguf")
	refused(t, exitUsage, []string{"-o imatrix.gguf"}, "imatrix", stories)
	refused(t, exitUsage, []string{"--rows 0"}, "imatrix", stories, "--rows", "0", "-o", file)
	must(t, "imatrix", stories, "--rows", "2", "-o", file)
	refused(t, exitOutput, []string{file, "exists"}, "imatrix", stories, "-o", file)
	refused(t, exitUsage, []string{"--imatrix", "--dtype q*"}, "convert", stories, "--imatrix", file, "-o", out)
	refused(t, exitOutput, []string{file, "is read by this run"}, "convert", stories, "--dtype", "q4_0", "--imatrix", file, "-o", file, "--force")
	refused(t, exitInput, []string{stories[len("builtin:"):]}, "convert", stories, "--dtype", "q4_0", "--imatrix", filepath.Join(dir, stories[len("builtin:"):]), "-o", out)
	only(t, dir, "i.gguf")
}
