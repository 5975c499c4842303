package job

import (
	"context"
	"errors"
	"fmt"

	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
)

// PrunePlan says what a run will cut, what that takes, and where the result goes.
type PrunePlan struct {
	Model       string
	Before      *model.Config
	After       *model.Config
	Stages      stage.Sequence      // from the one to the other: prune.Drop, prune.Biases and *prune.Plan
	Cut         *prune.Plan         // the last among them; of no units where there is none
	OneSize     bool                // all layers are cut alike though nobody asked: the output has one size for all
	Decided     bool                // the units that go are known; else sizes alone are, under prune.Global and where they are measured not even these
	Measured    bool                // how much each layer loses is measured
	Costs       map[int]float64     // by layer of the model, what cutting as many channels of it as of each other costs alone: KL of the predictions in nats a token; nil: not measured, or not yet
	Chosen      *prune.Budget       // what scores choose whole layers for; nil: they choose none
	Scores      string              // where they come from: the name of their file, or, of a plan that is done again, in words; "": they are computed
	Weights     string              // their hash, "": not asked for
	Manifest    importance.Manifest // of the scores, as far as they are known
	Refit       *RefitPlan          // how what is left is repaired; nil: it is not
	NoRefit     string              // why it is not, where nobody said so
	Tune        *TunePlan           // how gates of what is left are tuned then; nil: they are not
	Self        *SelfPlan           // what the model is to write for calibration; nil: nothing
	Scoring     *ScoringPlan        // how they will be computed; nil: they are given, or only sizes are planned
	Texts       []TextPlan
	BytesBefore int64        // of the files that hold the model's weights; where none are there, of what the output would be, were nothing cut, or of the weights at 16 bits
	BytesAfter  int64        // of the files of the output that hold weights; without an output, of a file like the model's, or of the weights at 16 bits
	AtHalf      bool         // they are of weights at 16 bits
	Warnings    []string     // what a person would want otherwise, and how
	RAM         int64        // resident bytes; 0: not estimated
	Seconds     Seconds      // of the whole run
	Out         *export.Plan // nil: no output is asked for
}

// PruneReport is what a run did.
type PruneReport struct {
	Plan          PrunePlan // with the units that went and the files written
	Source        Source
	WeightBytes   int64 // of the model that was cut, as stored
	Before, After []Measured
	Cut           []Measured // after the cut, before the refit; nil without one
	Refitted      []Measured // after the refit, before the tuning; nil without one
	Tokenizer     bool       // the output has one
	OwnCode       bool       // the output brings Python code
	Program       string
	Command       string
}

// Plan says what Execute will do. It times this machine for that.
func (j *Prune) Plan(ctx context.Context) (PrunePlan, error) {
	p := PrunePlan{Model: j.m.Path, OneSize: j.o.Budget.oneSize(j.m.Config, j.o.Out.Path),
		Scores: j.scoresFrom(), Manifest: j.manifest, Decided: j.decided() || j.scores != nil && !j.measures(), Texts: planTexts(j.texts)}
	p.Measured, p.NoRefit = j.measures(), j.noRefit
	if len(j.chosen) > 0 {
		p.Chosen = &j.budget
	}
	cut, err := j.sized, error(nil)
	if p.Decided && j.scores != nil {
		cut, err = j.cut(j.scores)
	}
	if err == nil {
		err = p.does(j.m.Config, j.stages(cut), cut)
	}
	if err != nil {
		return p, err
	}
	if j.scoring != nil {
		if p.Scoring, err = j.scoring.plan(j.o.Out.Path); err != nil {
			return p, err
		}
	}
	if j.refit != nil {
		p.Refit = j.refit.plan()
	}
	if j.tuning != nil {
		p.Tune = &TunePlan{Tune: j.tuning.Tune}
	}
	p.Self = j.planSelf()
	if p.Weights, err = j.firstLook(ctx, p); err != nil {
		return p, err
	}
	if err := j.planOutput(&p); err != nil || j.sizesAlone() || j.o.MeasureOnly {
		return p, err
	}
	p.RAM = max(resident(j.m.Config, p.Out.Memory*5/4), evalRAM(j.m, p.Texts)) // tensors are encoded in parts, whose memory waits to be collected
	if p.Scoring != nil {
		p.RAM = max(p.RAM, p.Scoring.RAM)
	}
	if p.Refit != nil {
		e, err := j.refit.estimate(p)
		if err != nil {
			return p, err
		}
		bytes := max(e.Bytes, j.refit.calib.self.bytes(j.m))
		if p.Measured {
			alone, err := j.estimateAllocation()
			if err != nil {
				return p, err
			}
			bytes, e.FLOPs = max(bytes, alone.Bytes), e.FLOPs+alone.FLOPs
		}
		p.RAM, p.Refit.flops = max(p.RAM, resident(j.m.Config, bytes)), e.FLOPs
	}
	if p.Tune != nil {
		if err := j.planTuning(&p); err != nil {
			return p, err
		}
	}
	w := j.work(p)
	at, err := estimate(ctx, j.be, j.m.Config, j.m.Weights, w)
	if p.Seconds = at(w); p.Self != nil {
		p.Self.Seconds = at(p.Self.work(p.Before))
	}
	return p, err
}

