package importance

import (
	"context"

	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/transformer"
)

// Bytes is the most memory, in bytes, that a run of the method takes at once, under weights
// as ck stores them, on B rows of T tokens a pass, with so many bytes of activations kept and
// its state in a scratch file, or in memory where that is nil. It is found by running the
// method on a backend that counts.
func (m Method) Bytes(cfg *model.Config, ck checkpoint.Checkpoint, o Options, B, T int, keep int64, scratch *moreau.ScratchFile) int64 {
	be := dry.New()
	if o.Moreau.Steps > drySteps {
		o.Moreau.Steps = drySteps
	}
	run := Run{Backend: be, Config: cfg, Weights: transformer.NewDry(be, ck), Options: o, Keep: keep, Scratch: scratch,
		Batch: func(int) (transformer.Batch, error) { return transformer.SomeTokens(B, T), nil }}
	if _, err := m.Score(context.Background(), run); err != nil {
		panic("importance: a dry run failed: " + err.Error()) // nothing is read or written
	}
	return be.Peak()
}

// drySteps is how many steps of the envelope iteration show all that it ever holds: the
// second is the first that has a delta to begin with.
const drySteps = 3
