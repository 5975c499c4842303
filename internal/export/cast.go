package export

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// dtypes are the types a model is written in: the value of torch_dtype
// (transformers), and general.file_type (llama.h, llama_ftype).
var dtypes = []struct {
	dtype    tensor.DType
	torch    string
	fileType uint32
}{
	{tensor.F32, "float32", 0},
	{tensor.F16, "float16", 1},
	{tensor.BF16, "bfloat16", 32},
}

// cast is the model's parameters in the types they are written in.
type cast struct {
	checkpoint.Checkpoint
	params []model.Param // storage order
	dtypes map[string]tensor.DType
}

// newCast decides the type of every parameter and checks that all are there.
func newCast(m Model, want *tensor.DType) (*cast, error) {
	if want != nil && !want.Float() {
		return nil, fmt.Errorf("weights cannot be written as %s; choose f32, f16 or bf16", *want)
	}
	stored := map[string]checkpoint.Info{}
	for _, info := range m.Weights.Tensors() {
		stored[info.Name] = info
	}
	c := &cast{m.Weights, m.Config.Params(), map[string]tensor.DType{}}
	for _, p := range c.params {
		info, ok := stored[p.Name]
		if !ok || !slices.Equal(info.Shape, p.Shape()) {
			return nil, fmt.Errorf("tensor %s has shape %v, the configuration says %v", p.Name, info.Shape, p.Shape())
		}
		if !info.DType.Float() && want == nil {
			half := tensor.F16 // for all: where blocks were cut, parts of the model are F32 already
			want = &half
		}
		c.dtypes[p.Name] = info.DType
	}
	for _, p := range c.params {
		if want != nil {
			c.dtypes[p.Name] = *want
		}
	}
	return c, nil
}

// vectorsF32 leaves norms and biases in float32, as llama.cpp wants them.
func (c *cast) vectorsF32() {
	for _, p := range c.params {
		if len(p.Axes) == 1 {
			c.dtypes[p.Name] = tensor.F32
		}
	}
}

// most is the type that most values have.
func (c *cast) most() tensor.DType {
	values := map[tensor.DType]int{}
	best := tensor.F32
	for _, p := range c.params {
		d := c.dtypes[p.Name]
		values[d] += p.Len()
		if values[d] > values[best] {
			best = d
		}
	}
	return best
}

// infos describes the parameters in storage order.
func (c *cast) infos() []checkpoint.Info {
	infos := make([]checkpoint.Info, len(c.params))
	for i, p := range c.params {
		infos[i] = checkpoint.Info{Name: p.Name, DType: c.dtypes[p.Name], Shape: p.Shape()}
	}
	return infos
}

// Tensors implements checkpoint.Checkpoint.
func (c *cast) Tensors() []checkpoint.Info {
	infos := c.infos()
	slices.SortFunc(infos, func(a, b checkpoint.Info) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

// Read implements checkpoint.Checkpoint. A value that F16 cannot hold is an
// error: as an infinity it would ruin the model silently.
func (c *cast) Read(name string) (tensor.Tensor, error) {
	t, err := c.Checkpoint.Read(name)
	to := c.dtypes[name]
	if err != nil || t.DType == to {
		return t, err
	}
	out := make([]byte, 0, t.Len()*to.BlockBytes())
	vals := make([]float32, min(t.Len(), 1<<16))
	for lo := 0; lo < t.Len(); lo += len(vals) {
		vals = vals[:min(len(vals), t.Len()-lo)]
		t.Decode(vals, lo)
		if to == tensor.F16 {
			if err := fitsF16(name, vals); err != nil {
				return t, err
			}
		}
		out = append(out, tensor.Encode(to, vals)...)
	}
	return tensor.New(to, t.Shape, out), nil
}

func fitsF16(name string, vals []float32) error {
	for _, v := range vals {
		if a := math.Abs(float64(v)); a >= 65520 && !math.IsInf(a, 0) {
			return fmt.Errorf("tensor %s holds %g, which is too large for F16; write bf16 or f32", name, v)
		}
	}
	return nil
}
