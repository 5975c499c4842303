package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A bare ratio takes channels alone, measures what that costs in each layer, takes less where it costs more, and
// refits; the plan keeps the shares, and the same is done from scores.
func TestBarePrune(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	sizes := func(name string, args ...string) (channels []int) {
		must(t, append([]string{"prune", stories, "--ratio", "20%", "--save-plan", at(name + ".json"), "-o", at(name)}, args...)...)
		for _, l := range parsed[inspection](t, must(t, "inspect", at(name), "--json").stdout).Layers {
			if l.Heads != 8 || l.KVHeads != 4 {
				t.Errorf("%s lost heads: %+v", name, l)
			}
			channels = append(channels, l.Intermediate)
		}
		return channels
	}
	bare := sizes("bare.gguf", "--save-scores", at("scores.json"), "--chunks", "16")
	r := must(t, "prune", stories, "--ratio", "20%", "--drop-layers", "0", "--no-eval", "-o", at("dropped.gguf"))
	mentions(t, r.stdout, "layer  channels", "divergence (KL) when cut as the others, alone", "\n2      172 -> ", "\n3      172 -> ")
	alike := sizes("alike.gguf", "--allocate", "uniform", "--no-eval")
	if bare[0] != 172 || bare[4] != 172 || slices.Equal(bare, alike) || slices.Max(alike[1:4])-slices.Min(alike[1:4]) > 1 {
		t.Errorf("measured %v, alike %v", bare, alike)
	}
	plan := parsed[struct {
		Stages []struct {
			Refit any
			Cut   struct{ Budget struct{ Shares []float64 } }
		}
	}](t, read(t, at("bare.gguf.json")))
	shares := plan.Stages[1].Cut.Budget.Shares
	if plan.Stages[0].Refit == nil || len(shares) != 5 || shares[0] != 0 || slices.Index(shares, slices.Max(shares)) != slices.Index(bare, slices.Min(bare)) {
		t.Errorf("shares %v, layers of %v channels", shares, bare)
	}
	sizes("scores.gguf", "--scores", at("scores.json"), "--no-eval")
	sameFiles(t, "from scores", at("bare.gguf"), at("scores.gguf"))
	sizes("threads.gguf", "--threads", "1", "--no-eval")
	sameFiles(t, "one thread", at("bare.gguf"), at("threads.gguf"))
	must(t, "verify", stories, at("bare.gguf"), "--plan", at("bare.gguf.json"))
}

// Without rows for it nothing is refitted, and the plan says why; asked for, it is refused. So is a measurement without a refit,
// or of what it cannot share out.
func TestNoRowsForARefit(t *testing.T) {
	one := write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1,2,3,4,5,6]]")
	out := filepath.Join(t.TempDir(), "out.gguf")
	prune := []string{"prune", stories, "--no-eval", "-o", out}
	r := must(t, append(prune, "--ratio", "20%", "--ids", one)...)
	mentions(t, r.stdout, "layers 1..3 (protected: 0, 4), alike\n", "refit        none: "+one+": a refit needs two rows")
	for args, words := range map[string]string{
		"--ratio 20% --allocate measured --compensate none": "goes with a refit|--compensate refit",
		"--ratio 20% --allocate measured --ids " + one:      "goes with a refit",
		"--layer-ratio 20% --allocate measured":             "by a number of parameters",
		"--ratio 5% --allocate measured --layers 2":         "more than one layer",
		"--ratio 5% --allocate measured --units kv-groups":  "cut channels",
		"--ratio 20% --compensate refit --refit-dense 2":    "--refit-dense 2: want 0 to 1",
		"--ratio 20% --compensate refit --refit-dense -0.1": "--refit-dense -0.1: want 0 to 1",
		"--ratio 20% --compensate best":                     `--compensate "best": want auto, refit, bias or none`,
	} {
		refused(t, exitUsage, strings.Split(words, "|"), append([]string{"prune", stories, "--no-eval", "-o", out + "2"}, strings.Fields(args)...)...)
	}
}
