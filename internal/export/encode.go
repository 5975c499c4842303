package export

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// part is how many values are encoded at a time: whole blocks of every type.
const part = 1 << 16

// Read implements checkpoint.Checkpoint.
func (c *cast) Read(name string) (tensor.Tensor, error) {
	t := c.tensors[slices.IndexFunc(c.tensors, func(t model.Stored) bool { return t.Name == name })]
	if len(t.Params) == 1 {
		return c.param(t.Params[0].Name)
	}
	var rows []byte
	for _, p := range t.Params {
		x, err := c.param(p.Name)
		if err != nil {
			return x, err
		}
		rows = append(rows, x.Data...)
	}
	return tensor.New(c.dtypes[t.Params[0].Name], t.Shape(), rows), nil
}

// param is one parameter. What is stored in the type wanted passes untouched. A
// value that the type cannot hold is an error: as an infinity it would ruin the
// model silently.
func (c *cast) param(name string) (tensor.Tensor, error) {
	t, err := c.Checkpoint.Read(name)
	to := c.dtypes[name]
	if err != nil || t.DType == to {
		return t, err
	}
	size, err := to.Bytes(t.Shape)
	if err != nil {
		return t, err
	}
	out := make([]byte, size)
	weights, step := c.weigh[name], part
	if n := len(weights); n > 0 {
		step = max(1, part/n) * n // whole rows
	}
	err = c.inParts(t.Len(), step, func(lo, hi int) error {
		vals := make([]float32, hi-lo)
		t.Decode(vals, lo)
		data, err := encode(to, vals, weights)
		copy(out[lo/to.BlockSize()*to.BlockBytes():], data)
		return err
	})
	if bad, ok := errors.AsType[*ValueError](err); ok {
		bad.Tensor = name
	}
	if err != nil {
		return t, err
	}
	return tensor.New(to, t.Shape, out), nil
}

// inParts calls do for parts of n values on several threads; the error is
// that of the first part that has one, for every number of threads.
func (c *cast) inParts(n, part int, do func(lo, hi int) error) error {
	parts := (n + part - 1) / part
	threads := c.threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	errs := make([]error, parts)
	var wait sync.WaitGroup
	for first := range min(threads, parts) {
		wait.Go(func() {
			for i := first; i < parts; i += threads {
				if errs[i] = do(i*part, min(n, (i+1)*part)); errs[i] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// encode is tensor.Encode, or EncodeWeighted where there are weights, for values that d can hold.
func encode(d tensor.DType, vals, weights []float32) ([]byte, error) {
	var data []byte
	if weights != nil {
		data = tensor.EncodeWeighted(d, vals, weights)
	} else {
		data = tensor.Encode(d, vals)
	}
	var bad int
	switch {
	case d == tensor.F16:
		bad = slices.IndexFunc(vals, func(v float32) bool { a := math.Abs(float64(v)); return a >= 65520 && !math.IsInf(a, 0) })
	case d.Quantized():
		bad = notInBlocks(d, vals, data)
	default:
		return data, nil
	}
	if bad >= 0 {
		return nil, &ValueError{Value: vals[bad], DType: d}
	}
	return data, nil
}

// mostInBlocks is beyond every block type: 65504, the largest F16, times 128 scales
// times 32 quants of Q6_K. The search for scales overflows far above.
const mostInBlocks = 1 << 28

// notInBlocks is the index of a value that is not finite or too large for the
// scale of its block, an F16; else -1.
func notInBlocks(d tensor.DType, vals []float32, data []byte) int {
	if i := slices.IndexFunc(vals, func(v float32) bool { return !(v > -mostInBlocks && v < mostInBlocks) }); i >= 0 {
		return i
	}
	back := tensor.New(d, []int{len(vals)}, data).Float32()
	first := slices.IndexFunc(back, func(v float32) bool { return v-v != 0 })
	if first < 0 {
		return -1
	}
	far, n := first, d.BlockSize()
	for i := first / n * n; i < first/n*n+n; i++ {
		if math.Abs(float64(vals[i])) > math.Abs(float64(vals[far])) {
			far = i
		}
	}
	return far
}

// ValueError is a weight that the type asked for cannot hold.
type ValueError struct {
	Tensor string
	Value  float32
	DType  tensor.DType
}

func (e *ValueError) Error() string {
	if e.Value-e.Value != 0 {
		return fmt.Sprintf("tensor %s holds NaN or infinite values; download the model again or repair it", e.Tensor)
	}
	return fmt.Sprintf("tensor %s holds %g, which is too large for %s; write bf16 or f32", e.Tensor, e.Value, e.DType)
}
