package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/job"
	"moreau/internal/tensor"
)

// readFolder is all files of a folder, or the file, by name.
func readFolder(t *testing.T, path string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(path)
	if err != nil {
		return map[string]string{"": read(t, path)}
	}
	for _, e := range entries {
		files[e.Name()] = read(t, filepath.Join(path, e.Name()))
	}
	return files
}

func sameFiles(t *testing.T, what, a, b string) {
	t.Helper()
	x, y := readFolder(t, a), readFolder(t, b)
	if len(x) != len(y) {
		t.Errorf("%s: %d files and %d", what, len(x), len(y))
	}
	for name, text := range x {
		if y[name] != text {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// savedPlan is what a plan.json says beside units.
type savedPlan struct {
	Command string
	Weights string `json:"weights_sha256"`
	Stages  []map[string]json.RawMessage
}

// keys are the stages of a plan, none of which is empty.
func (p savedPlan) keys(t *testing.T) (keys []string) {
	t.Helper()
	for _, s := range p.Stages {
		for key, value := range s {
			if keys = append(keys, key); key == "cut" && strings.Count(string(value), `"pruned_mlp":[]`) == strings.Count(string(value), `"pruned_mlp":`) {
				t.Error("a cut that cuts nothing")
			}
		}
	}
	return keys
}

// A plan that was saved gives the same bytes again, the card's too, and itself.
func TestPlanIsDoneAgain(t *testing.T) {
	for _, what := range []string{"--ratio 20%", "--drop-layers 1,3", "--drop-layers 2 --ratio 30%", "--ratio 20% --allocate global",
		"--drop-layers 0 --layer-ratio 50% --units query-heads,channels"} {
		for _, name := range []string{"out.gguf", "folder"} {
			dir := t.TempDir()
			first, second, plan, again := filepath.Join(dir, "a-"+name), filepath.Join(dir, "b-"+name), filepath.Join(dir, "plan.json"), filepath.Join(dir, "again.json")
			common := []string{"--ppl", "t=" + write(t, filepath.Join(dir, "t.txt"), strings.Repeat("Once upon a time. ", 40)), "--seq", "32"}
			must(t, slices.Concat([]string{"prune", stories, "-o", first, "--save-plan", plan}, strings.Fields(what), quick, common)...)
			r := must(t, slices.Concat([]string{"prune", stories, "-o", second, "--plan", plan, "--save-plan", again, "--threads", "3"}, common)...)
			sameFiles(t, what, first, second)
			if read(t, plan) != read(t, again) {
				t.Errorf("%s: the plan that was done again is another", what)
			}
			if p := parsed[savedPlan](t, read(t, plan)); len(p.Weights) != 64 || len(p.Stages) != len(p.keys(t)) || !strings.HasPrefix(p.Command, "moreau prune "+stories) {
				t.Errorf("%s: the plan says %+v", what, p)
			}
			if strings.Contains(r.stderr, "scoring") {
				t.Errorf("%s: scored again: %s", what, r.stderr)
			}
		}
	}
}

// A plan of version 1, which says nothing of weights, is done too.
func TestOldPlanIsDone(t *testing.T) {
	dir := t.TempDir()
	first, second, plan := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "b.gguf"), filepath.Join(dir, "plan.json")
	must(t, "prune", stories, "--no-eval", "--ratio", "20%", "--method", "l1", "--compensate", "none", "-o", first, "--save-plan", plan)
	f := parsed[struct {
		Before int64 `json:"params_before"`
		After  int64 `json:"params_after"`
		Stages []struct {
			Cut struct{ Layers json.RawMessage }
		}
	}](t, read(t, plan))
	old, err := json.Marshal(map[string]any{"format": "moreau-plan", "version": 1, "budget": map[string]any{"ratio": 0.2, "selection": "local"},
		"budget_layers": "1..3", "budget_kinds": []string{"heads", "mlp"}, "params_before": f.Before, "params_after": f.After, "layers": f.Stages[0].Cut.Layers})
	if err != nil {
		t.Fatal(err)
	}
	r := must(t, "prune", stories, "--no-eval", "--plan", write(t, plan, string(old)), "-o", second)
	sameFiles(t, "version 1", first, second)
	for _, want := range []string{"does not say of which weights", "layers 1..3 (protected: 0, 4), alike\n", "scores       " + plan + "\n"} {
		if !strings.Contains(r.stderr+r.stdout, want) {
			t.Errorf("%q is not in\n%s%s", want, r.stderr, r.stdout)
		}
	}
}

// otherWeights is the built-in model as a folder, with one weight changed or not.
func otherWeights(t *testing.T, changed bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	must(t, "convert", stories, "-o", dir)
	if changed {
		weights(func(m checkpoint.Memory) {
			const name = "model.layers.2.mlp.up_proj.weight"
			values := m[name].Float32()
			values[7] += 1
			m[name] = tensor.FromFloat32(tensor.F32, m[name].Shape, values)
		})(t, dir)
	}
	return dir
}

// Scores and plans are of the weights that they say, whatever file holds these; others
// are refused, unless that is asked for. Files that say nothing are taken.
func TestOtherWeightsAreRefused(t *testing.T) {
	dir := t.TempDir()
	scores, plan, out := score(t), filepath.Join(dir, "plan.json"), filepath.Join(dir, "out.gguf")
	must(t, "prune", stories, "--no-eval", "--ratio", "20%", "--scores", scores, "--compensate", "none", "-o", out, "--save-plan", plan)
	same, other := otherWeights(t, false), otherWeights(t, true)
	for _, source := range [][]string{{"--ratio", "20%", "--compensate", "none", "--scores", scores}, {"--plan", plan}} {
		args := func(model string) []string {
			return slices.Concat([]string{"prune", model, "--no-eval", "--force", "-o", out}, source)
		}
		must(t, args(same)...)
		refused(t, exitInput, []string{source[len(source)-1], other, "other weights", "--force-scores"}, args(other)...)
		if r := must(t, append(args(other), "--force-scores")...); !strings.Contains(r.stderr, "other weights") {
			t.Errorf("%v: forced without a word: %q", source, r.stderr)
		}
		file := source[len(source)-1]
		var f map[string]any
		if err := json.Unmarshal([]byte(read(t, file)), &f); err != nil {
			t.Fatal(err)
		}
		delete(f, "weights_sha256")
		if m, ok := f["manifest"].(map[string]any); ok {
			delete(m, "weights_sha256")
		}
		old, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, string(old))
		if r := must(t, args(other)...); !strings.Contains(r.stderr, "does not say of which weights") {
			t.Errorf("%v: taken without a word: %q", source, r.stderr)
		}
	}
}

// A dropped model is written, measured, read and verified as any other.
func TestDropLayers(t *testing.T) {
	for _, c := range []struct{ args, layers string }{{"--drop-layers 3", "0..2, 4"}, {"--drop-layers 0..1", "2..4"}, {"--drop-layers 3,1 --ratio 45%", "0, 2, 4"}} {
		for _, name := range []string{"out.gguf", "folder"} {
			out := filepath.Join(t.TempDir(), name)
			common := []string{"--seq", "64", "--chunks", "8", "--json"}
			r := parsed[pruneJSON](t, must(t, slices.Concat([]string{"prune", stories, "--method", "l2", "-o", out}, strings.Fields(c.args), common)...).stdout)
			e := parsed[struct{ Perplexity []job.Measured }](t, must(t, append([]string{"eval", out, "--ppl", "held-out=builtin:stories"}, common...)...).stdout)
			if a, b := r.After[0].Perplexity, e.Perplexity[0].Perplexity; a != b {
				t.Errorf("%s, %s: perplexity %g, prune said %g", c.args, name, b, a)
			}
			if i := parsed[inspection](t, must(t, "inspect", out, "--json").stdout); i.Parameters != r.Plan.ParamsAfter || len(i.Layers) != 5-len(r.Plan.Dropped) {
				t.Errorf("%s, %s: %d parameters in %d layers, the plan says %d", c.args, name, i.Parameters, len(i.Layers), r.Plan.ParamsAfter)
			}
			if v := must(t, "verify", stories, out).stdout; !strings.Contains(v, "PASS") || !strings.Contains(v, c.layers) {
				t.Errorf("%s, %s: %s", c.args, name, v)
			}
			if strings.Contains(c.args, "45%") && (float64(r.Plan.ParamsAfter) > 0.55*float64(r.Plan.ParamsBefore) || r.Plan.ParamsBefore != 260_032) {
				t.Errorf("%s: %d parameters are left of %d", c.args, r.Plan.ParamsAfter, r.Plan.ParamsBefore)
			}
		}
	}
}

// Whole layers that scores chose are told when they are known, and scores that were saved choose the same.
func TestChosenLayers(t *testing.T) {
	dir := t.TempDir()
	saved, out := filepath.Join(dir, "s.json"), filepath.Join(dir, "folder")
	common := []string{"prune", stories, "--no-eval", "--units", "layers", "--ratio", "20%"}
	plan := filepath.Join(dir, "plan.json")
	r := must(t, append(common, "--rows", "4", "-o", out, "--save-scores", saved, "--save-plan", plan)...)
	must(t, "prune", stories, "--no-eval", "--plan", plan, "-o", filepath.Join(dir, "again"))
	sameFiles(t, "the saved plan", out, filepath.Join(dir, "again"))
	if keys := parsed[savedPlan](t, read(t, plan)).keys(t); !slices.Equal(keys, []string{"refit", "drop_layers"}) {
		t.Errorf("the plan's stages are %v", keys)
	}
	if v := must(t, "verify", stories, out, "--plan", plan).stdout; !strings.Contains(v, "PASS") || !strings.Contains(v, "refit") {
		t.Error(v)
	}
	s := parsed[struct{ Layers []struct{ Whole []float64 } }](t, read(t, saved))
	order := []int{1, 2, 3}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(s.Layers[a].Whole[0], s.Layers[b].Whole[0]) })
	gone := order[:2]
	slices.Sort(gone)
	for text, words := range map[string][]string{
		r.stdout:                                 {"2 of 5 layers, whichever score lowest", "layers 1..3 (protected: 0, 4)", "divergence, 1 passes over 4 x", "stands in for them", "dropped layers " + spans(gone)},
		read(t, filepath.Join(out, "README.md")): {"- dropped: layers " + spans(gone) + "\n", "- scores: divergence, 1 passes over 4 x"},
	} {
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not in\n%s", w, text)
			}
		}
	}
	again := filepath.Join(dir, "b.gguf")
	p := parsed[pruneJSON](t, must(t, append(common, "--scores", saved, "-o", again, "--json")...).stdout)
	if !slices.Equal(p.Plan.Dropped, gone) || p.Plan.CutLayers != "1..3" {
		t.Errorf("by saved scores %v go of %s, want %v", p.Plan.Dropped, p.Plan.CutLayers, gone)
	}
	if v := must(t, "verify", stories, again).stdout; !strings.Contains(v, "PASS") {
		t.Error(v)
	}
	if d := parsed[planJSON](t, must(t, append(common, "--dry-run", "--json")...).stdout); d.Dropped != nil || d.Layers != nil || d.ParamsAfter != p.Plan.ParamsAfter {
		t.Errorf("a dry run names layers %v, and %d parameters", d.Dropped, d.ParamsAfter)
	}
}

