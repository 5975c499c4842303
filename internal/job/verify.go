package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"

	"moreau/internal/backend"
	"moreau/internal/load"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/transformer"
	"moreau/internal/verify"
)

// VerifyOptions say how many random tokens two models are compared on.
type VerifyOptions struct {
	Rows   int
	SeqLen int
	Seed   uint64
	Plan   string // plan.json whose refit is done again on the dense model; "": none
}

// Verify is the job that compares a pruned model with the dense one.
type Verify struct {
	o             VerifyOptions
	be            backend.Backend
	dense, pruned *load.Model
	plan          *prune.Record // nil: none
}

// VerifyPlan says what will be compared.
type VerifyPlan struct {
	Rows, SeqLen int     // no more tokens a row than both models take
	DType        string  // coarsest of the pruned model
	Bound        float64 // of the relative difference that it explains
}

// VerifyReport is what was found.
type VerifyReport struct {
	verify.Difference
	Unit      float64 `json:"unit_distance"`      // relative, of the two units least alike
	Embedding float64 `json:"embedding_distance"` // relative, of the two rows least alike
	DType     string  `json:"dtype"`              // coarsest of the pruned model
	Bound     float64 `json:"bound"`
	Pass      bool    `json:"pass"`
	Layers    []int   `json:"layers"`              // of the dense model that the pruned one has
	HeadsCut  bool    `json:"heads_cut,omitempty"` // heads are cut from the dense model, not masked: one norm runs over all of them
	Of        int     `json:"-"`                   // layers of the dense model
	Refitted  int     `json:"refitted,omitempty"`  // projections of the dense model that were refitted as the plan says

	// Changed are the projections that were taken from the pruned model as they are, for want of a plan.
	Changed []verify.Changed `json:"changed,omitempty"`
	Biases  []string         `json:"biases,omitempty"` // and the biases of o and down
}

// NewVerify opens the models.
func NewVerify(dense, pruned string, be backend.Backend, o VerifyOptions) (*Verify, error) {
	if err := errors.Join(Within("rows", o.Rows, 1, 1024), Within("seq-len", o.SeqLen, 1, 1<<16)); err != nil {
		return nil, err
	}
	d, err := load.Open(dense)
	if err != nil {
		return nil, err
	}
	p, err := load.Open(pruned)
	if err != nil {
		d.Close()
		return nil, err
	}
	j := &Verify{o: o, be: be, dense: d, pruned: p}
	if err := j.readPlan(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

func (j *Verify) readPlan() error {
	if j.o.Plan == "" {
		return nil
	}
	data, err := os.ReadFile(j.o.Plan)
	if err != nil {
		return Input(err)
	}
	if j.plan, err = prune.DecodeRecord(data, j.dense.Config); err == nil && j.plan.Refit == nil {
		err = errors.New("a plan without a refit; verify needs none then")
	}
	if err != nil {
		return Input(fmt.Errorf("%s: %w", j.o.Plan, err))
	}
	return nil
}

// Close closes the models.
func (j *Verify) Close() error { return errors.Join(j.dense.Close(), j.pruned.Close()) }

// Plan says what Execute will compare.
func (j *Verify) Plan() VerifyPlan {
	p := VerifyPlan{Rows: j.o.Rows, SeqLen: min(j.o.SeqLen, j.dense.Config.MaxPositions, j.pruned.Config.MaxPositions)}
	p.DType, p.Bound = verify.Bound(j.pruned.Weights)
	return p
}

// Execute compares. A difference that the type does not explain is no error.
func (j *Verify) Execute(ctx context.Context, p VerifyPlan, progress Progress) (VerifyReport, error) {
	r := VerifyReport{DType: p.DType, Bound: p.Bound}
	batch, err := randomBatch(j.o.Seed, p.Rows, p.SeqLen, j.dense.Config.VocabSize)
	if err != nil {
		return r, err
	}
	dense, pruned := verify.Model{Config: j.dense.Config, Weights: j.dense.Weights}, verify.Model{Config: j.pruned.Config, Weights: j.pruned.Weights}
	r.Of = len(dense.Config.Layers)
	var match *verify.Match
	folder, err := os.MkdirTemp("", "moreau-refit-") // of what the plan refits
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(folder)
	refit := func() (err error) {
		var after stage.Model
		after, r.Refitted, err = refitted(ctx, j.be, j.dense, stage.Model{Config: dense.Config, Weights: dense.Weights}, j.plan, folder, progress)
		dense.Weights = after.Weights
		return err
	}
	if dense, err = verify.WithBiases(ctx, dense, pruned); err == nil && j.plan != nil && j.plan.Drops() {
		if err := refit(); err != nil {
			return r, err
		}
	}
	if err == nil {
		dense, r.Layers, err = verify.SameLayers(ctx, j.be, dense, pruned)
	}
	if err == nil && j.plan != nil && !j.plan.Drops() {
		if err := refit(); err != nil {
			return r, err
		}
	}
	if err == nil {
		match, err = verify.FindUnits(j.be, dense, pruned)
	}
	if err != nil {
		return r, Input(fmt.Errorf("%s, %s: %w", j.dense.Path, j.pruned.Path, err))
	}
	r.Unit, r.HeadsCut = match.Worst, match.HeadsAreCut(dense.Config)
	if j.plan == nil {
		if dense, r.Changed, err = verify.FindChanged(dense, pruned, match, verify.BeforeGaps(r.Layers, r.Of)); err != nil {
			return r, Input(fmt.Errorf("%s, %s: %w", j.dense.Path, j.pruned.Path, err))
		}
		if dense, r.Biases, err = verify.TakeBiases(dense, pruned); err != nil {
			return r, err
		}
	}
	if r.Difference, err = verify.Compare(ctx, j.be, dense, pruned, match, batch); err != nil {
		return r, err
	}
	if r.Embedding, err = verify.Embedding(j.be, dense, pruned); err != nil {
		return r, err
	}
	if sum := r.RMS + r.Embedding; math.IsNaN(sum) || math.IsInf(sum, 0) {
		return r, errors.Join(notFinite(j.pruned), notFinite(j.dense),
			fmt.Errorf("%s, %s: logits or embeddings are not finite, so there is nothing to compare", j.dense.Path, j.pruned.Path))
	}
	r.Pass = max(r.Relative(), r.Embedding) <= r.Bound
	return r, nil
}

// notFinite blames a model's weights if they are at fault.
func notFinite(m *load.Model) error {
	name, err := m.NotFinite()
	if err == nil && name != "" {
		err = fmt.Errorf("%s: tensor %s holds NaN or infinite values", m.Path, name)
	}
	return err
}

// randomBatch draws B rows of T tokens.
func randomBatch(seed uint64, B, T, vocab int) (transformer.Batch, error) {
	random := rand.New(rand.NewPCG(seed, 1))
	rows := make([][]int32, B)
	for i := range rows {
		for range T {
			rows[i] = append(rows[i], random.Int32N(int32(vocab)))
		}
	}
	return transformer.NewBatch(rows)
}
