package transformer

import (
	"context"
	"fmt"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// Gradients says which gradients a pass computes.
type Gradients int

const (
	NoGradients   Gradients = iota // forward only
	UnitGradients                  // of masks on the units
	LayerWeights                   // of the layers' weights
)

// PassBytes is the memory of one forward pass over B x T tokens, in bytes, under weights as
// ck stores them: found by a pass on a backend that counts.
func PassBytes(cfg *model.Config, ck checkpoint.Checkpoint, B, T int) int64 {
	be := dry.New()
	if _, err := New(be, cfg).Loss(context.Background(), SomeTokens(B, T), NewDry(be, ck)); err != nil {
		panic("transformer: a dry pass failed: " + err.Error()) // nothing is read
	}
	return be.Peak()
}

// ScoreBytes is the memory of Score, found in the same way; keep says that a Resident keeps the weights.
func ScoreBytes(cfg *model.Config, ck checkpoint.Checkpoint, groups [][]Text, keep bool) int64 {
	be := dry.New()
	var w WeightSource = NewDry(be, ck)
	if keep {
		w = NewResident(w)
	}
	if _, err := New(be, cfg).Score(context.Background(), groups, w); err != nil {
		panic("transformer: a dry pass failed: " + err.Error()) // nothing is read
	}
	return be.Peak()
}

// GenerationBytes is the memory of a session of B sequences that hold a prompt of P tokens and T more,
// under weights in the types that ck stores them in, found in the same way.
func GenerationBytes(cfg *model.Config, ck checkpoint.Checkpoint, B, P, T int) int64 {
	be := dry.New()
	s := New(be, cfg).NewSessions(NewCompact(be, &hollow{Checkpoint: ck}), B, P+T)
	logits := make([]float32, B*cfg.VocabSize)
	for _, n := range []int{P, 1} {
		if err := s.AppendEach(context.Background(), slices.Repeat([][]int32{make([]int32, n)}, B), logits); err != nil {
			panic("transformer: a dry session failed: " + err.Error()) // nothing is read
		}
	}
	return be.Peak()
}

// hollow gives tensors of the right sizes that all share one array of zeros.
type hollow struct {
	checkpoint.Checkpoint
	zeros []byte
}

// Read reads nothing.
func (h *hollow) Read(name string) (tensor.Tensor, error) {
	for _, i := range h.Tensors() {
		if i.Name != name {
			continue
		}
		n, err := i.DType.Bytes(i.Shape)
		if err == nil && n > len(h.zeros) {
			h.zeros = make([]byte, n)
		}
		return tensor.Tensor{DType: i.DType, Shape: i.Shape, Data: h.zeros[:n]}, err
	}
	return tensor.Tensor{}, fmt.Errorf("there is no tensor %s", name)
}

// SomeTokens are B sequences of T tokens, for estimates: their values do not matter.
func SomeTokens(B, T int) Batch {
	rows := make([][]int32, B)
	for i := range rows {
		rows[i] = make([]int32, T)
	}
	b, err := NewBatch(rows)
	if err != nil {
		panic("transformer: " + err.Error())
	}
	return b
}

// Dry is a weight source that takes the memory of Streamed and reads nothing.
type Dry struct {
	be     *dry.Backend
	stored map[string]int64 // bytes, by name
	held   int64            // of the layer that is read ahead, whose memory the next one uses again
}

// NewDry takes the memory of serving the tensors of ck.
func NewDry(be *dry.Backend, ck checkpoint.Checkpoint) *Dry {
	d := &Dry{be: be, stored: map[string]int64{}}
	for _, info := range ck.Tensors() {
		if n, err := info.DType.Bytes(info.Shape); err == nil {
			d.stored[info.Name] = int64(n)
		}
	}
	return d
}

// Ahead implements Foreseeing.
func (d *Dry) Ahead(params []model.Param) {
	var layer int64
	for _, p := range params {
		if p.Layer >= 0 {
			layer += d.stored[p.Name]
		}
	}
	if more := layer - d.held; more > 0 {
		d.be.Hold(more)
		d.held = layer
	}
}

// Weight implements WeightSource.
func (d *Dry) Weight(p model.Param) (backend.Buffer, error) {
	if p.Layer < 0 { // read and let go
		d.be.Hold(d.stored[p.Name])
		defer d.be.Hold(-d.stored[p.Name])
	}
	return d.be.New(p.Len()), nil
}

// Release implements WeightSource.
func (d *Dry) Release(_ model.Param, b backend.Buffer) { d.be.Free(b) }

// actBytes is the memory of the activations of layer l, what layerActs holds.
func (p *pass) actBytes(l int) int64 {
	be := dry.New()
	q := New(be, p.cfg).newPass(p.b, p.b.T, NewDry(be, checkpoint.Memory{}), Watch{})
	lw, err := q.loadLayer(l, nil)
	if err != nil {
		panic("transformer: a dry layer failed: " + err.Error()) // nothing is read
	}
	x := q.new(p.b.Rows() * p.cfg.HiddenSize)
	before := be.Live()
	q.layerForward(l, lw, x, x)
	return be.Live() - before
}

// PassFLOPs counts the floating-point operations of the matrix products of one
// pass: 2 per weight and token forward; with gradients 2 each for the second forward,
// the gradient of the stream and, in the layers, that of the weights. Attention
// scores are left out.
func PassFLOPs(cfg *model.Config, tokens int, gradients Gradients) float64 {
	var layers float64
	for l := range cfg.Layers {
		for _, p := range cfg.LayerParams(l) {
			layers += float64(p.Len())
		}
	}
	perLayer := 2.0
	switch {
	case gradients >= LayerWeights:
		perLayer = 8
	case gradients != NoGradients:
		perLayer = 6
	}
	return float64(tokens)*perLayer*layers + HeadFLOPs(cfg, tokens, gradients)
}

// HeadFLOPs is the part of PassFLOPs that is the head's.
func HeadFLOPs(cfg *model.Config, tokens int, gradients Gradients) float64 {
	perHead := 2.0
	if gradients != NoGradients {
		perHead = 6
	}
	return float64(tokens) * perHead * float64(cfg.HeadParam().Len())
}
