package transformer_test

import (
	"context"
	"errors"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// A session fed in pieces gives the logits of the whole sequence at once.
func TestSessionMatchesGolden(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			sessionMatches(t, be, g, transformer.NewResident(transformer.NewStreamed(be, g.Weights)))
			sessionMatches(t, be, g, transformer.NewCompact(be, g.Weights))
		})
	}
}

func sessionMatches(t *testing.T, be backend.Backend, g *goldentest.Golden, w transformer.WeightSource) {
	t.Helper()
	ids, err := g.Expect.Read("ids")
	if err != nil {
		t.Fatal(err)
	}
	all, err := ids.Ints()
	if err != nil {
		t.Fatal(err)
	}
	T, V := ids.Shape[1], g.Config.VocabSize
	want := g.Float32(t, "logits")
	s := transformer.New(be, g.Config).NewSession(w, T)
	defer s.Close()
	for lo, n := 0, 5; lo < T; lo, n = lo+n, 1 {
		var piece []int32
		for _, id := range all[lo : lo+n] {
			piece = append(piece, int32(id))
		}
		logits, err := s.Append(context.Background(), piece)
		if err != nil {
			t.Fatal(err)
		}
		row := lo + n - 1
		if d := goldentest.MaxAbs(logits, want[row*V:(row+1)*V]); !(d <= 1e-4) {
			t.Errorf("logits of position %d differ by %g", row, d)
		}
	}
	if _, err := s.Append(context.Background(), []int32{1}); err == nil {
		t.Errorf("a full session took another token")
	}
}

// ends is a context that ends after some looks at it.
type ends struct {
	context.Context
	after int
}

func (e *ends) Err() error {
	if e.after--; e.after < 0 {
		return context.Canceled
	}
	return nil
}

// A prompt that goes through the model in parts has the logits of one that goes through whole, and fails whole.
func TestLongPrompt(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_yarn")
	tr, w := transformer.New(be, g.Config), transformer.NewResident(transformer.NewStreamed(be, g.Weights))
	const T = 1100
	ids := make([]int32, T)
	for i := range ids {
		ids[i] = int32((7 + i*i*11) % g.Config.VocabSize)
	}
	whole, err := transformer.NewBatch([][]int32{ids})
	if err != nil {
		t.Fatal(err)
	}
	var want []float32
	if err := tr.Logits(t.Context(), whole, w, func(rows []float32) error {
		want = append(want[:0], rows[len(rows)-g.Config.VocabSize:]...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s := tr.NewSession(w, T)
	defer s.Close()
	if _, err := s.Append(&ends{t.Context(), len(g.Config.Layers) + 1}, ids); !errors.Is(err, context.Canceled) {
		t.Errorf("the second part: %v", err)
	}
	got, err := s.Append(t.Context(), ids)
	if d := goldentest.MaxAbs(got, want); err != nil || !(d <= 1e-6) {
		t.Errorf("%v: logits differ by %g", err, d)
	}
}

// Sequences that grow together are each what it is alone.
func TestSessionsMatchGolden(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		t.Run(family, func(t *testing.T) {
			g := goldentest.Open(t, family)
			tr, w := transformer.New(be, g.Config), transformer.NewResident(transformer.NewStreamed(be, g.Weights))
			const B, T = 3, 9
			rows, V := make([][]int32, B), g.Config.VocabSize
			together, alone := tr.NewSessions(w, B, T), make([]*transformer.Session, B)
			defer together.Close()
			for b := range B {
				alone[b] = tr.NewSession(w, T)
				defer alone[b].Close()
				for i := range T {
					rows[b] = append(rows[b], int32((7+b*31+i*i*11)%V))
				}
			}
			got := make([]float32, B*V)
			for lo, n := 0, 4; lo < T; lo, n = lo+n, 1 {
				pieces := make([][]int32, B)
				for b := range B {
					pieces[b] = rows[b][lo : lo+n]
				}
				if err := together.AppendEach(t.Context(), pieces, got); err != nil {
					t.Fatal(err)
				}
				for b := range B {
					want, err := alone[b].Append(t.Context(), pieces[b])
					if err != nil {
						t.Fatal(err)
					}
					if d := goldentest.MaxAbs(got[b*V:(b+1)*V], want); !(d <= 1e-4) {
						t.Errorf("position %d of sequence %d: logits differ by %g", lo+n-1, b, d)
					}
				}
			}
			for what, ids := range map[string][][]int32{"too many tokens": {{1}, {1}, {1}}, "two sequences": {{1}, {1}}, "unequal lengths": {{1}, {1}, {1, 2}}, "nothing": {{}, {}, {}}} {
				if together.AppendEach(t.Context(), ids, got) == nil {
					t.Errorf("%s: no error", what)
				}
			}
		})
	}
}
