package prune

import (
	"encoding/json"
	"errors"
	"fmt"

	"moreau/internal/dataset"
	"moreau/internal/model"
	"moreau/internal/stage"
)

// Record is plan.json (docs/formats/plan.md): what was decided for a model, and how, so
// that it can be done again without scores.
type Record struct {
	Program string // that wrote it, with its version
	Command string // that decided
	Model   string // as it was given
	Weights string // checkpoint.Hash of the model; "": not known, as in files of version 1
	Scores  string // where they came from, in words
	Seed    uint64
	Before  *model.Config
	After   *model.Config
	Stages  stage.Sequence // each a Drop, Biases or a *Plan
	Refit   *Refit         // before the last stage, a cut or a drop; nil: none
	Tune    *Tune          // behind that cut, on rows of the same text; nil: none
}

// Drops says whether the last stage drops layers: a refit is of the model with these then.
func (r *Record) Drops() bool {
	_, drops := r.Stages[len(r.Stages)-1].(Drop)
	return drops
}

// Refit says how what a cut leaves is repaired (package refit), and on what.
type Refit struct {
	Calibration string      `json:"calibration"`   // files and weights, as dataset.ParseMix reads them
	IDs         bool        `json:"ids,omitempty"` // it is a file of rows of token ids
	Rows        int         `json:"rows"`
	SeqLen      int         `json:"seq_len"`
	BOS         bool        `json:"bos,omitempty"`  // it was put before each row
	Seed        uint64      `json:"seed"`           // that drew them
	SHA256      string      `json:"ids_sha256"`     // of the rows
	Mix         dataset.Mix `json:"mix,omitempty"`  // of text: what these files were
	Bias        bool        `json:"bias,omitempty"` // nothing is fitted: what the columns that go gave in the mean becomes a bias
	Damping     float64     `json:"damping,omitempty"`
	Dense       float64     `json:"dense,omitempty"` // how far outputs are led back to the dense model's residual stream
}

func (r *Refit) check() error {
	const most = 1 << 20
	if !(r.Damping > 0) && !r.Bias || r.Rows < 2 || r.Rows > most || r.SeqLen < 2 || r.SeqLen > most {
		return fmt.Errorf("a refit on %d rows of %d tokens with damping %g: want 2 to %d of each, and more than 0", r.Rows, r.SeqLen, r.Damping, most)
	}
	if !(r.Dense >= 0 && r.Dense <= 1) {
		return fmt.Errorf("a refit that leads %g of the way back to the dense model: want 0 to 1", r.Dense)
	}
	return nil
}

// Tune says how gates are tuned behind a cut (package tune).
type Tune struct {
	Tokens int    `json:"tokens"`     // on which gates are tuned
	Rows   int    `json:"rows"`       // that they are of, drawn from the refit's text behind its own; all of given ids
	SHA256 string `json:"ids_sha256"` // of the refit's rows and these
}

// MostTokens is how many gates can be tuned on.
const MostTokens = 1 << 24

func (t *Tune) check() error {
	if t.Tokens < 1 || t.Tokens > MostTokens {
		return fmt.Errorf("gates tuned on %d tokens: want 1 to %d", t.Tokens, MostTokens)
	}
	if t.Rows < 1 || t.Rows > t.Tokens {
		return fmt.Errorf("gates tuned on %d tokens of %d rows: want 1 to one a token", t.Tokens, t.Rows)
	}
	return nil
}

const formatName, version = "moreau-plan", 3

// file is plan.json.
type file struct {
	Format       string       `json:"format"`
	Version      int          `json:"version"`
	Program      string       `json:"program"`
	Command      string       `json:"command"`
	Model        string       `json:"model"`
	Weights      string       `json:"weights_sha256"`
	Scores       string       `json:"scores"`
	Seed         uint64       `json:"seed"`
	ParamsBefore int64        `json:"params_before"`
	ParamsAfter  int64        `json:"params_after"`
	Stages       []stageEntry `json:"stages"`
}

// stageEntry is one stage: one of its fields.
type stageEntry struct {
	Drop   []int     `json:"drop_layers,omitempty"`
	Biases []string  `json:"biases,omitempty"`
	Refit  *Refit    `json:"refit,omitempty"`
	Cut    *cutEntry `json:"cut,omitempty"`
	Tune   *Tune     `json:"tune,omitempty"`
}

// Encode is plan.json.
func (r *Record) Encode() ([]byte, error) {
	f := file{formatName, version, r.Program, r.Command, r.Model, r.Weights, r.Scores, r.Seed, r.Before.ParamCount(), r.After.ParamCount(), nil}
	for i, s := range r.Stages {
		if r.Refit != nil && i == len(r.Stages)-1 {
			f.Stages = append(f.Stages, stageEntry{Refit: r.Refit})
		}
		switch s := s.(type) {
		case Drop:
			f.Stages = append(f.Stages, stageEntry{Drop: s})
		case Biases:
			f.Stages = append(f.Stages, stageEntry{Biases: model.Roles(s).Biased()})
		case *Plan:
			f.Stages = append(f.Stages, stageEntry{Cut: newCutEntry(s)})
			if r.Tune != nil {
				f.Stages = append(f.Stages, stageEntry{Tune: r.Tune})
			}
		default:
			return nil, fmt.Errorf("plan.json has no place for a stage of type %T", s)
		}
	}
	return json.Marshal(f)
}

