package generate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// tiny is a golden model with a context of so many tokens.
func tiny(t *testing.T, context int) (*transformer.Transformer, transformer.WeightSource, backend.Backend) {
	t.Helper()
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_mha")
	cfg := *g.Config
	cfg.MaxPositions = context
	return transformer.New(be, &cfg), transformer.NewStreamed(be, g.Weights), be
}

// Greedy continuation takes the largest logit of the whole text so far, each time.
func TestGreedy(t *testing.T) {
	tr, w, _ := tiny(t, 64)
	prompt := []int32{1, 17, 99}
	var got []int
	n, err := Tokens(context.Background(), tr, w, prompt, -1, Options{Tokens: 5}, func(id int) { got = append(got, id) })
	if err != nil || n != 5 || len(got) != 5 {
		t.Fatalf("%d tokens %v, %v", n, got, err)
	}
	text := slices.Clone(prompt)
	for i, id := range got {
		b, err := transformer.NewBatch([][]int32{text})
		if err != nil {
			t.Fatal(err)
		}
		var all []float32
		if err := tr.Logits(context.Background(), b, w, func(rows []float32) error { all = append(all, rows...); return nil }); err != nil {
			t.Fatal(err)
		}
		last := all[len(all)-tr.Config().VocabSize:]
		if want := slices.Index(last, slices.Max(last)); id != want {
			t.Errorf("token %d is %d, want %d", i, id, want)
		}
		text = append(text, int32(id))
	}
	var short []int
	n, err = Tokens(context.Background(), tr, w, prompt, got[3], Options{Tokens: 5}, func(id int) { short = append(short, id) })
	if first := slices.Index(got, got[3]); err != nil || n != first || !slices.Equal(short, got[:first]) {
		t.Errorf("until token %d: %d tokens %v of %v, %v", got[3], n, short, got, err)
	}
}

// The text ends where the context does, and a prompt must leave room and not be empty.
func TestContext(t *testing.T) {
	for prompt, want := range map[int]int{1: 7, 5: 3, 7: 1, 8: -1, 9: -1, 0: -1} {
		tr, w, _ := tiny(t, 8)
		n, err := Tokens(context.Background(), tr, w, make([]int32, prompt), -1, Options{Tokens: 10}, func(int) {})
		if want < 0 {
			if !errors.Is(err, ErrPrompt) {
				t.Errorf("a prompt of %d: %v", prompt, err)
			}
		} else if err != nil || n != want {
			t.Errorf("a prompt of %d in a context of 8: %d tokens, want %d; %v", prompt, n, want, err)
		}
	}
}

// At a temperature tokens come by their softmax, whatever their place; at 0 the largest does.
func TestPick(t *testing.T) {
	logits := []float32{1, -2, 2, 0.5, 2}
	if got := pick(logits, 0, nil); got != 2 {
		t.Errorf("the largest is %d, want the first of the two", got)
	}
	for _, temperature := range []float64{0.1, 0.5, 1, 3} {
		var sum float64
		for _, v := range logits {
			sum += math.Exp(float64(v) / temperature)
		}
		const draws = 40000
		counts, rng := make([]float64, len(logits)), rand.New(rand.NewPCG(1, 2))
		for range draws {
			counts[pick(logits, temperature, rng)] += 1. / draws
		}
		for i, v := range logits {
			p := math.Exp(float64(v)/temperature) / sum
			if off := 5*math.Sqrt(p*(1-p)/draws) + 1e-9; math.Abs(counts[i]-p) > off {
				t.Errorf("temperature %g: token %d comes %g of the time, want %g", temperature, i, counts[i], p)
			}
		}
	}
}

// The seed decides what is drawn.
func TestSeed(t *testing.T) {
	of := func(seed uint64) (ids []int) {
		tr, w, _ := tiny(t, 64)
		if _, err := Tokens(context.Background(), tr, w, []int32{1}, -1, Options{Tokens: 8, Temperature: 2, Seed: seed}, func(id int) { ids = append(ids, id) }); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if one, again, two := of(1), of(1), of(2); !slices.Equal(one, again) || slices.Equal(one, two) {
		t.Errorf("seed 1: %v, again %v, seed 2: %v", one, again, two)
	}
}

// Logits that are no numbers are an error, and nothing more is emitted.
func TestNotFinite(t *testing.T) {
	tr, w, be := tiny(t, 64)
	emitted := 0
	n, err := Tokens(context.Background(), tr, &nans{w, be}, []int32{1}, -1, Options{Tokens: 8}, func(int) { emitted++ })
	if !errors.Is(err, transformer.ErrNotFinite) || n != 0 || emitted != 0 {
		t.Errorf("%d tokens, %d emitted, %v", n, emitted, err)
	}
}

// nans gives a final norm of NaN.
type nans struct {
	transformer.WeightSource
	be backend.Backend
}

func (s *nans) Weight(p model.Param) (backend.Buffer, error) {
	if p.Role != model.FinalNorm {
		return s.WeightSource.Weight(p)
	}
	w := s.be.New(p.Len())
	s.be.Upload(w, func(part []float32, _ int) {
		for i := range part {
			part[i] = float32(math.NaN())
		}
	})
	return w, nil
}
