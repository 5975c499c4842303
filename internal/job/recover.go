package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moreau/internal/backend"
	"moreau/internal/export"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/lora"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// RecoverOptions say what adapters are learnt on, and where the model with them goes.
type RecoverOptions struct {
	Teacher      string       // the dense model, whose predictions are learnt; "": the next tokens of the text are
	Data         CalibOptions // of its rows, Rows is what Tokens make
	Tokens       int          // that adapters are learnt on
	Projections  []string     // that get an adapter, by these names: q, k, v, o, gate, up, down
	Adapters     lora.Settings
	JournalEvery time.Duration
	Texts        TextOptions
	NoEval       bool
	Out          OutOptions
	Adapter      string // folder that the adapters are written to as well, in PEFT's form; "": none
	PlanOnly     bool
}

// Projections are the names of all that can have an adapter, and their roles.
var (
	Projections     = []string{"q", "k", "v", "o", "gate", "up", "down"}
	projectionRoles = []model.Role{model.Q, model.K, model.V, model.O, model.Gate, model.Up, model.Down}
)

// DefaultRecover has the adapters of the published runs of LLM-Pruner, but a larger rate, since steps are few (docs/results.md).
func DefaultRecover() RecoverOptions {
	return RecoverOptions{Data: CalibOptions{SeqLen: 128, Flag: "data"}, Tokens: 300_000, Projections: Projections, JournalEvery: 30 * time.Second,
		Adapters: lora.Settings{Rank: 8, Alpha: 16, Rate: 3e-3, Seed: 1}}
}

// A step takes recoverStep tokens; recoverHeldOut rows say which moment is best.
const (
	recoverStep    = 2048
	recoverHeldOut = 16
)

func (o *RecoverOptions) check(path string) error {
	if o.Out.Path == "" {
		return Usage(errors.New("say where the recovered model goes: -o OUT"))
	}
	o.Adapters.Roles = nil
	for _, name := range o.Projections {
		i := slices.Index(Projections, name)
		if i < 0 {
			return Usage(fmt.Errorf("--projections %q: want some of %s, with commas between them", name, strings.Join(Projections, ", ")))
		}
		o.Adapters.Roles = append(o.Adapters.Roles, projectionRoles[i])
	}
	for flag, v := range map[string]float64{"alpha": o.Adapters.Alpha, "rate": o.Adapters.Rate} {
		if !(v > 0) || math.IsInf(v, 0) {
			return Usage(fmt.Errorf("--%s wants more than 0", flag))
		}
	}
	err := errors.Join(Within("rank", o.Adapters.Rank, 1, 1024), Within("tokens", o.Tokens, 1, MostSteps*MostRows), Within("seq-len", o.Data.SeqLen, 2, MostRows))
	if err != nil {
		return err
	}
	inputs := append(append(o.Data.inputs(), o.Texts.inputs()...), path, o.Teacher, o.Out.Imatrix)
	if err := apart(inputs, []string{o.Out.Path, o.Adapter}); err != nil {
		return err
	}
	if o.Adapter != "" {
		if err := output.CheckDir(o.Adapter, o.Out.Force); err != nil {
			return err
		}
	}
	return o.Out.Check(path)
}

// Recover is the job that gives a pruned model back what adapters can learn.
type Recover struct {
	o        RecoverOptions
	m, dense *load.Model // dense nil: labels are learnt
	be       backend.Backend
	data     *calibration
	texts    []text
	stage    *lora.Recovery
	release  func() // of the output
}

// RecoverPlan says what a run will do.
type RecoverPlan struct {
	Model     string               `json:"model"`
	Teacher   string               `json:"teacher,omitempty"`
	Data      importance.CalibInfo `json:"data"`
	Tokens    int                  `json:"tokens"`
	Steps     int                  `json:"steps"`
	Rank      int                  `json:"rank"`
	Alpha     float64              `json:"alpha"`
	Rate      float64              `json:"rate"`
	Trained   int64                `json:"trained_parameters"`
	Projected []string             `json:"projections"`
	RAM       int64                `json:"estimated_ram_bytes"`
	Seconds   Seconds              `json:"estimated_seconds"`
	Out       *export.Plan         `json:"output"`

	texts []TextPlan
}

