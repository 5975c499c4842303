package main

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/job"
)

func TestEval(t *testing.T) {
	dir := t.TempDir()
	text := write(t, filepath.Join(dir, "a.txt"), strings.Repeat("Once upon a time there was a cat.\n", 60))
	ids := write(t, filepath.Join(dir, "ids.json"), "[[1, 2, 3, 4], [5, 6]]")
	for _, tt := range []struct {
		args         []string
		names        []string
		rows, tokens int // of the first text
	}{
		{[]string{"--ppl", "a=" + text, "--ppl", "b=builtin:shakespeare", "--seq", "32", "--chunks", "3"}, []string{"a", "b"}, 3, 93},
		{[]string{"--ppl", "wikitext2=" + text, "--seq", "16", "--chunks", "1"}, []string{"wikitext2"}, 1, 15},
		{[]string{"--ids", ids}, []string{ids}, 2, 4},
	} {
		r := parsed[struct{ Perplexity []job.Measured }](t, must(t, append([]string{"eval", stories, "--json"}, tt.args...)...).stdout).Perplexity
		for i, name := range tt.names {
			if r[i].Text != name || !(r[i].Perplexity > 1) {
				t.Errorf("eval %v: text %q has perplexity %v", tt.args, r[i].Text, r[i].Perplexity)
			}
		}
		if r[0].Rows != tt.rows || r[0].Tokens != tt.tokens {
			t.Errorf("eval %v: %d rows, %d tokens", tt.args, r[0].Rows, r[0].Tokens)
		}
		if out := must(t, append([]string{"eval", stories}, tt.args...)...).stdout; !strings.Contains(out, tt.names[0]) {
			t.Errorf("eval %v prints\n%s", tt.args, out)
		}
	}
}

func TestLogitsAreTheGoldenOnes(t *testing.T) {
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "logits.safetensors")
			must(t, "logits", goldentest.Dir(t, family), "--ids", idsFile(t, family), "-o", out)
			got := memory(t, out)["logits"].Float32()
			if d := goldentest.MaxAbs(got, goldentest.Open(t, family).Float32(t, "logits")); !(d <= 1e-4) {
				t.Errorf("logits differ by %g", d)
			}
		})
	}
}

// Rows of other lengths are tensors of their own and see no padding.
func TestLogitsOfRaggedRows(t *testing.T) {
	dir := t.TempDir()
	ids := write(t, filepath.Join(dir, "ids.json"), "[[7, 8, 9], [7, 8]]")
	out := filepath.Join(dir, "logits.safetensors")
	must(t, "logits", stories, "--ids", ids, "-o", out)
	m := memory(t, out)
	long, short := m["logits.0"].Float32(), m["logits.1"].Float32()
	if len(long) != 3*512 || len(short) != 2*512 {
		t.Fatalf("%d and %d logits", len(long), len(short))
	}
	for i, v := range short {
		if math.Abs(float64(v-long[i])) > 1e-5 {
			t.Fatalf("logit %d is %g with and %g without a third token", i, long[i], v)
		}
	}
}

func TestGenerate(t *testing.T) {
	base := []string{"generate", stories, "--prompt", "Once upon a time", "-n", "20"}
	text := func(args ...string) string { return must(t, append(base, args...)...).stdout }
	if a := text(); a != text() || !strings.HasPrefix(a, "Once upon a time, there was a") {
		t.Errorf("greedy text %q", a)
	}
	warm := text("--temperature", "1", "--seed", "3")
	if warm != text("--temperature", "1", "--seed", "3") {
		t.Error("the same seed gives other text")
	}
	if warm == text("--temperature", "1", "--seed", "4") || warm == text() {
		t.Error("another seed or temperature gives the same text")
	}
	if text("--temperature", "1", "--top-k", "1") != text() || text("--temperature", "1", "--top-p", "0.000001") != text() || text("--temperature", "9", "--min-p", "1") != text() {
		t.Error("where only the most likely token is left, another is drawn")
	}
	if got := text("--stop", "was a", "--stop", "never"); got != "Once upon a time, there \n" {
		t.Errorf("until a stop string: %q", got)
	}
	c := parsed[job.Continuation](t, must(t, append(base, "--json")...).stdout)
	if len(c.IDs) != 20 || "Once upon a time"+c.Text+"\n" != text() {
		t.Errorf("--json gives %d tokens, %q", len(c.IDs), c.Text)
	}
}

func TestGenerateWithoutTokenizer(t *testing.T) {
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1, 2, 3]]")
	if out := must(t, "generate", golden("llama_mha"), "--ids", ids, "-n", "3").stdout; len(strings.Fields(out)) != 3 {
		t.Errorf("want 3 ids, got %q", out)
	}
}