// DecodeRecord reads plan.json, of this version or one before, for a model of
// configuration cfg, and checks that every stage is one of that model.
func DecodeRecord(data []byte, cfg *model.Config) (*Record, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("not a plan; make one with moreau prune --save-plan: %w", err)
	}
	switch {
	case f.Format != formatName:
		return nil, fmt.Errorf("not a plan; make one with moreau prune --save-plan: format %q, want %q", f.Format, formatName)
	case f.Version == 1:
		f.Stages = firstVersion(data)
	case f.Version < 1 || f.Version > version:
		return nil, fmt.Errorf("a plan of version %d, this program reads 1 to %d; use the program that wrote it, or a newer one", f.Version, version)
	}
	if n := cfg.ParamCount(); n != f.ParamsBefore {
		return nil, fmt.Errorf("a plan of another model: of %d parameters, this one has %d", f.ParamsBefore, n)
	}
	r := &Record{f.Program, f.Command, f.Model, f.Weights, f.Scores, f.Seed, cfg, cfg, nil, nil, nil}
	if err := r.takeTune(&f); err != nil {
		return nil, err
	}
	for i, e := range f.Stages {
		if e.Refit != nil && e.keys() == 1 {
			if i+2 != len(f.Stages) || f.Stages[i+1].Cut == nil && (f.Stages[i+1].Drop == nil || e.Refit.Bias) {
				return nil, fmt.Errorf("stage %d: a refit wants a cut behind it, or layers to drop, as the last stage", i+1)
			}
			if err := e.Refit.check(); err != nil {
				return nil, fmt.Errorf("stage %d: %w", i+1, err)
			}
			r.Refit = e.Refit
			continue
		}
		s, err := e.stage(r.After)
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", i+1, err)
		}
		after, err := s.Estimate(r.After)
		if err != nil {
			return nil, fmt.Errorf("stage %d: %w", i+1, err)
		}
		r.Stages, r.After = append(r.Stages, s), after.After
	}
	if n := r.After.ParamCount(); n != f.ParamsAfter {
		return nil, fmt.Errorf("a plan that was changed by hand: it leaves %d parameters, and says %d", n, f.ParamsAfter)
	}
	return r, nil
}

// takeTune takes the last stage away if it is a tuning.
func (r *Record) takeTune(f *file) error {
	last := len(f.Stages) - 1
	if last < 0 || f.Stages[last].Tune == nil || f.Stages[last].keys() != 1 {
		return nil
	}
	if last < 2 || f.Stages[last-1].Cut == nil || f.Stages[last-2].Refit == nil {
		return fmt.Errorf("stage %d: a tuning wants a refit and a cut right before it", last+1)
	}
	r.Tune, f.Stages = f.Stages[last].Tune, f.Stages[:last]
	if err := r.Tune.check(); err != nil {
		return fmt.Errorf("stage %d: %w", last+1, err)
	}
	return nil
}

// stage is the stage for a model of configuration c.
func (e stageEntry) stage(c *model.Config) (stage.Stage, error) {
	switch {
	case e.keys() != 1:
	case e.Drop != nil:
		return Drop(e.Drop), nil
	case e.Biases != nil:
		roles, err := model.BiasesOf(e.Biases)
		return Biases(roles), err
	case e.Cut != nil:
		return e.Cut.plan(c)
	}
	return nil, errors.New("neither layers to drop, nor biases to add, nor units to cut, nor a refit before a cut, nor a tuning behind it, which are all the stages this program knows; use a newer one")
}

// keys is how many of the fields are there.
func (e stageEntry) keys() (n int) {
	for _, there := range []bool{e.Drop != nil, e.Biases != nil, e.Refit != nil, e.Cut != nil, e.Tune != nil} {
		if there {
			n++
		}
	}
	return n
}

// firstVersion is the one stage of a file of version 1: the cut.
func firstVersion(data []byte) []stageEntry {
	var f struct {
		Budget budgetEntry  `json:"budget"`
		Layers string       `json:"budget_layers"`
		Kinds  []string     `json:"budget_kinds"`
		Plans  []layerEntry `json:"layers"`
	}
	json.Unmarshal(data, &f) // what does not fit is missed when the stage is checked
	f.Budget.Layers, f.Budget.Kinds = f.Layers, f.Kinds
	return []stageEntry{{Cut: &cutEntry{f.Budget, f.Plans}}}
}