// RecoverReport is what a run did.
type RecoverReport struct {
	Plan    RecoverPlan `json:"plan"`
	Losses  []float64   `json:"losses"`   // of each step, before it: divergence from the dense model, or cross-entropy, in nats a token
	HeldOut []float64   `json:"held_out"` // before the first step, and at as many moments as these are
	Best    int         `json:"best"`     // of these the one whose adapters were kept; 0: none, the model is as it was
	Before  []Measured  `json:"before"`
	After   []Measured  `json:"after"`
}

// NewRecover opens the models and reads the rows.
func NewRecover(path string, be backend.Backend, o RecoverOptions) (*Recover, error) {
	if err := o.check(path); err != nil {
		return nil, err
	}
	j := &Recover{o: o, be: be, release: func() {}}
	err := j.open(path)
	if err == nil {
		err = j.prepare()
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

func (j *Recover) open(path string) (err error) {
	if !j.o.PlanOnly {
		if j.release, err = output.Claim(j.o.Out.Path, j.o.Adapter); err != nil {
			j.release = func() {}
			return err
		}
	}
	if j.m, err = load.Open(path); err != nil {
		return err
	}
	if j.o.Adapter != "" {
		if err := lora.Folders(j.m.Config); err != nil {
			return Output(fmt.Errorf("--adapter %s: %w; leave it out", j.o.Adapter, err))
		}
	}
	if j.o.Teacher == "" {
		return nil
	}
	if j.dense, err = load.Open(j.o.Teacher); err != nil {
		return err
	}
	return sameHead(j.m, j.dense)
}

// mostApart is how far heads of one model may be apart, by what blocks round: rows of Q4 are some 8 % off, each.
const mostApart = 0.3

// sameHead refuses a teacher that the model was not pruned from: its head is the one that both predictions are computed with.
func sameHead(m, dense *load.Model) error {
	other := fmt.Errorf("%s: %s is not pruned from it: give the dense model as --teacher", dense.Path, m.Path)
	if m.Config.VocabSize != dense.Config.VocabSize || m.Config.HiddenSize != dense.Config.HiddenSize {
		return Input(other)
	}
	a, err := m.Weights.Read(m.Config.HeadParam().Name)
	if err != nil {
		return Input(err)
	}
	b, err := dense.Weights.Read(dense.Config.HeadParam().Name)
	if err != nil {
		return Input(err)
	}
	var diff, size float64
	x, y := a.Float32(), b.Float32()
	for i := 0; i < len(x) && i < len(y); i += 7 {
		diff, size = diff+math.Pow(float64(x[i]-y[i]), 2), size+math.Pow(float64(y[i]), 2)
	}
	if !(diff <= mostApart*mostApart*size) {
		return Input(other)
	}
	return nil
}

// Close closes the models and leaves the output to other runs.
func (j *Recover) Close() error {
	j.release()
	for _, m := range []*load.Model{j.m, j.dense} {
		if m != nil {
			m.Close()
		}
	}
	return nil
}

// prepare reads the rows and makes the stage of them; rows of the model's own text are blank as yet.
func (j *Recover) prepare() (err error) {
	data := j.o.Data
	data.Rows = (j.o.Tokens+data.SeqLen-1)/data.SeqLen + recoverHeldOut
	if j.data, err = data.load(j.writer(), j.o.Adapters.Seed, 1); err != nil {
		return err
	}
	if len(j.data.rows) < 2*recoverHeldOut {
		return Input(fmt.Errorf("%s: %d rows, adapters want %d or more, of which %d are held out; give more", j.data.info.Source, len(j.data.rows), 2*recoverHeldOut, recoverHeldOut))
	}
	if !j.o.NoEval {
		if j.texts, err = j.o.Texts.load(j.m, "give token ids: --eval-ids FILE, or leave perplexity out: --no-eval"); err != nil {
			return err
		}
	}
	return j.learn()
}

// writer is the model that writes rows of its own text.
func (j *Recover) writer() *load.Model {
	if j.dense != nil {
		return j.dense
	}
	return j.m
}

// learn makes the stage of the rows as they are.
func (j *Recover) learn() (err error) {
	rows := j.data.rows
	r := &lora.Recovery{Settings: j.o.Adapters, Backend: j.be}
	if j.dense != nil {
		dense := whole(j.dense)
		r.Dense = &dense
	}
	learnt := len(rows) - recoverHeldOut
	if r.Steps, err = stepsOf(rows[:learnt]); err == nil {
		r.HeldOut, err = stepsOf(rows[learnt:])
	}
	j.stage = r
	return err
}

// stepsOf is rows in batches of their own of recoverStep tokens at most.
func stepsOf(rows [][]int32) (steps []transformer.Batch, err error) {
	all, err := transformer.NewBatch(rows)
	if err != nil {
		return nil, err
	}
	for _, b := range all.Parts(recoverStep) {
		steps = append(steps, b.PartOf(0))
	}
	return steps, nil
}

// Plan says what Execute will do. It times this machine for that.
func (j *Recover) Plan(ctx context.Context) (p RecoverPlan, err error) {
	s := j.o.Adapters
	p = RecoverPlan{Model: j.m.Path, Teacher: j.o.Teacher, Data: j.data.info, Steps: len(j.stage.Steps), Rank: s.Rank, Alpha: s.Alpha, Rate: s.Rate,
		Projected: j.o.Projections, Trained: s.Trained(j.m.Config), texts: planTexts(j.texts)}
	for _, b := range j.stage.Steps {
		p.Tokens += b.Rows()
	}
	e, err := j.stage.Estimate(j.m.Config)
	if err != nil {
		return p, err
	}
	after, err := j.stage.Merged(ctx, whole(j.m))
	if err == nil {
		err = j.place(&p, after)
	}
	if err != nil {
		return p, err
	}
	bytes := max(e.Bytes+4*p.Trained, j.data.self.bytes(j.writer()), p.Out.Memory*5/4) // the best adapters are kept beside those that are learnt
	p.RAM = max(resident(j.m.Config, bytes), evalRAM(j.m, p.texts))
	w := j.work(p)
	at, err := estimate(ctx, j.be, j.m.Config, j.m.Weights, w)
	p.Seconds = at(w)
	return p, err
}

// place plans the output.
func (j *Recover) place(p *RecoverPlan, after stage.Model) error {
	e, err := exported(j.m, after, j.o.Out.Path)
	if err == nil {
		p.Out, err = j.o.Out.plan(e)
	}
	return err
}

// work is what the run takes.
func (j *Recover) work(p RecoverPlan) work {
	n := float64(p.Out.Bytes)
	w := work{written: float64(j.m.Config.ParamCount()), dtype: p.Out.DType, decoded: n}
	pass := func(b transformer.Batch, g transformer.Gradients, times int) {
		w.addPass(j.m.Config, b.Rows(), g, times)
		if j.dense != nil {
			w.addPass(j.dense.Config, b.Rows(), transformer.NoGradients, times)
		}
	}
	for _, b := range j.stage.Steps {
		pass(b, transformer.UnitGradients, 1)
	}
	for _, b := range j.stage.HeldOut {
		pass(b, transformer.NoGradients, lora.Checks+1)
	}
	for _, t := range p.texts {
		w.addEval(j.m.Config, append(t.Passes, t.Passes...))
	}
	return w
}

// Kept are the files beside the output from which the same command goes on, where they are there.
func (j *Recover) Kept() []string { return []string{j.journal(), selfStore(j.o.Out.Path)} }

func (j *Recover) journal() string {
	return filepath.Join(filepath.Dir(j.o.Out.Path), "."+filepath.Base(j.o.Out.Path)+".moreau-recover")
}

// Execute measures, learns, measures again and writes, as planned.
func (j *Recover) Execute(ctx context.Context, p RecoverPlan, progress Progress) (RecoverReport, error) {
	r := RecoverReport{Plan: p}
	noteRows(j.m, j.data, j.texts, progress)
	var err error
	if r.Before, err = j.measure(ctx, whole(j.m), progress); err != nil {
		return r, err
	}
	if err := j.data.draw(ctx, j.be, j.writer(), selfStore(j.o.Out.Path), progress); err != nil {
		return r, err
	}
	r.Plan.Data = j.data.info
	if err := j.learn(); err != nil { // of the rows that are there now
		return r, err
	}
	after, err := j.run(ctx, progress)
	if err != nil {
		return r, Blame(j.m, err)
	}
	of := j.stage.Result
	r.Losses, r.HeldOut, r.Best = of.Losses, of.HeldOut, of.Best
	if r.After, err = j.measure(ctx, after, progress); err != nil {
		return r, err
	}
	if err := j.place(&r.Plan, after); err != nil {
		return r, err
	}
	if err := writeModel(ctx, r.Plan.Out, progress); err != nil {
		return r, Blame(j.m, err)
	}
	if j.o.Adapter != "" {
		if err := j.writeAdapter(progress); err != nil {
			return r, err
		}
	}
	for _, path := range j.Kept() {
		os.Remove(path)
	}
	return r, nil
}

// writeAdapter writes the adapters that were kept.
func (j *Recover) writeAdapter(progress Progress) error {
	if j.stage.Result.Adapters == nil {
		progress.Note(j.o.Adapter + ": not written, no adapter is better than none")
		return nil
	}
	return j.o.Adapters.Write(j.o.Adapter, j.o.Out.Force, j.m.Config, j.stage.Result.Adapters)
}

// run learns.
func (j *Recover) run(ctx context.Context, progress Progress) (stage.Model, error) {
	j.stage.Journal = &lora.Journal{Path: j.journal(), Key: j.key(), Every: j.o.JournalEvery}
	held := math.NaN()
	j.stage.Done = func(step int, _ float64) { progress.At(int64(step)) }
	j.stage.Checked = func(step int, loss float64) { held = loss }
	progress.Begin(Recovering, "", int64(len(j.stage.Steps)))
	after, err := j.stage.Run(ctx, whole(j.m))
	if errors.Is(err, transformer.ErrNotFinite) {
		err = fmt.Errorf("%w; lower --rate", err)
	}
	if err != nil {
		return after, err
	}
	j.be.Trim()
	progress.End(held)
	if n := j.stage.Result.Broke; n > 0 {
		progress.Note(fmt.Sprintf("the loss of step %d of %d is not finite: learning ended there, and the best adapters before it are kept; lower --rate", n, len(j.stage.Steps)))
	}
	return after, nil
}

// key identifies what is learnt: other models, rows, settings or kernels make another.
func (j *Recover) key() string {
	id := identity(j.m)
	if j.dense != nil {
		id += "\n" + identity(j.dense)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%+v\n%d %s\n%s", id, j.o.Adapters, len(j.stage.Steps), j.data.info.SHA256, j.be.Name()))
	return hex.EncodeToString(sum[:])
}

// measure measures a model in the types that the output holds.
func (j *Recover) measure(ctx context.Context, m stage.Model, progress Progress) ([]Measured, error) {
	if len(j.texts) == 0 {
		return nil, nil
	}
	phase, err := Perplexity, error(nil)
	if j.stage.Result != nil {
		phase = RecoveredPerplexity
		m.Weights, err = export.AsWritten(export.Model{Config: m.Config, Weights: m.Weights}, j.o.Out.Path, j.o.Out.export())
	}
	if err != nil {
		return nil, err
	}
	measured, err := measure(ctx, j.be, m.Config, m.Weights, j.texts, phase, progress)
	return measured, Blame(j.m, err)
}
