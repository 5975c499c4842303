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
	wanted  map[string]tensor.DType // what dtypes would be, were all rows whole blocks
	asked   *tensor.DType           // nil: as stored
	threads int
	weigh   Importance
}

// newCast decides the type of every parameter and checks that all are there. Where no type
// is asked for, matrices of blocks keep theirs if the output holds blocks, else all become F16.
func newCast(m Model, o Options, blocks bool) (*cast, error) {
	want := o.DType
	if want != nil && !want.Encodable() {
		return nil, fmt.Errorf("weights cannot be written as %s; choose %s", *want, DTypeNames())
	}
	there, stored := map[string]checkpoint.Info{}, checkpoint.StoredTypes(m.Weights)
	for _, info := range m.Weights.Tensors() {
		there[info.Name] = info
	}
	c := &cast{m.Weights, m.Config.Params(), m.Config.Stored(), map[string]tensor.DType{}, map[string]tensor.DType{}, o.DType, o.Threads, o.Importance}
	for _, p := range c.params {
		info, ok := there[p.Name]
		if !ok || !slices.Equal(info.Shape, p.Shape()) {
			return nil, fmt.Errorf("tensor %s has shape %v, the configuration says %v", p.Name, info.Shape, p.Shape())
		}
		if stored[p.Name].Quantized() && want == nil && !blocks {
			half := tensor.F16 // for all: where blocks were cut, parts of the model are F32 already
			want = &half
		}
		if w := o.Importance[p.Name]; w != nil && len(w) != rowLength(p) {
			return nil, fmt.Errorf("an importance matrix of another model: %d columns of %s, which has %d", len(w), p.Name, rowLength(p))
		}
		c.keep(p, info.DType, stored[p.Name])
	}
	if want == nil {
		return c, nil
	}
	head := m.Config.HeadParam().Name
	for _, p := range c.params {
		c.wanted[p.Name] = dtypeOf(p, *want, p.Name == head)
		c.dtypes[p.Name] = fitting(c.wanted[p.Name], rowLength(p))
	}
	return c, nil
}

// keep gives p, which is of one type and was stored in another, the latter where that is blocks.
func (c *cast) keep(p model.Param, is, stored tensor.DType) {
	if !stored.Quantized() {
		stored = is
	}
	c.wanted[p.Name], c.dtypes[p.Name] = stored, stored
	if is != stored {
		c.dtypes[p.Name] = encodable(fitting(stored, rowLength(p)))
	}
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
