package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/stage"
)

// SweepOptions are those of many cuts of one model.
type SweepOptions struct {
	Prune   PruneOptions // of each cut, but for its method, ratio and output
	Methods []string
	Ratios  []float64   // of the model's parameters
	Tasks   TaskOptions // that each cut is asked; none: perplexity alone
	Mean    string      // the rule of results.Rules by which a mean over them is taken
	Dir     string      // of the cells, each kept as soon as it is measured
}

// Sweep is the job that measures cuts of one model by several methods and ratios. Nothing is written but what was
// measured; scores are computed once a method.
type Sweep struct {
	o    SweepOptions
	path string
	be   backend.Backend
	ask  asking
	key  string // of what all cells have in common

	release func() // of what is written
}

// Cell is one cut, measured.
type Cell struct {
	Method string     `json:"method"`
	Ratio  float64    `json:"ratio"`        // 0: the dense model, whose method is ""
	Params int64      `json:"params"`       // that are left
	Cut    []Measured `json:"before_refit"` // null where nothing is refitted
	After  []Measured `json:"perplexity"`   // as it would be written
	Tasks  []Accuracy `json:"tasks,omitempty"`
	Mean   *TaskMean  `json:"mean,omitempty"` // of several tasks
	Front  bool       `json:"front"`          // no cell of as few parameters has a smaller perplexity on the first text
}

// cellFile is what a cell's file says.
type cellFile struct {
	Format string `json:"format"`
	Key    string `json:"key"`
	Cell
}

// What the caller writes beside the cells.
const (
	SweepJSON = "sweep.json"
	SweepSVG  = "sweep.svg"
)

const cellFormat = "moreau-cell 1"

