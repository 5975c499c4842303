// Package synth makes random models of a given geometry, so that scale can be
// tested without anybody's weights.
package synth

import (
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"runtime"
	"slices"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// std is the deviation of freshly initialised matrices (initializer_range of
// transformers' LlamaConfig).
const std = 0.02

// Model is a checkpoint whose tensors are made when they are read. A value depends
// on the seed, the tensor's name and its index alone.
type Model struct {
	params  map[string]model.Param
	dtype   tensor.DType
	seed    uint64
	threads int
	norm    float32 // as stored: 1 with the model's offset

	inner, output quantiles // of matrices, and of those that write to the residual stream
}

var _ checkpoint.Checkpoint = (*Model)(nil)

// New is a random model: norms 1, biases 0, matrices normal with deviation 0.02, and those of
// o_proj and down_proj smaller by sqrt(2 x layers), as in GPT-2, so that the
// residual stream does not grow with depth. dtype is F32, F16 or BF16; threads 0
// means all cores.
func New(cfg *model.Config, dtype tensor.DType, seed uint64, threads int) *Model {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	m := &Model{params: map[string]model.Param{}, dtype: dtype, seed: seed, threads: threads, norm: 1 - cfg.NormOffset}
	for _, p := range cfg.Params() {
		m.params[p.Name] = p
	}
	m.inner = newQuantiles(dtype, std)
	m.output = newQuantiles(dtype, std/math.Sqrt(float64(2*len(cfg.Layers))))
	return m
}

// Tensors implements checkpoint.Checkpoint.
func (m *Model) Tensors() []checkpoint.Info {
	infos := make([]checkpoint.Info, 0, len(m.params))
	for name, p := range m.params {
		infos = append(infos, checkpoint.Info{Name: name, DType: m.dtype, Shape: p.Shape()})
	}
	slices.SortFunc(infos, func(a, b checkpoint.Info) int { return cmp.Compare(a.Name, b.Name) })
	return infos
}

// Read implements checkpoint.Checkpoint.
func (m *Model) Read(name string) (tensor.Tensor, error) {
	p, ok := m.params[name]
	if !ok {
		return tensor.Tensor{}, fmt.Errorf("the model has no tensor %q: %w", name, fs.ErrNotExist)
	}
	if len(p.Axes) == 1 {
		value := m.norm
		if model.Biases.Has(p.Role) {
			value = 0
		}
		return tensor.FromFloat32(m.dtype, p.Shape(), slices.Repeat([]float32{value}, p.Len())), nil
	}
	draws := m.inner
	if p.Role == model.O || p.Role == model.Down {
		draws = m.output
	}
	data := make([]byte, p.Len()*m.dtype.BlockBytes())
	draws.fill(data, key(m.seed, name), m.threads)
	return tensor.New(m.dtype, p.Shape(), data), nil
}

// Close does nothing.
func (m *Model) Close() error { return nil }
