package job

import (
	"context"
	"fmt"
	"io"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/dataset"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// LogitsOptions say of which rows logits are written where.
type LogitsOptions struct {
	IDs   string
	Out   string // safetensors file
	Force bool   // replace it
}

// Logits is the job that writes the logits of token rows.
type Logits struct {
	o    LogitsOptions
	m    *load.Model
	be   backend.Backend
	rows dataset.Rows

	release func() // of the output
}

// LogitsReport is what was written.
type LogitsReport struct {
	Path   string
	Rows   int
	Tokens int
	Vocab  int
}

// NewLogits opens a model and reads the rows.
func NewLogits(path string, be backend.Backend, o LogitsOptions) (*Logits, error) {
	if o.IDs == "" || o.Out == "" {
		return nil, Usage(fmt.Errorf("give --ids FILE and -o OUT.safetensors"))
	}
	if err := apart([]string{path, o.IDs}, []string{o.Out}); err != nil {
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
	rows, err := readIDs(o.IDs, m.Config)
	if err != nil {
		m.Close()
		release()
		return nil, err
	}
	return &Logits{o, m, be, rows, release}, nil
}

// Close closes the model and leaves the output to other runs.
func (j *Logits) Close() error {
	j.release()
	return j.m.Close()
}

// Plan names the tensors of the file: one of all rows where they have the same length,
// else one a row.
func (j *Logits) Plan() []checkpoint.Info {
	vocab, equal := j.m.Config.VocabSize, true
	for _, r := range j.rows {
		equal = equal && len(r) == len(j.rows[0])
	}
	if equal {
		return []checkpoint.Info{{Name: "logits", DType: tensor.F32, Shape: []int{len(j.rows), len(j.rows[0]), vocab}}}
	}
	var infos []checkpoint.Info
	for i, r := range j.rows {
		infos = append(infos, checkpoint.Info{Name: fmt.Sprintf("logits.%d", i), DType: tensor.F32, Shape: []int{len(r), vocab}})
	}
	return infos
}

// Execute writes the tensors.
func (j *Logits) Execute(ctx context.Context, infos []checkpoint.Info, _ Progress) (LogitsReport, error) {
	r := LogitsReport{j.o.Out, len(j.rows), j.rows.Tokens(), j.m.Config.VocabSize}
	return r, output.File(j.o.Out, j.o.Force, func(w io.Writer) error {
		next := 0
		return checkpoint.WriteSafetensors(w, infos, func(string) (tensor.Tensor, error) {
			shape, part := infos[next].Shape, j.rows[next:next+1]
			if len(shape) == 3 {
				part = j.rows
			}
			next++
			return j.logits(ctx, part, shape)
		}, nil)
	})
}

func (j *Logits) logits(ctx context.Context, rows dataset.Rows, shape []int) (tensor.Tensor, error) {
	b, err := transformer.NewBatch(rows)
	if err != nil {
		return tensor.Tensor{}, err
	}
	values := make([]float32, 0, tensor.Count(shape))
	err = transformer.New(j.be, j.m.Config).Logits(ctx, b, transformer.NewStreamed(j.be, j.m.Weights), func(part []float32) error {
		values = append(values, part...)
		return nil
	})
	if err != nil {
		return tensor.Tensor{}, err
	}
	return tensor.FromFloat32(tensor.F32, shape, values), nil
}