// NewSweep checks what is to be measured.
func NewSweep(path string, be backend.Backend, o SweepOptions) (*Sweep, error) {
	if o.Dir == "" {
		return nil, Usage(errors.New("say where the results go: -o DIR"))
	}
	if len(o.Methods) == 0 || len(o.Ratios) == 0 {
		return nil, Usage(errors.New("give at least one of --methods and of --ratios"))
	}
	if err := o.Prune.setUnit(); err != nil {
		return nil, err
	}
	for _, name := range o.Methods {
		s := o.Prune.Scoring
		s.Method = name
		if err := s.Check(); err != nil {
			return nil, err
		}
		if err := o.Prune.Budget.scoredBy(name); err != nil {
			return nil, err
		}
	}
	ask, err := newAsking(o.Tasks, o.Mean)
	if err != nil {
		return nil, err
	}
	j := &Sweep{o: o, path: path, be: be, ask: ask}
	inputs := append(o.Prune.Texts.inputs(), o.Prune.Scoring.Calib.inputs()...)
	if err := apart(slices.Concat(inputs, filesOf(ask.tasks), o.Tasks.Names, []string{path}), j.outputs()); err != nil {
		return nil, err
	}
	m, err := load.Open(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	settings, err := json.Marshal([]any{o.Prune.Scoring, o.Prune.Budget, o.Prune.Compensate, o.Prune.Texts})
	for _, t := range ask.tasks {
		settings = fmt.Appendf(settings, "\n%s %s %d %s %s", t.Task.SHA256, t.Read.SHA256, o.Tasks.Limit, o.Tasks.BOS, o.Mean)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s%s", settings, be.Name(), identity(m), filesIdentity(inputs)))
	j.key = hex.EncodeToString(sum[:])
	return j, err
}

// outputs are the files that are written, but for the scores.
func (j *Sweep) outputs() []string {
	files := []string{filepath.Join(j.o.Dir, SweepJSON), filepath.Join(j.o.Dir, SweepSVG), j.file(Cell{}, ".json")}
	for _, method := range j.o.Methods {
		for _, ratio := range j.o.Ratios {
			files = append(files, j.file(Cell{Method: method, Ratio: ratio}, ".json"))
		}
	}
	return files
}

// Close leaves the folder to other runs.
func (j *Sweep) Close() {
	if j.release != nil {
		j.release()
	}
}

// Execute measures what is not yet measured, and gives all cells: the dense model, then method by method.
func (j *Sweep) Execute(ctx context.Context, progress Progress) ([]Cell, error) {
	if err := os.MkdirAll(j.o.Dir, 0o777); err != nil {
		return nil, &output.Error{Path: j.o.Dir, Err: err}
	}
	var err error
	if j.release, err = output.Claim(filepath.Join(j.o.Dir, SweepJSON), filepath.Join(j.o.Dir, SweepSVG)); err != nil {
		return nil, err
	}
	dense, err := j.cell(Cell{}, func() (Cell, error) { return j.dense(ctx, progress) })
	if err != nil {
		return nil, err
	}
	cells := []Cell{dense}
	for _, method := range j.o.Methods {
		for _, ratio := range j.o.Ratios {
			c, err := j.cell(Cell{Method: method, Ratio: ratio}, func() (Cell, error) { return j.cut(ctx, method, ratio, dense.After, progress) })
			if err != nil {
				return nil, err
			}
			cells = append(cells, c)
		}
	}
	markFront(cells)
	return cells, nil
}

// cell is one that was measured before, or now.
func (j *Sweep) cell(of Cell, measure func() (Cell, error)) (Cell, error) {
	path := j.file(of, ".json")
	var kept cellFile
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &kept) == nil && kept.Format == cellFormat && kept.Key == j.key {
		return kept.Cell, nil
	}
	output.Clean(path)
	c, err := measure()
	if err != nil {
		return c, err
	}
	data, err := json.Marshal(cellFile{cellFormat, j.key, c})
	if err != nil {
		return c, err
	}
	return c, writeText(path, true, append(data, '\n'))
}

// file is where something of a cell is kept.
func (j *Sweep) file(c Cell, ext string) string {
	name := "dense"
	if c.Method != "" {
		name = fmt.Sprintf("%s-%g%%", c.Method, 100*c.Ratio)
	}
	return filepath.Join(j.o.Dir, name+ext)
}

// dense measures the model as it is.
func (j *Sweep) dense(ctx context.Context, progress Progress) (Cell, error) {
	m, err := load.Open(j.path)
	if err != nil {
		return Cell{}, err
	}
	defer m.Close()
	texts, err := j.o.Prune.Texts.load(m, "give token ids: --eval-ids FILE")
	if err != nil {
		return Cell{}, err
	}
	c := Cell{Params: m.Config.ParamCount()}
	if c.After, err = measure(ctx, j.be, m.Config, m.Weights, texts, DensePerplexity, progress); err == nil {
		c.Tasks, c.Mean, err = j.ask.of(ctx, j.be, m, whole(m), progress)
	}
	return c, Blame(m, err)
}

// cut measures one cut, by scores that are computed once a method.
func (j *Sweep) cut(ctx context.Context, method string, ratio float64, dense []Measured, progress Progress) (Cell, error) {
	c := Cell{Method: method, Ratio: ratio}
	o := j.o.Prune
	o.Scoring.Method, o.Budget.Ratio, o.Out.Path, o.Before, o.MeasureOnly = method, ratio, j.file(c, ""), dense, true
	scores, err := j.scores(ctx, o.Scoring, progress)
	if err != nil {
		return c, err
	}
	o.Scores = scores
	if o.Compensate.Method == NoCompensation {
		o.Scoring.Calib.Text, o.Scoring.Calib.IDs = "", "" // the scores have read it
	}
	p, err := NewPrune(j.path, j.be, o)
	if err != nil {
		return c, fmt.Errorf("%s, %g %%: %w", method, 100*ratio, err)
	}
	defer p.Close()
	p.also = func(ctx context.Context, after stage.Model, progress Progress) (err error) {
		c.Tasks, c.Mean, err = j.ask.of(ctx, j.be, p.m, after, progress)
		return err
	}
	plan, err := p.Plan(ctx)
	if err != nil {
		return c, err
	}
	r, err := p.Execute(ctx, plan, progress)
	if err != nil {
		return c, err
	}
	c.Params, c.Cut, c.After = r.Plan.After.ParamCount(), r.Cut, r.After
	return c, nil
}

// scores is the file of a method's scores.
func (j *Sweep) scores(ctx context.Context, o ScoringOptions, progress Progress) (string, error) {
	path := filepath.Join(j.o.Dir, o.Method+".scores-"+j.key[:12]+".json")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	s, err := NewScore(j.path, j.be, ScoreOptions{Scoring: o, Out: path, Program: j.o.Prune.Program, Command: j.o.Prune.Command, Threads: j.o.Prune.Out.Threads})
	if err != nil {
		return "", err
	}
	defer s.Close()
	plan, err := s.Plan()
	if err != nil {
		return "", err
	}
	_, err = s.Execute(ctx, plan, progress)
	return path, err
}

// markFront marks the cells that no other beats in both parameters and perplexity.
func markFront(cells []Cell) {
	better := func(a, b Cell) bool {
		x, y := a.After[0].Perplexity, b.After[0].Perplexity
		return a.Params <= b.Params && x <= y && (a.Params < b.Params || x < y)
	}
	for i, c := range cells {
		cells[i].Front = len(c.After) > 0
		for _, other := range cells {
			if cells[i].Front && better(other, c) {
				cells[i].Front = false
			}
		}
	}
}