// The plan and the card say what was dropped.
func TestDroppedLayersAreTold(t *testing.T) {
	out := filepath.Join(t.TempDir(), "folder")
	r := must(t, "prune", stories, "--no-eval", "--drop-layers", "1..2,4", "-o", out)
	for text, words := range map[string][]string{
		r.stdout:                                 {"dropped      3 of 5 layers: 1..2, 4", "layers 1..2  dropped", "layers 3     8 query heads"},
		read(t, filepath.Join(out, "README.md")): {"- dropped: layers 1..2, 4\n", "| 1..2 | dropped | | |", "| 3 | 8 | 4 | 172 |"},
	} {
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not in\n%s", w, text)
			}
		}
		for _, w := range []string{"scores"} {
			if strings.Contains(text, w) {
				t.Errorf("%q is in\n%s", w, text)
			}
		}
	}
}

// Scores of what is left say which layers were dropped and have none for these; scores of
// the whole model serve too.
func TestScoresWithDroppedLayers(t *testing.T) {
	dir := t.TempDir()
	saved, whole := filepath.Join(dir, "s.json"), score(t, "--method", "l1")
	file := func(name string) string { return filepath.Join(dir, name+".gguf") }
	common := []string{"prune", stories, "--no-eval", "--drop-layers", "1", "--ratio", "30%"}
	must(t, append(common, "--method", "taylor", "-o", file("a"), "--save-scores", saved)...)
	s := parsed[struct {
		Manifest struct {
			Layers  string
			Dropped []int `json:"dropped_layers"`
		}
		Layers []struct{ Heads, MLP []float64 }
	}](t, read(t, saved))
	if len(s.Layers) != 5 || s.Layers[1].Heads != nil || s.Layers[1].MLP != nil || len(s.Layers[2].MLP) != 172 || !slices.Equal(s.Manifest.Dropped, []int{1}) || s.Manifest.Layers != "0..4" {
		t.Errorf("manifest %+v, %d layers", s.Manifest, len(s.Layers))
	}
	must(t, append(common, "--scores", saved, "-o", file("b"))...)
	sameFiles(t, "saved scores", file("a"), file("b"))
	must(t, append(common, "--scores", whole, "-o", file("c"))...)
	must(t, append(common, "--method", "l1", "-o", file("d"))...)
	sameFiles(t, "scores by l1 of the whole model", file("c"), file("d"))
	for _, drop := range [][]string{nil, {"--drop-layers", "2"}} {
		args := append([]string{"prune", stories, "--no-eval", "--ratio", "25%", "--layers", "0..4", "--scores", saved, "-o", file("e")}, drop...)
		refused(t, exitInput, []string{saved, "without layers [1]", "--force-scores"}, args...)
		refused(t, exitInput, []string{saved, "layers.", ".mlp"}, append(args, "--force-scores")...) // there are none to take
	}
}

