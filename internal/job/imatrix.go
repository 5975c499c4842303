package job

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"

	"moreau/internal/backend"
	"moreau/internal/export"
	"moreau/internal/imatrix"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
)

// ImatrixOptions say on which rows an importance matrix is computed, and where it goes.
type ImatrixOptions struct {
	Calib CalibOptions
	Seed  uint64
	Out   string // GGUF file
	Force bool   // replace it
}

// DefaultImatrix are enough rows that more of them change little.
func DefaultImatrix() ImatrixOptions {
	return ImatrixOptions{Calib: CalibOptions{Rows: 256, SeqLen: 128}}
}

// Imatrix is the job that writes the importance of a model's columns for quantisation.
type Imatrix struct {
	o       ImatrixOptions
	m       *load.Model
	be      backend.Backend
	calib   *calibration
	tensors []model.Stored
	release func() // of the output
}

// ImatrixReport is what was written.
type ImatrixReport struct {
	Path    string               `json:"path"`
	Tensors int                  `json:"tensors"`
	Calib   importance.CalibInfo `json:"calibration"`
}

// NewImatrix opens a model and reads the rows.
func NewImatrix(path string, be backend.Backend, o ImatrixOptions) (*Imatrix, error) {
	if o.Out == "" {
		return nil, Usage(fmt.Errorf("say where the importance matrix goes: -o imatrix.gguf"))
	}
	if err := sizes(o.Calib.Rows, o.Calib.SeqLen); err != nil {
		return nil, err
	}
	if err := apart(append(o.Calib.inputs(), path), []string{o.Out}); err != nil {
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
	j := &Imatrix{o: o, m: m, be: be, release: release}
	if j.tensors, err = export.GGUFTensors(m.Config); err != nil {
		err = Output(fmt.Errorf("%s: %w", o.Out, err))
	} else {
		j.calib, err = o.Calib.load(m, o.Seed, 1)
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// Close closes the model and leaves the output to other runs.
func (j *Imatrix) Close() error {
	j.release()
	return j.m.Close()
}

// Execute computes the matrix and writes it.
func (j *Imatrix) Execute(ctx context.Context, progress Progress) (ImatrixReport, error) {
	self := selfStore(j.o.Out)
	if err := j.calib.draw(ctx, j.be, j.m, self, progress); err != nil {
		return ImatrixReport{}, err
	}
	b, err := j.calib.batch(0)
	if err != nil {
		return ImatrixReport{}, err
	}
	progress.Begin(Weighing, "", int64(len(j.m.Config.Layers)))
	var done int64
	entries, err := imatrix.Collect(ctx, j.be, j.m.Config, j.m.Weights, j.tensors, b.Parts(importance.WalkTokens), func() { done++; progress.At(done) })
	if err != nil {
		return ImatrixReport{}, Blame(j.m, err)
	}
	progress.End(math.NaN())
	h := imatrix.Header{Sources: j.calib.sources(), Rows: len(j.calib.rows), SeqLen: j.calib.longest()}
	if err := output.File(j.o.Out, j.o.Force, func(w io.Writer) error { return imatrix.Write(w, h, entries) }); err != nil {
		return ImatrixReport{}, err
	}
	os.Remove(self)
	return ImatrixReport{j.o.Out, len(entries), j.calib.info}, nil
}

// sources are the texts, or the file of ids.
func (c *calibration) sources() (names []string) {
	if c.info.Mix == nil {
		return []string{c.info.Source}
	}
	for _, s := range c.info.Mix {
		names = append(names, s.Source)
	}
	return names
}

// cutImportance is the importance of the columns that stages leave of a model of configuration cfg.
func cutImportance(cfg *model.Config, weigh export.Importance, stages stage.Sequence) (export.Importance, error) {
	for _, s := range stages {
		left := export.Importance{}
		switch s := s.(type) {
		case prune.Drop:
			kept := s.Kept(len(cfg.Layers))
			after := cfg.KeepLayers(kept)
			left[cfg.HeadParam().Name] = weigh[cfg.HeadParam().Name]
			for i, l := range kept {
				for n, p := range cfg.LayerParams(l) {
					left[after.LayerParams(i)[n].Name] = weigh[p.Name]
				}
			}
			cfg = after
		case prune.Biases: // which no product multiplies
			left = weigh
		case *prune.Plan:
			for _, p := range s.Pruned.Along(cfg).Params() {
				w, columns := weigh[p.Name], p.Axes[len(p.Axes)-1]
				if w == nil {
					continue
				}
				t, err := tensor.FromFloat32(tensor.F32, []int{len(w)}, w).Select(0, s.Pruned.Kept(columns.Dim), columns.Width)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.Name, err)
				}
				left[p.Name] = t.Float32()
			}
			cfg = s.After
		}
		weigh = left
	}
	return weigh, nil
}

// readImportance reads the importance matrix that o names for m.
func (o OutOptions) readImportance(m *load.Model) (export.Importance, error) {
	switch {
	case o.Imatrix == "":
		return nil, nil
	case o.DType == nil && !hasBlocks(m):
		return nil, Usage(o.noBlocks())
	}
	tensors, err := export.GGUFTensors(m.Config)
	if err != nil {
		return nil, Output(err)
	}
	means, err := imatrix.Read(o.Imatrix)
	if err != nil {
		return nil, Input(err)
	}
	weigh := export.Importance{}
	for _, t := range tensors {
		for _, p := range t.Params {
			if w := means[t.GGUF]; w != nil {
				weigh[p.Name] = w
			}
		}
	}
	if len(weigh) == 0 {
		return nil, Input(fmt.Errorf("%s: an importance matrix of another model: none of its tensors is in this one", o.Imatrix))
	}
	return weigh, nil
}
