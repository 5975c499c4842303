package job

import (
	"context"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/eval"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// Measured is the perplexity of one text.
type Measured struct {
	Text     string `json:"text"`
	Protocol string `json:"protocol"`             // one of dataset.Protocols, "rows" of another length, or "ids"
	Length   int    `json:"max_length,omitempty"` // tokens of a row, or of a window at most; 0: rows given as ids
	BOS      bool   `json:"bos"`                  // it was put before each row or document
	eval.Result
}

// measured is the result of a text.
func (t text) measured(r eval.Result) Measured {
	return Measured{t.name, t.protocol.Name, t.protocol.Seq, t.bos, r}
}

// measure evaluates weights of a configuration on each text.
func measure(ctx context.Context, be backend.Backend, cfg *model.Config, weights checkpoint.Checkpoint, texts []text, phase Phase, progress Progress) ([]Measured, error) {
	tr := transformer.New(be, cfg)
	w := transformer.NewStreamed(be, weights)
	var results []Measured
	for _, t := range texts {
		m, err := measureText(ctx, tr, w, t, phase, t.name, nil, nil, progress)
		if err != nil {
			return nil, err
		}
		results = append(results, m)
	}
	return results, nil
}

// measureText measures what is not known of a text, and hands keep, if not nil, the chunks of each pass.
func measureText(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, t text, phase Phase, of string,
	known []eval.Chunk, keep func(more []eval.Chunk) error, progress Progress) (Measured, error) {
	progress.Begin(phase, of, int64(len(t.rows)))
	done := len(known)
	emit := func(more []eval.Chunk) error {
		done += len(more)
		progress.At(int64(done))
		if keep == nil {
			return nil
		}
		return keep(more)
	}
	var r eval.Result
	var err error
	if t.docs != nil {
		r, err = eval.DocumentPerplexity(ctx, tr, w, t.docs, known, emit)
	} else {
		r, err = eval.Perplexity(ctx, tr, w, t.rows, known, emit)
	}
	if err != nil {
		return Measured{}, err
	}
	progress.End(r.Perplexity)
	return t.measured(r), nil
}
