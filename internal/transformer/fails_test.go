package transformer_test

import (
	"context"
	"errors"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// faulty is a weight source, a sink and a tap of which one call fails.
type faulty struct {
	goldentest.FailingWeights
	tapAs transformer.Sight
}

func (f *faulty) Wants(model.Param) bool                       { return true }
func (f *faulty) Grad(model.Param, backend.Buffer) error       { return f.Fail() }
func (f *faulty) Sees(int, transformer.Site) transformer.Sight { return f.tapAs }
func (f *faulty) See(transformer.Seen) error                   { return f.Fail() }

// Whatever call of a pass fails, its error comes back, nothing more is asked, and all that was
// taken, memory and weights, is given back.
func TestEveryCallFails(t *testing.T) {
	ctx := context.Background()
	ids := []int32{1, 2, 3, 4, 5}
	for _, family := range []string{"llama_gqa_rope3", "gemma", "qwen2_bias", "qwen3_qknorm", "gemma2_softcap"} {
		g := goldentest.Open(t, family)
		b, err := transformer.NewBatch([][]int32{ids, {6, 7, 8}})
		if err != nil {
			t.Fatal(err)
		}
		for what, run := range map[string]func(tr *transformer.Transformer, f *faulty) error{
			"Loss":        func(tr *transformer.Transformer, f *faulty) error { _, err := tr.Loss(ctx, b, f); return err },
			"NLL":         func(tr *transformer.Transformer, f *faulty) error { _, err := tr.NLL(ctx, b, f); return err },
			"LossAndGrad": func(tr *transformer.Transformer, f *faulty) error { _, err := tr.LossAndGrad(ctx, b, f, f); return err },
			"kept": func(tr *transformer.Transformer, f *faulty) error {
				tr.KeepBytes = 1 << 40
				_, err := tr.LossAndGrad(ctx, b, f, f)
				return err
			},
			"tap": func(tr *transformer.Transformer, f *faulty) error {
				f.tapAs = transformer.Forward
				_, err := tr.Pass(ctx, b, f, transformer.Watch{Tap: f})
				return err
			},
			"tap of gradients": func(tr *transformer.Transformer, f *faulty) error {
				f.tapAs = transformer.WithGradient
				_, err := tr.Pass(ctx, b, f, transformer.Watch{Tap: f})
				return err
			},
			"Logits": func(tr *transformer.Transformer, f *faulty) error {
				return tr.Logits(ctx, b, f, func([]float32) error { return f.Fail() })
			},
			"Score": func(tr *transformer.Transformer, f *faulty) error {
				_, err := tr.Score(ctx, [][]transformer.Text{{{IDs: ids, From: 3}, {IDs: ids[:4], From: 3}}}, f)
				return err
			},
			"Session": func(tr *transformer.Transformer, f *faulty) error {
				s := tr.NewSession(f, 8)
				defer s.Close()
				_, err := s.Append(ctx, ids)
				if err == nil {
					_, err = s.Append(ctx, ids[:1])
				}
				return err
			},
			"Walk": func(tr *transformer.Transformer, f *faulty) error {
				f.tapAs = transformer.Forward
				walk, err := tr.Walk(ctx, b.Parts(1), f)
				if err != nil {
					return err
				}
				defer walk.Close()
				for walk.Next() {
					if err := walk.Run(ctx, f, f); err != nil {
						return err
					}
				}
				_, err = walk.Predict(ctx, f, f)
				return err
			},
		} {
			try := func(good int) (*faulty, int64, error) {
				be := dry.New()
				f := &faulty{FailingWeights: goldentest.FailingWeights{WeightSource: transformer.NewDry(be, checkpoint.Memory{}), Good: good}}
				err := run(transformer.New(be, g.Config), f)
				return f, be.Live(), err
			}
			_, tables, _ := try(-1) // of positions, which stay
			for good := 0; ; good++ {
				f, live, err := try(good)
				if f.Lent != 0 || live > tables {
					t.Fatalf("%s, %s: call %d fails: %d weights and %d bytes are not given back", family, what, good, f.Lent, live-tables)
				}
				if f.Good >= 0 { // it was not reached
					if err != nil || good < 10 {
						t.Errorf("%s, %s: %v after %d calls", family, what, err, good)
					}
					break
				}
				if !errors.Is(err, goldentest.ErrUnreadable) || f.Good != -1 {
					t.Fatalf("%s, %s: call %d fails, and %d more are made: %v", family, what, good, -1-f.Good, err)
				}
			}
		}
	}
}

// Logits of more rows than exist at once come block by block, each row once.
func TestLogitsInBlocks(t *testing.T) {
	cfg := *goldentest.Open(t, "llama_gqa_rope3").Config
	cfg.VocabSize = 16 << 20 / 4 / 2 // of two rows a block
	b, err := transformer.NewBatch([][]int32{{1, 2, 3, 4, 5}})
	if err != nil {
		t.Fatal(err)
	}
	be, scalars := dry.New(), 0
	err = transformer.New(be, &cfg).Logits(context.Background(), b, transformer.NewDry(be, checkpoint.Memory{}), func(rows []float32) error {
		scalars += len(rows)
		return nil
	})
	if err != nil || scalars != 5*cfg.VocabSize {
		t.Errorf("%d scalars, want 5 rows of %d; %v", scalars, cfg.VocabSize, err)
	}
}
