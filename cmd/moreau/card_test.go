package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/eval"
	"moreau/internal/job"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// card prunes a folder and returns the card of the result.
func card(t *testing.T, model string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	must(t, append([]string{"prune", model, "--method", "l1", "--no-eval", "-o", out}, args...)...)
	return read(t, filepath.Join(out, "README.md"))
}

// mentions checks that a text says things in this order.
func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	rest := text
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("no %q where it should be in\n%s", w, text)
			return
		}
		rest = after
	}
}

func TestCard(t *testing.T) {
	model := filepath.Join(t.TempDir(), "small model")
	must(t, "convert", stories, "-o", model)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, filepath.Join(model, "model.safetensors")))))

	differ := card(t, model, "--layer-ratio", "50%", "--layers", "1..3", "--threads", "1", "--units=channels")
	mentions(t, differ, "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n", "- custom_code\n", "---\n\n# small model, pruned\n",
		"Pruned from `small model` (SHA-256 of `model.safetensors`: `"+sum+"`) by moreau "+version, "| parameters | 260,032 |", "| KV cache a token |",
		"| 0 | 8 | 4 | 172 |\n| 1..3 | 8 | 4 | 172 -> 86 |\n| 4 | 8 | 4 | 172 |\n", "scores: l1, no calibration",
		"```\nmoreau prune '"+model+"' --layer-ratio 50% --layers 1..3 --method l1 --no-eval -o OUT --tune-masks none --units channels\n```", "trust_remote_code=True")

	alike := card(t, model, "--layer-ratio", "50%", "--uniform")
	mentions(t, alike, "| 0..4 | 8 -> 4 | 4 -> 2 | 172 -> 86 |", "from_pretrained(path)\n```")
	for _, word := range []string{"trust_remote_code", "custom_code", "license", "base_model"} {
		if strings.Contains(alike, word) {
			t.Errorf("the card says %s:\n%s", word, alike)
		}
	}
	mentions(t, card(t, stories, "--ratio", "10%"), "`stories260K` (inside the program)")
	mentions(t, card(t, golden("llama_mha"), "--layer-ratio", "50%", "--uniform"), "model = AutoModel")
	if c := card(t, golden("llama_mha"), "--layer-ratio", "50%", "--uniform"); strings.Contains(c, "AutoTokenizer") {
		t.Errorf("the card loads a tokenizer that is not there:\n%s", c)
	}
}

// The command of the card can be given again, and brackets in a path are no pattern.
func TestCardCommand(t *testing.T) {
	model := filepath.Join(t.TempDir(), "m[1]")
	must(t, "convert", stories, "-o", model)
	text := write(t, filepath.Join(t.TempDir(), "text.txt"), strings.Repeat("Once upon a time there was a cat. ", 100))
	out := filepath.Join(t.TempDir(), "out")
	must(t, "prune", model, "--ratio", "10%", "--method", "l1", "--uniform=false", "--chunks", "1", "--ppl", "a b="+text, "--ppl", "c="+text, "-o", out)
	mentions(t, read(t, filepath.Join(out, "README.md")), "Pruned from `m[1]` (SHA-256 of `model.safetensors`", "| perplexity a b |",
		"--ppl 'a b="+text+"' --ppl c="+text+" --ratio 10% --tune-masks none --uniform=false\n")
}

// What the source's card, place and pull say of it is carried over.
func TestCardKnowsTheSource(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "models--some-one--a-model.v1", "snapshots", commit)
	if err := os.MkdirAll(filepath.Dir(cache), 0o777); err != nil {
		t.Fatal(err)
	}
	must(t, "convert", stories, "-o", cache)
	write(t, filepath.Join(cache, "README.md"), "---\r\nlicense: mit\r\ntags:\r\n- x\r\nlanguage:\r\n  - en\r\n---\r\nlicense: no\r\n")
	mentions(t, card(t, cache, "--ratio", "10%"), "base_model: some-one/a-model.v1\nlicense: mit\nlanguage:\n  - en\n---\n", "`some-one/a-model.v1` at `"+commit+"`")

	write(t, filepath.Join(cache, ".moreau-pull.json"), `{"repo": "other/model", "commit": "abc"}`)
	mentions(t, card(t, cache, "--ratio", "10%"), "base_model: other/model\n", "Pruned from `other/model` at `abc`")

	write(t, filepath.Join(cache, "README.md"), "---\nlicense: mit\n") // never closed
	if c := card(t, cache, "--ratio", "10%"); strings.Contains(c, "mit") {
		t.Errorf("metadata of a card without an end:\n%s", c)
	}
}

func TestShardSize(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	must(t, "convert", stories, "--shard-size", "300kB", "-o", out)
	if files, _ := filepath.Glob(filepath.Join(out, "model-0000?-of-00004.safetensors")); len(files) != 4 {
		t.Errorf("files %q, want 4", files)
	}
	whole := filepath.Join(dir, "whole")
	must(t, "convert", stories, "-o", whole)
	got := memory(t, out)
	for name, x := range memory(t, whole) {
		if string(got[name].Data) != string(x.Data) {
			t.Errorf("%s changed in shards", name)
		}
	}
	mentions(t, card(t, out, "--ratio", "10%"), "SHA-256 of its safetensors files one after the other: `")
	refused(t, exitUsage, []string{"--shard-size", "one file"}, "convert", stories, "--shard-size", "1GB", "-o", filepath.Join(dir, "x.gguf"))
	refused(t, exitUsage, []string{"--shard-size", "want a size"}, "convert", stories, "--shard-size", "big", "-o", filepath.Join(dir, "x"))
}

// What a card says more at the end than in the plan fits the room that is left for it, of a
// large model whose layers all come out different, with results on several texts.
func TestCardKeepsToItsRoom(t *testing.T) {
	m, err := load.Open(stories)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	cfg := m.Config.WithLayers(slices.Repeat(m.Config.Layers[:1], 126))
	report := func(scores map[model.Dim][]float64) (r job.PruneReport) {
		cut, err := prune.NewPlan(cfg, scores, prune.Budget{Ratio: 0.3, Selection: prune.Global, Layers: cfg.AllLayers(), Kinds: cfg.Kinds()})
		if err != nil {
			t.Fatal(err)
		}
		r.Plan = job.PrunePlan{Before: cfg, After: cut.After, Cut: cut, Stages: stage.Sequence{cut}}
		return r
	}
	scores, random := map[model.Dim][]float64{}, rand.New(rand.NewPCG(1, 1))
	for _, d := range cfg.Dims() {
		for range d.Units {
			scores[d] = append(scores[d], random.Float64()*float64(d.Layer%7+1)+10)
		}
	}
	planned, done := report(nil), report(scores)
	for i := range 8 {
		text := job.Measured{Text: fmt.Sprintf("a text of some name %d", i), Result: eval.Result{Perplexity: 12345.67}}
		done.Before, done.After = append(done.Before, text), append(done.After, text)
	}
	done.Source.SHA256 = strings.Repeat("a", 64)
	if more := len(cardText(done)) - len(cardText(planned)); more < 1000 || more > job.CardRoom {
		t.Errorf("the card grows by %d bytes, there is room for %d", more, job.CardRoom)
	}
}
