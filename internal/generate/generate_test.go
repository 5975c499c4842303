package generate

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/sample"
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
	n, err := Tokens(context.Background(), tr, w, prompt, nil, Options{Tokens: 5}, func(id int) bool { got = append(got, id); return true })
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
	n, err = Tokens(context.Background(), tr, w, prompt, []int{-1, got[3]}, Options{Tokens: 5}, func(id int) bool { short = append(short, id); return true })
	if first := slices.Index(got, got[3]); err != nil || n != first || !slices.Equal(short, got[:first]) {
		t.Errorf("until token %d: %d tokens %v of %v, %v", got[3], n, short, got, err)
	}
}

// The text ends where the context does, and a prompt must leave room and not be empty.
func TestContext(t *testing.T) {
	for prompt, want := range map[int]int{1: 7, 5: 3, 7: 1, 8: -1, 9: -1, 0: -1} {
		tr, w, _ := tiny(t, 8)
		n, err := Tokens(context.Background(), tr, w, make([]int32, prompt), nil, Options{Tokens: 10}, func(int) bool { return true })
		if want < 0 {
			if !errors.Is(err, ErrPrompt) {
				t.Errorf("a prompt of %d: %v", prompt, err)
			}
		} else if err != nil || n != want {
			t.Errorf("a prompt of %d in a context of 8: %d tokens, want %d; %v", prompt, n, want, err)
		}
	}
}

// What hears the tokens ends the text.
func TestEnough(t *testing.T) {
	tr, w, _ := tiny(t, 64)
	heard := 0
	n, err := Tokens(context.Background(), tr, w, []int32{1}, nil, Options{Tokens: 8}, func(int) bool { heard++; return heard < 3 })
	if err != nil || n != 3 || heard != 3 {
		t.Errorf("%d tokens, %d heard, %v", n, heard, err)
	}
}

// The seed decides what is drawn.
func TestSeed(t *testing.T) {
	of := func(seed uint64) (ids []int) {
		tr, w, _ := tiny(t, 64)
		if _, err := Tokens(context.Background(), tr, w, []int32{1}, nil, Options{Tokens: 8, Options: sample.Options{Temperature: 2, Seed: seed}}, func(id int) bool { ids = append(ids, id); return true }); err != nil {
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
	n, err := Tokens(context.Background(), tr, &nans{w, be}, []int32{1}, nil, Options{Tokens: 8}, func(int) bool { emitted++; return true })
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
