package eval_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/eval"
	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// text is n ids below 40, of which those from from on are predicted.
func text(n, from, first int) transformer.Text {
	x := transformer.Text{IDs: row(n, first), From: from}
	for i := range x.IDs {
		x.IDs[i] %= 40
	}
	return x
}

// passesOf counts the positions that each pass embeds.
func passesOf(t *testing.T, family string, questions [][]transformer.Text) (passes []int, all [][]eval.Likelihood, tr *transformer.Transformer, w transformer.WeightSource) {
	t.Helper()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, family)
	c := &counting{Backend: be}
	tr, w = transformer.New(c, g.Config), transformer.NewStreamed(c, g.Weights)
	err = eval.Likelihoods(context.Background(), tr, w, questions, func(a [][]eval.Likelihood) error { all = append(all, a...); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(c.passes), all, tr, w
}

// Questions share a pass while they have at most 2048 rows; one that has more goes alone.
func TestPassesOfQuestions(t *testing.T) {
	one := func(n, seed int) []transformer.Text { return []transformer.Text{text(n+1, n, seed)} }
	for name, c := range map[string]struct {
		questions [][]transformer.Text
		want      []int
	}{
		"exactly full":      {[][]transformer.Text{one(1000, 1), one(1048, 2)}, []int{2048}},
		"one too many":      {[][]transformer.Text{one(1000, 1), one(1049, 2)}, []int{1000, 1049}},
		"longer than all":   {[][]transformer.Text{one(10, 3), one(2100, 1), one(10, 2)}, []int{10, 2100, 10}},
		"alike beginnings":  {[][]transformer.Text{one(30, 1), {{IDs: append(text(21, 20, 1).IDs, 8, 9, 9), From: 21}}}, []int{30 + 2}},
		"a shared question": {[][]transformer.Text{{text(101, 100, 1), {IDs: append(text(100, 1, 1).IDs, 3), From: 100}}}, []int{100}},
	} {
		passes, all, _, _ := passesOf(t, "llama_mha", c.questions)
		if !slices.Equal(passes, c.want) || len(all) != len(c.questions) {
			t.Errorf("%s: passes over %v rows, want %v; %d answers", name, passes, c.want, len(all))
		}
	}
}

// Where the angles depend on a text's length, texts that turn otherwise are not run together, and each
// has the likelihood that a pass over it alone gives.
func TestTextsThatTurnOtherwise(t *testing.T) {
	for _, family := range []string{"llama_dynamic", "phi3_longrope"} {
		g := goldentest.Open(t, family)
		original := int(g.Config.Rope.Scaling.OriginalPosition)
		short := []transformer.Text{text(12, 8, 1), text(14, 8, 1)}
		mixed := []transformer.Text{text(12, 8, 2), text(original+9, 8, 2)}
		long := []transformer.Text{text(original+5, 8, 3)}
		questions := [][]transformer.Text{short, mixed, short, long}
		passes, all, tr, w := passesOf(t, family, questions)
		if len(passes) != 5 {
			t.Errorf("%s: passes of %v rows, want 5", family, passes)
		}
		for i, q := range questions {
			for k, x := range q {
				want := alone(t, tr, w, x)
				if d := math.Abs(all[i][k].Log - want); !(d <= 1e-3) {
					t.Errorf("%s, question %d, text %d: %g, alone %g", family, i, k, all[i][k].Log, want)
				}
			}
		}
	}
}

// alone is the log-likelihood by a session that reads what the text reads, token by token at its end.
func alone(t *testing.T, tr *transformer.Transformer, w transformer.WeightSource, x transformer.Text) float64 {
	t.Helper()
	s := tr.NewSession(w, len(x.IDs)-1) // as long as what is read, so that it turns by the same angles
	defer s.Close()
	var sum float64
	next := x.IDs[:x.From]
	for i := x.From; i < len(x.IDs); i++ {
		logits, err := s.Append(context.Background(), next)
		if err != nil {
			t.Fatal(err)
		}
		var total float64
		for _, v := range logits {
			total += math.Exp(float64(v))
		}
		sum += float64(logits[x.IDs[i]]) - math.Log(total)
		next = x.IDs[i : i+1]
	}
	return sum
}
