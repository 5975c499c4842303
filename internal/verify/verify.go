package verify

import (
	"context"
	"math"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// Difference is how far the logits of the two models are apart.
type Difference struct {
	MaxAbs  float64 `json:"max_abs"`  // of the differences
	Largest float64 `json:"largest"`  // logit of the masked dense model, absolute
	RMS     float64 `json:"rms"`      // of the differences
	RMSOf   float64 `json:"rms_of"`   // the masked dense model's logits
	SameTop int     `json:"same_top"` // positions at which both have the same largest logit
	Rows    int     `json:"rows"`     // positions
}

// Relative is the RMS difference as a share of the RMS logit.
func (d Difference) Relative() float64 { return d.RMS / d.RMSOf }

// Compare runs a batch through the dense model with the units that are not in m
// masked, or without its heads where these are cut (HeadsAreCut), and through the pruned model.
func Compare(ctx context.Context, be backend.Backend, dense, pruned Model, m *Match, b transformer.Batch) (Difference, error) {
	dense, m, err := reference(ctx, dense, m)
	if err != nil {
		return Difference{}, err
	}
	want, err := logits(ctx, be, dense.Config.ByQueryHead(), &masked{transformer.NewStreamed(be, dense.Weights), be, m}, b)
	if err != nil {
		return Difference{}, err
	}
	got, err := logits(ctx, be, pruned.Config, transformer.NewStreamed(be, pruned.Weights), b)
	if err != nil {
		return Difference{}, err
	}
	return difference(got, want, dense.Config.VocabSize), nil
}

func logits(ctx context.Context, be backend.Backend, cfg *model.Config, w transformer.WeightSource, b transformer.Batch) (all []float32, err error) {
	err = transformer.New(be, cfg).Logits(ctx, b, w, func(rows []float32) error {
		all = append(all, rows...)
		return nil
	})
	return all, err
}

func difference(got, want []float32, V int) Difference {
	d := Difference{Rows: len(want) / V}
	for i := range want {
		off, of := float64(got[i])-float64(want[i]), float64(want[i])
		d.MaxAbs, d.Largest = math.Max(d.MaxAbs, math.Abs(off)), math.Max(d.Largest, math.Abs(of)) // NaN stays
		d.RMS, d.RMSOf = d.RMS+off*off, d.RMSOf+of*of
	}
	d.RMS, d.RMSOf = math.Sqrt(d.RMS/float64(len(want))), math.Sqrt(d.RMSOf/float64(len(want)))
	for row := 0; row < len(want); row += V {
		if top(got[row:row+V]) == top(want[row:row+V]) {
			d.SameTop++
		}
	}
	return d
}

func top(x []float32) (at int) {
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}
