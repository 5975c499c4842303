package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"moreau/internal/job"
)

func TestPruneFromScoresIsPrune(t *testing.T) {
	dir := t.TempDir()
	scores := score(t)
	for _, ratio := range []string{"10%", "0.25"} {
		direct, cached := filepath.Join(dir, "direct"+ratio), filepath.Join(dir, "cached"+ratio)
		budget := []string{"prune", stories, "--no-eval", "--compensate", "none", "--ratio", ratio}
		must(t, append(append(budget, "-o", direct+".gguf", "--save-plan", direct+".json"), quick...)...)
		must(t, append(budget, "-o", cached+".gguf", "--save-plan", cached+".json", "--scores", scores)...)
		if read(t, direct+".gguf") != read(t, cached+".gguf") || stagesOf(t, direct+".json") != stagesOf(t, cached+".json") {
			t.Errorf("ratio %s: files differ between prune and prune --scores", ratio)
		}
	}
}

// stagesOf is what a plan says is done to the model, without how that was decided.
func stagesOf(t *testing.T, plan string) string {
	t.Helper()
	return string(parsed[struct{ Stages json.RawMessage }](t, read(t, plan)).Stages)
}

func TestPruneSavesTheScoresItUsed(t *testing.T) {
	dir := t.TempDir()
	saved := filepath.Join(dir, "s.json")
	must(t, append([]string{"prune", stories, "--no-eval", "--ratio", "10%", "-o", filepath.Join(dir, "a.gguf"), "--save-scores", saved}, quick...)...)
	if a, b := withoutCommand(t, saved), withoutCommand(t, score(t)); a != b {
		t.Errorf("--save-scores and moreau score differ:\n%.300s\n%.300s", a, b)
	}
}

// withoutCommand is a scores file without the command that made it.
func withoutCommand(t *testing.T, path string) string {
	t.Helper()
	before, rest, _ := strings.Cut(read(t, path), `"command":"`)
	command, after, found := strings.Cut(rest, `",`)
	if !found || !strings.HasPrefix(command, "moreau ") {
		t.Errorf("%s: the command is %q", path, command)
	}
	return before + after
}

// What was measured before writing must be what the written model gives.
func TestPrunedModelIsWhatWasMeasured(t *testing.T) {
	for _, c := range [][2]string{{"out.gguf", "f32"}, {"out.gguf", "q4_0"}, {"out", "bf16"}} {
		name, dtype := c[0], c[1]
		out := filepath.Join(t.TempDir(), name)
		common := []string{"--seq", "64", "--chunks", "8", "--json"}
		r := parsed[pruneJSON](t, must(t, append([]string{"prune", stories, "--ratio", "20%", "--method", "l2", "--dtype", dtype, "-o", out}, common...)...).stdout)
		e := parsed[struct{ Perplexity []job.Measured }](t, must(t, append([]string{"eval", out, "--ppl", "held-out=builtin:stories"}, common...)...).stdout)
		if want, got := r.After[0].Perplexity, e.Perplexity[0].Perplexity; math.Abs(got/want-1) > 1e-6 {
			t.Errorf("%s, %s: perplexity %.7f, prune said %.7f", name, dtype, got, want)
		}
		if i := parsed[inspection](t, must(t, "inspect", out, "--json").stdout); i.Parameters != r.Plan.ParamsAfter {
			t.Errorf("%s: %d parameters, the plan says %d", name, i.Parameters, r.Plan.ParamsAfter)
		}
		only(t, filepath.Dir(out), name)
	}
}

func TestSameRunSameFolder(t *testing.T) {
	var cards []string
	for range 2 {
		out := filepath.Join(t.TempDir(), "out")
		must(t, "prune", stories, "--ratio", "20%", "--method", "l1", "--chunks", "4", "-o", out)
		cards = append(cards, read(t, filepath.Join(out, "README.md"))+read(t, filepath.Join(out, "model.safetensors")))
	}
	if cards[0] != cards[1] {
		t.Error("two runs give different folders")
	}
}

