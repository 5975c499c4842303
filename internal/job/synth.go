package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/synth"
	"moreau/internal/tensor"
)

// SynthOptions are those of a random model.
type SynthOptions struct {
	Like string // a known geometry or a model
	Seed uint64
	Out  OutOptions
}

// Synth is the job that writes a random model of a geometry.
type Synth struct {
	o   SynthOptions
	cfg *model.Config
	raw map[string]json.RawMessage

	release func() // of the output
}

// SynthReport is what was written.
type SynthReport struct {
	Params int64
	Out    *export.Plan
}

// NewSynth finds the geometry.
func NewSynth(o SynthOptions) (*Synth, error) {
	if o.Like == "" || o.Out.Path == "" {
		return nil, Usage(fmt.Errorf("say which geometry and where the model goes: --like GEOMETRY -o OUT"))
	}
	cfg, raw, err := geometry(o.Like)
	if err != nil {
		return nil, err
	}
	source := o.Like
	if synth.Known(source) {
		source = "" // no file that could be replaced
	}
	if err := o.Out.Check(source); err != nil {
		return nil, err
	}
	release, err := output.Claim(o.Out.Path)
	return &Synth{o, cfg, raw, release}, err
}

// Close leaves the output to other runs.
func (j *Synth) Close() { j.release() }

// Plan says what files will be written.
func (j *Synth) Plan() (SynthReport, error) {
	d := tensor.F16
	if t := j.o.Out.DType; t != nil && t.Float() { // blocks are made of F16
		d = *t
	}
	plan, err := j.o.Out.plan(export.Model{Name: "random " + filepath.Base(j.o.Like), Config: j.cfg,
		Weights: synth.New(j.cfg, d, j.o.Seed, j.o.Out.Threads), Raw: j.raw})
	return SynthReport{j.cfg.ParamCount(), plan}, err
}

// Execute writes them: the plan is the report.
func (j *Synth) Execute(ctx context.Context, p SynthReport, progress Progress) (SynthReport, error) {
	return p, writeModel(ctx, p.Out, progress)
}

// geometry is a known one, or that of a model, with the config.json it stands in
// (nil for GGUF).
func geometry(like string) (*model.Config, map[string]json.RawMessage, error) {
	if synth.Known(like) {
		return synth.Geometry(like)
	}
	m, err := load.OpenConfig(like)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, Usage(fmt.Errorf("--like %s: neither a model nor a known geometry; known are %s", like, strings.Join(synth.Names(), ", ")))
	}
	if err != nil {
		return nil, nil, err
	}
	return m.Config, m.Raw, m.Close()
}