// --layers and what is protected count as in the model given; the first and last of what
// stays are protected.
func TestDryRunOfDroppedLayers(t *testing.T) {
	config := filepath.Join(t.TempDir(), "llama-7b")
	if err := os.CopyFS(config, os.DirFS(filepath.Join(golden(""), "..", "configs", "llama-7b"))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, cut, protected string }{
		{"--drop-layers 20..24", "4..29", "0..3 30..31"},
		{"--drop-layers 0..1,31", "6..28", "2..5 29..30"},
		{"--drop-layers 20..24 --layers 10..22", "10..19", "0..9 25..31"},
	} {
		p := parsed[planJSON](t, must(t, append([]string{"prune", config, "--layer-ratio", "0.25", "--dry-run", "--json"}, strings.Fields(c.args)...)...).stdout)
		if p.CutLayers != c.cut || strings.Join(p.Protected, " ") != c.protected || len(p.Layers) != 32 {
			t.Errorf("%s: cut %s, protected %v, %d layers", c.args, p.CutLayers, p.Protected, len(p.Layers))
		}
	}
	out := filepath.Join(t.TempDir(), "out.gguf")
	p := parsed[planJSON](t, must(t, "prune", config, "--size", "3GB", "-o", out, "--dtype", "q4_0", "--drop-layers", "20..21", "--dry-run", "--json").stdout)
	if p.BytesAfter > 3e9 || p.BytesAfter < 2.9e9 || p.BytesBefore != 3_825_084_032 || len(p.Dropped) != 2 {
		t.Errorf("--size 3GB: %d -> %d bytes", p.BytesBefore, p.BytesAfter)
	}
	p = parsed[planJSON](t, must(t, "prune", config, "--size", "3.5GB", "-o", out, "--dtype", "q4_0", "--drop-layers", "20..24", "--dry-run", "--json").stdout)
	if p.CutLayers != "" || p.ParamsAfter != p.ParamsBefore-5*202_383_360 {
		t.Errorf("--size 3.5GB, which 27 layers fit: %d parameters are left, layers %q are cut", p.ParamsAfter, p.CutLayers)
	}
}

