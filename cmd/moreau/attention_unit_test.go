package main

import (
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/importance"
	"moreau/internal/job"
	"moreau/internal/tensor"
)

const (
	byQueryHead  = "--units=query-heads,channels" // of prune
	ofQueryHeads = "--attention-unit=query-head"  // of score
)

// Every budget leaves each KV head of a layer one query head of two, or both, and what
// is written computes what the dense model with the others masked does.
func TestPruneByQueryHeads(t *testing.T) {
	for _, tt := range []struct {
		args  string
		heads func(l, heads int) bool // query heads of each of the 5 layers: 8 before
	}{
		{"--ratio 4% --units=query-heads", func(l, n int) bool { return n == 4 || l == 0 || l == 4 }},
		{"--ratio 20% --units query-heads,channels", func(l, n int) bool { return n == 8 }}, // no half of the query heads: channels alone
		{"--ratio 40% --allocate uniform --units query-heads,channels", func(l, n int) bool { return n == 4 || l == 0 || l == 4 }},
		{"--layer-ratio 50% --uniform --units query-heads,channels", func(l, n int) bool { return n == 4 }},
		{"--layer-ratio 50% --layers 2 --units query-heads,channels", func(l, n int) bool { return n == 4 == (l == 2) }},
		{"--layer-ratio 50% --layers 1..2 --units=query-heads --allocate global", func(l, n int) bool { return n == 4 || n == 8 }},
		{"--params 160k --allocate global --units channels,query-heads", func(l, n int) bool { return n == 4 || n == 8 }},
		{"--size 600kB --layers 0..4 --units channels,query-heads", func(l, n int) bool { return n == 4 || n == 8 }},
	} {
		for _, name := range []string{"out.gguf", "folder"} {
			t.Run(tt.args+" "+name, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), name)
				must(t, append([]string{"prune", stories, "--no-eval", "--method", "l1", "--compensate", "none", "--dtype", "f32", "-o", out}, strings.Fields(tt.args)...)...)
				i := parsed[inspection](t, must(t, "inspect", out, "--json").stdout)
				for l, s := range i.Layers {
					if s.KVHeads != 4 || !tt.heads(l, s.Heads) {
						t.Errorf("layer %d has %d query heads and %d KV heads", l, s.Heads, s.KVHeads)
					}
				}
				if got := must(t, "verify", stories, out).stdout; !strings.Contains(got, "PASS") {
					t.Error(got)
				}
			})
		}
	}
}

// A model that lost KV groups, then query heads, is still found in the dense one, and
// one whose query heads read other KV heads is not.
func TestVerifyFindsQueryHeads(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	must(t, "prune", stories, "--layer-ratio", "50%", "--layers", "1..3", "--units=kv-groups", "--method", "l1", "--no-eval", "--compensate", "none", "--dtype", "f32", "-o", first)
	must(t, "prune", first, "--units=query-heads", "--layer-ratio", "50%", "--layers", "2..4", "--method", "l1", "--no-eval", "--compensate", "none", "-o", second)
	if got := must(t, "verify", stories, second).stdout; !strings.Contains(got, "PASS") {
		t.Error(got)
	}
	weights(func(m checkpoint.Memory) {
		const name = "model.layers.4.self_attn.q_proj.weight" // 4 query heads of 8 rows, one a KV head
		x, order := m[name], []int{1, 0, 2, 3}
		var swapped []float32
		for _, h := range order {
			swapped = append(swapped, x.Float32()[h*8*64:(h+1)*8*64]...)
		}
		m[name] = tensor.FromFloat32(tensor.F32, x.Shape, swapped)
	})(t, second)
	refused(t, exitInput, []string{"do not belong together", "layers.4.query_heads"}, "verify", stories, second)
}

func TestScoresByQueryHeads(t *testing.T) {
	dir := t.TempDir()
	ofGroups, ofHeads := score(t), score(t, ofQueryHeads)
	if unit := parsed[struct{ Manifest importance.Manifest }](t, read(t, ofHeads)).Manifest.Unit; unit != job.QueryHead {
		t.Errorf("the manifest says %q", unit)
	}
	direct, cached := filepath.Join(dir, "direct.gguf"), filepath.Join(dir, "cached.gguf")
	prune := []string{"prune", stories, "--layer-ratio", "50%", "--no-eval", "--compensate", "none"}
	must(t, append(append(prune, byQueryHead, "-o", direct), quick...)...)
	must(t, append(prune, byQueryHead, "--scores", ofHeads, "-o", cached)...)
	if read(t, direct) != read(t, cached) {
		t.Error("prune and prune --scores differ")
	}
	refused(t, exitInput, []string{ofHeads, "scores of query heads; prune with --units query-heads"}, append(prune, "--scores", ofHeads, "-o", direct+"2")...)
	refused(t, exitInput, []string{ofGroups, "scores of KV groups; score with --attention-unit query-head"}, append(prune, byQueryHead, "--scores", ofGroups, "-o", direct+"2")...)
}

func TestQueryHeadsThreadsDoNotMatter(t *testing.T) {
	for _, method := range []string{"moreau-gs", "mask"} {
		first := read(t, score(t, ofQueryHeads, "--method", method, "--threads", "1"))
		for _, n := range []string{"2", "3"} {
			if read(t, score(t, ofQueryHeads, "--method", method, "--threads", n)) != first {
				t.Errorf("%s: %s threads give other bytes than 1", method, n)
			}
		}
	}
}

func TestQueryHeadsRefused(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	mha := []string{"has one query head", "--units kv-groups"}
	refused(t, exitUsage, mha, "prune", golden("llama_mha"), byQueryHead, "--ratio", "20%", "--method", "l1", "--no-eval", "-o", out)
	refused(t, exitUsage, mha, "prune", golden("llama_mha"), byQueryHead, "--ratio", "20%", "--dry-run")
	refused(t, exitUsage, mha, "score", golden("llama_mha"), ofQueryHeads, "--method", "l1", "-o", out)
	refused(t, exitUsage, []string{`--attention-unit "head": want kv-group or query-head`}, "score", stories, "--attention-unit", "head", "-o", out)
	only(t, dir)
}
