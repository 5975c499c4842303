package export

import (
	"fmt"
	"slices"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// cast is the model's parameters in the types they are written in, and the
// tensors of the output that they make up.
type cast struct {
	checkpoint.Checkpoint
	params  []model.Param  // storage order
	tensors []model.Stored // storage order
	dtypes  map[string]tensor.DType
	asked   *tensor.DType // nil: as stored
	threads int
	weigh   Importance
}

// newCast decides the type of every parameter and checks that all are there.
func newCast(m Model, o Options) (*cast, error) {
	want := o.DType
	if want != nil && !want.Encodable() {
		return nil, fmt.Errorf("weights cannot be written as %s; choose %s", *want, DTypeNames())
	}
	stored := map[string]checkpoint.Info{}
	for _, info := range m.Weights.Tensors() {
		stored[info.Name] = info
	}
	c := &cast{m.Weights, m.Config.Params(), m.Config.Stored(), map[string]tensor.DType{}, o.DType, o.Threads, o.Importance}
	for _, p := range c.params {
		info, ok := stored[p.Name]
		if !ok || !slices.Equal(info.Shape, p.Shape()) {
			return nil, fmt.Errorf("tensor %s has shape %v, the configuration says %v", p.Name, info.Shape, p.Shape())
		}
		if !info.DType.Float() && want == nil {
			half := tensor.F16 // for all: where blocks were cut, parts of the model are F32 already
			want = &half
		}
		if w := o.Importance[p.Name]; w != nil && len(w) != rowLength(p) {
			return nil, fmt.Errorf("an importance matrix of another model: %d columns of %s, which has %d", len(w), p.Name, rowLength(p))
		}
		c.dtypes[p.Name] = info.DType
	}
	if want == nil {
		return c, nil
	}
	head := m.Config.HeadParam().Name
	for _, p := range c.params {
		c.dtypes[p.Name] = dtypeOf(p, *want, p.Name == head)
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

// pair gives rows of q and k the order of a class that rotates neighbours.
func (c *cast) pair(cfg *model.Config) (err error) {
	names := map[string]checkpoint.Entry{}
	for _, p := range c.params {
		e := checkpoint.Entry{Name: p.Name}
		if heads := cfg.RotatedHeads(p); heads > 0 {
			e.Rows = checkpoint.RopePermute(heads, cfg.HeadDim)
		}
		names[p.Name] = e
	}
	c.Checkpoint, err = checkpoint.Rename(c.Checkpoint, names)
	return err
}

// memory is the bytes of the largest tensor as it is stored and, where that is another type,
// as it is written: one is read, encoded and written after the other.
func (c *cast) memory() (most int64) {
	for _, info := range c.Checkpoint.Tensors() {
		n, _ := info.DType.Bytes(info.Shape) // newCast has checked both
		if to, ok := c.dtypes[info.Name]; ok && to != info.DType {
			out, _ := to.Bytes(info.Shape)
			n += out
		}
		most = max(most, int64(n))
	}
	return most
}

// main is the type that was asked for, else that of most values.
func (c *cast) main() tensor.DType {
	if c.asked != nil {
		return *c.asked
	}
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

// infos describes the tensors in storage order.
func (c *cast) infos() []checkpoint.Info {
	infos := make([]checkpoint.Info, len(c.tensors))
	for i, t := range c.tensors {
		infos[i] = checkpoint.Info{Name: t.Name, DType: c.dtypes[t.Params[0].Name], Shape: t.Shape()}
	}
	return infos
}

// Tensors implements checkpoint.Checkpoint.
func (c *cast) Tensors() []checkpoint.Info {
	infos := c.infos()
	slices.SortFunc(infos, func(a, b checkpoint.Info) int { return strings.Compare(a.Name, b.Name) })
	return infos
}