// firstLook finds, where the plan is all that is wanted, what a run would find in its first
// moments, and gives the hash of the weights as weigh does.
func (j *Prune) firstLook(ctx context.Context, p PrunePlan) (weights string, err error) {
	if !j.o.PlanOnly {
		return "", nil
	}
	if j.o.SavePlan != "" && !p.Decided {
		return "", Usage(errors.New("--save-plan: a dry run does not know yet which units go; give --scores, -o OUT and --allocate uniform, or leave it out"))
	}
	if j.m.Bare {
		return "", nil
	}
	return j.weigh(ctx, unheard{})
}

// unheard is a progress that nobody is told.
type unheard struct{}

func (unheard) Begin(Phase, string, int64) {}
func (unheard) At(int64)                   {}
func (unheard) End(float64)                {}
func (unheard) Note(string)                {}

func (p PrunePlan) memory() int64 {
	if p.Scoring == nil {
		return 0
	}
	return p.Scoring.Memory
}

// planOutput plans the files; they depend on sizes alone, so this can come before the
// scores.
func (j *Prune) planOutput(p *PrunePlan) error {
	p.BytesBefore, p.BytesAfter = 2*p.Before.ParamCount(), 2*p.After.ParamCount()
	out := j.o.Out
	switch {
	case j.o.MeasureOnly, out.Path == "" && j.m.Format != load.GGUF:
		p.AtHalf = true
		return nil
	case out.Path == "":
		out.Path = "like.gguf"
	}
	var err error
	if p.BytesBefore, err = j.sourceBytes(out); err != nil {
		return err
	}
	if j.o.Out.Path != "" {
		return j.place(&PruneReport{Plan: *p, Source: j.source}, p)
	}
	e, err := j.exported(&PruneReport{Plan: *p, Source: j.source})
	if err != nil {
		return err
	}
	_, p.BytesAfter, err = out.sizes(e)
	return err
}

// place plans the output with what its card says of the run.
func (j *Prune) place(r *PruneReport, p *PrunePlan) error {
	e, err := j.exported(r)
	if err != nil {
		return err
	}
	out := j.o.Out
	if p.Decided {
		if out.weigh, err = cutImportance(j.m.Config, j.columns, p.Stages); err != nil {
			return err
		}
	}
	if _, p.BytesAfter, err = out.sizes(e); err != nil {
		return err
	}
	r.Plan.BytesAfter = p.BytesAfter
	e.Card = j.card(*r)
	if p.Out, err = out.plan(e); err != nil {
		return err
	}
	p.Warnings, err = j.warnings(out, e, *p)
	return err
}

// card is the card of a folder; "": none is written.
func (j *Prune) card(r PruneReport) string {
	if isGGUF(j.o.Out.Path) || j.o.Card == nil {
		return ""
	}
	return j.o.Card(r)
}

// exported is what is written, without its card.
func (j *Prune) exported(r *PruneReport) (export.Model, error) {
	pruned, err := r.Plan.sequence().Run(context.Background(), whole(j.m)) // views
	if err != nil {
		return export.Model{}, err
	}
	e, err := exported(j.m, pruned, j.o.Out.Path)
	r.Tokenizer, r.OwnCode, r.Program, r.Command = e.Vocab != nil, export.OwnCode(r.Plan.After), j.o.Program, j.command()
	return e, err
}

// ScoresInWords says where the scores come from, "" where none are needed.
func (p PrunePlan) ScoresInWords() string {
	method := p.Manifest.Method
	switch {
	case p.Cut.Removed() == 0 && p.Chosen == nil && p.Scores == "":
		return ""
	case p.Scores != "" && method != "":
		return fmt.Sprintf("%s (by %s)", p.Scores, method)
	case p.Scores != "":
		return p.Scores
	case p.Scoring == nil:
		return method
	case p.Scoring.Passes == 0:
		return method + ", no calibration"
	}
	s := p.Scoring
	c := s.Manifest.Calibration
	return fmt.Sprintf("%s, %d passes over %d x %d tokens of %s, %s", method, s.Passes, s.Rows, s.SeqLen, c.Source, BOSInWords(c.BOS))
}