func TestRefusedStages(t *testing.T) {
	dir := t.TempDir()
	plan, out := filepath.Join(dir, "plan.json"), filepath.Join(dir, "out.gguf")
	must(t, "prune", stories, "--no-eval", "--method", "l1", "--ratio", "20%", "-o", filepath.Join(dir, "a.gguf"), "--save-plan", plan)
	for _, c := range []struct {
		code  int
		words string
		args  string
	}{
		{exitUsage, "--drop-layers|0..4", "--drop-layers 5"},
		{exitUsage, "--drop-layers|0..4", "--drop-layers x"},
		{exitUsage, "--drop-layers|each once", "--drop-layers 1..2,2"},
		{exitUsage, "at least one stays", "--drop-layers 0..4"},
		{exitUsage, "--layers 2..3|dropped", "--drop-layers 2..3 --layers 2..3 --ratio 50%"},
		{exitUsage, "dropped layers are 0.1747", "--drop-layers 2 --ratio 10%"},
		{exitUsage, "say how much|--drop-layers", ""},
		{exitUsage, "plan|ratio", "--plan " + plan + " --ratio 20%"},
		{exitUsage, "plan|drop-layers", "--plan " + plan + " --drop-layers 1"},
		{exitUsage, "plan|scores", "--plan " + plan + " --scores " + plan},
		{exitUsage, "--scores|dropped", "--drop-layers 1 --scores " + plan},
		{exitUsage, "--save-scores|dropped", "--drop-layers 1 --save-scores " + filepath.Join(dir, "s.json")},
		{exitUsage, "--units layers|--drop-layers", "--units layers --drop-layers 1 --ratio 50%"},
		{exitUsage, "--units layers|--ratio", "--units layers --layer-ratio 20%"},
		{exitUsage, "--units layers|--allocate", "--units layers --ratio 20% --allocate uniform"},
		{exitUsage, "layers,channels|second run", "--units layers,channels --ratio 20%"},
		{exitUsage, "--method taylor|block-influence", "--units layers --ratio 20% --method taylor"},
		{exitUsage, "--method divergence|--units layers", "--ratio 20% --method divergence"},
		{exitUsage, "--compensate bias|refit or none", "--units layers --ratio 20% --compensate bias"},
		{exitUsage, "--tune-masks|whole layers", "--units layers --ratio 20% --tune-masks 1k"},
		{exitUsage, "cannot be reached by whole layers", "--units layers --ratio 90%"},
		{exitInput, "no.json", "--plan " + filepath.Join(dir, "no.json")},
	} {
		refused(t, c.code, strings.Split(c.words, "|"), append([]string{"prune", stories, "--no-eval", "-o", out}, strings.Fields(c.args)...)...)
	}
	refused(t, exitInput, []string{plan, "another model", "260032 parameters"}, "prune", golden("llama_mha"), "--no-eval", "-o", out, "--plan", plan)
	write(t, plan, strings.Replace(read(t, plan), `"version":3`, `"version":7`, 1))
	refused(t, exitInput, []string{plan, "version 7"}, "prune", stories, "--no-eval", "-o", out, "--plan", plan)
}
