package job

import (
	"context"
	"fmt"
	"os"

	"moreau/internal/backend"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
)

// ScoreOptions are those of a scores file.
type ScoreOptions struct {
	Scoring ScoringOptions
	Layers  string // A..B, "": all
	Out     string // scores.json
	Force   bool   // replace it
	Program string // name and version, for the manifest
	Command string // that a person would type again, for the manifest
	Threads int    // that hash the weights, 0: one a core
}

// Score is the job that writes a scores file.
type Score struct {
	o       ScoreOptions
	m       *load.Model
	be      backend.Backend
	scoring *scoring
	release func() // of the output
}

// ScoreReport is what a scores file says but for the scores.
type ScoreReport struct {
	Path       string
	Dimensions int
	Manifest   importance.Manifest
}

// NewScore opens a model and reads the rows.
func NewScore(path string, be backend.Backend, o ScoreOptions) (*Score, error) {
	if o.Out == "" {
		return nil, Usage(fmt.Errorf("say where the scores go: -o scores.json"))
	}
	if err := o.Scoring.Check(); err != nil {
		return nil, err
	}
	if err := apart(append(o.Scoring.Calib.inputs(), path), []string{o.Out}); err != nil {
		return nil, err
	}
	if err := output.Check(o.Out, o.Force); err != nil {
		return nil, err
	}
	release, err := output.Claim(o.Out)
	if err != nil {
		return nil, err
	}
	m, err := load.Open(path)
	if err != nil {
		release()
		return nil, err
	}
	j := &Score{o: o, m: m, be: be, release: release}
	if err := j.prepare(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

func (j *Score) prepare() error {
	if err := j.o.Scoring.chooseUnit(j.m); err != nil {
		return err
	}
	layers, err := layersOr(j.m.Config, j.o.Layers, j.m.Config.AllLayers())
	if err != nil {
		return err
	}
	j.scoring, err = newScoring(j.m, j.o.Scoring, layers)
	return err
}

// Close closes the model and leaves the output to other runs.
func (j *Score) Close() error {
	j.release()
	return j.m.Close()
}

// Plan says what the run will do and take.
func (j *Score) Plan() (*ScoringPlan, error) { return j.scoring.plan(j.o.Out) }

// Execute scores and writes the file.
func (j *Score) Execute(ctx context.Context, p *ScoringPlan, progress Progress) (ScoreReport, error) {
	defer bound(p.Memory)()
	noteRows(j.m, j.scoring.calib, nil, progress)
	weights, err := hashModel(ctx, j.m, j.o.Threads, progress)
	if err != nil {
		return ScoreReport{}, err
	}
	scores, manifest, err := j.scoring.execute(ctx, j.be, p, progress)
	if err != nil {
		return ScoreReport{}, err
	}
	manifest.Program, manifest.Command, manifest.Weights = j.o.Program, j.o.Command, weights
	if err := writeScores(j.o.Out, j.o.Force, j.m.Config, scores, manifest); err != nil {
		return ScoreReport{}, err
	}
	j.scoring.journal(j.be, p, progress).Remove()
	os.Remove(p.self)
	return ScoreReport{j.o.Out, len(scores), manifest}, nil
}

func writeScores(path string, force bool, cfg *model.Config, s importance.Scores, m importance.Manifest) error {
	data, err := importance.Encode(cfg, s, m)
	if err != nil {
		return err
	}
	return writeText(path, force, append(data, '\n'))
}

// layersOr reads a range of layers; "" gives the default.
func layersOr(cfg *model.Config, layers string, def model.Range) (model.Range, error) {
	if layers == "" {
		return def, nil
	}
	r, err := cfg.ParseRange(layers)
	if err != nil {
		return r, Usage(fmt.Errorf("--%w", err))
	}
	return r, nil
}