// The published run of LLaMA-7B: 25 % of the units of layers 4..29.
func TestDryRunNeedsOnlyTheConfiguration(t *testing.T) {
	config := filepath.Join(t.TempDir(), "llama-7b")
	if err := os.CopyFS(config, os.DirFS(filepath.Join(golden(""), "..", "configs", "llama-7b"))); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.gguf")
	for _, tt := range []struct{ args, want string }{
		{"--layers 4..29", "13,476,831,232 -> 10,845,954,048 bytes at 16 bits"},
		{"", "512.0 KiB -> 408.0 KiB a token"},
		{"-o " + out + " --dtype q4_0", "3,825,084,032 -> 3,085,150,240 bytes (-19.3 %)"},
	} {
		r := must(t, append([]string{"prune", config, "--layer-ratio", "0.25", "--dry-run"}, strings.Fields(tt.args)...)...)
		for _, want := range []string{"6,738,415,616 -> 5,422,977,024 (-19.5 %)", tt.want} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%s: the plan does not say %q:\n%s", tt.args, want, r.stdout)
			}
		}
	}
	plan := parsed[planJSON](t, must(t, "prune", config, "--size", "3GB", "-o", out, "--dtype", "q4_0", "--dry-run", "--json").stdout)
	if plan.BytesAfter > 3e9 || plan.BytesAfter < 2.9e9 || plan.BytesBefore != 3_825_084_032 {
		t.Errorf("--size 3GB from the configuration: %d -> %d bytes", plan.BytesBefore, plan.BytesAfter)
	}
	refused(t, exitInput, []string{"neither model.safetensors"}, "prune", config, "--ratio", "20%", "-o", out)
	only(t, config, "config.json")
}

func TestDryRunWritesNothing(t *testing.T) {
	dir := t.TempDir()
	r := must(t, "prune", stories, "--ratio", "20%", "--dry-run", "-o", filepath.Join(dir, "out.gguf"), "--save-scores", filepath.Join(dir, "s.json"))
	if !regexp.MustCompile(`(?m)^estimate +\d+\.\d MiB of RAM, (about )?\d.* (s|min)$`).MatchString(r.stdout) {
		t.Errorf("no estimate of memory and time:\n%s", r.stdout)
	}
	if s := parsed[planJSON](t, must(t, "prune", stories, "--ratio", "20%", "--dry-run", "--json", "-o", filepath.Join(dir, "out.gguf")).stdout).Seconds; len(s) != 2 || !(0 < s[0] && s[0] <= s[1]) {
		t.Errorf("seconds %v, want least and most", s)
	}
	for _, word := range []string{"out.gguf: GGUF", "KV cache"} {
		if !strings.Contains(r.stdout, word) {
			t.Errorf("the plan does not say %q:\n%s", word, r.stdout)
		}
	}
	only(t, dir)
}

func TestBudgets(t *testing.T) {
	whole := [3]int{8, 4, 172} // of each of the 5 layers
	for _, tt := range []struct {
		args string
		want func(l int, before, after [3]int) bool
	}{
		{"--ratio 5% --units=kv-groups", func(l int, b, a [3]int) bool { return a[2] == b[2] }},
		{"--ratio 10% --units=channels", func(l int, b, a [3]int) bool { return a[0] == b[0] && a[1] == b[1] }},
		{"--ratio 10% --layers 2..3", func(l int, b, a [3]int) bool { return (a == b) == (l < 2 || l > 3) }},
		{"--ratio 3% --layers 2", func(l int, b, a [3]int) bool { return (a == b) == (l != 2) }},
		{"--layer-ratio 50%", func(l int, b, a [3]int) bool { return l == 0 || l == 4 || a == [3]int{4, 2, 86} }},
		{"--layer-ratio .5 --layers 0..4", func(l int, b, a [3]int) bool { return a == [3]int{4, 2, 86} }},
		{"--ratio 20% --allocate global", func(l int, b, a [3]int) bool { return (l != 0 && l != 4) || a == b }},
	} {
		t.Run(tt.args, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.gguf")
			must(t, append([]string{"prune", stories, "--no-eval", "--method", "l1", "--compensate", "none", "-o", out}, strings.Fields(tt.args)...)...)
			i := parsed[inspection](t, must(t, "inspect", out, "--json").stdout)
			if i.Parameters >= 260_032 {
				t.Error("nothing was cut")
			}
			for l, s := range i.Layers {
				if got := [3]int{s.Heads, s.KVHeads, s.Intermediate}; !tt.want(l, whole, got) {
					t.Errorf("layer %d has %v heads, KV groups, channels", l, got)
				}
			}
		})
	}
}

func TestGlobalSelectionFollowsTheScores(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.gguf")
	plan := filepath.Join(t.TempDir(), "plan.json")
	must(t, "prune", stories, "--no-eval", "--method", "l2", "--compensate", "none", "--ratio", "20%", "--allocate", "global", "-o", out, "--save-plan", plan)
	p := parsed[struct {
		Stages []struct {
			Cut struct {
				Layers []struct {
					Intermediate [2]int `json:"intermediate_size"`
				}
			}
		}
	}](t, read(t, plan))
	if l := p.Stages[0].Cut.Layers; l[1] == l[2] && l[2] == l[3] {
		t.Errorf("every layer loses the same: %v", l)
	}
}
