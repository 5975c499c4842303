package transformer_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/synth"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// blocky is a random model whose rows hold whole blocks of every type, with a tied head.
func blocky(t *testing.T) *model.Config {
	t.Helper()
	m, err := load.Open("builtin:stories260K")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	cfg := *m.Config
	cfg.HiddenSize, cfg.HeadDim, cfg.VocabSize, cfg.Tied = 256, 64, 300, true
	cfg.Layers = slices.Repeat([]model.Layer{{Heads: 4, KVHeads: 2, Intermediate: 512}}, 2)
	return &cfg
}

// storedAs is the model's weights with matrices encoded.
func storedAs(t *testing.T, cfg *model.Config, ck checkpoint.Checkpoint, d tensor.DType) checkpoint.Memory {
	t.Helper()
	m := checkpoint.Memory{}
	for _, p := range cfg.Params() {
		x, err := ck.Read(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Axes) == 2 {
			x = tensor.FromFloat32(d, p.Shape(), x.Float32())
		}
		m[p.Name] = x
	}
	return m
}

// Weights kept as stored give the logits of their float32 copies, but for the order of
// sums, of a prompt and of single tokens.
func TestCompactIsTheCopy(t *testing.T) {
	be, cfg := newBackend(t, 2), blocky(t)
	random := synth.New(cfg, tensor.F32, 1, 1)
	for _, d := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16, tensor.Q8_0, tensor.Q4_0, tensor.Q4_1, tensor.Q4_K, tensor.Q6_K} {
		ck := storedAs(t, cfg, random, d)
		w := transformer.NewCompact(be, ck)
		compact, copied := sessionLogits(t, be, cfg, w), sessionLogits(t, be, cfg, transformer.NewStreamed(be, ck))
		w.Free()
		if diff := goldentest.MaxAbs(compact, copied); !(diff <= 1e-5*(1+goldentest.MaxAbs(copied, make([]float32, len(copied))))) {
			t.Errorf("%s: logits differ by %g", d, diff)
		}
	}
}

// sessionLogits are those after a prompt and after each of three more tokens.
func sessionLogits(t *testing.T, be backend.Backend, cfg *model.Config, w transformer.WeightSource) (all []float32) {
	t.Helper()
	s := transformer.New(be, cfg).NewSession(w, 20)
	defer s.Close()
	for _, ids := range [][]int32{{1, 2, 3, 200, 5, 6, 7, 8, 9, 299}, {10}, {20}, {30, 40}} {
		logits, err := s.Append(context.Background(), ids)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, logits...)
	}
	return all
}

// A model kept for generation takes the bytes it is stored in, not four a value, and gives
// them back.
func TestCompactMemory(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	cfg := blocky(t)
	ck := storedAs(t, cfg, synth.New(cfg, tensor.F32, 1, 1), tensor.Q4_0)
	var bytes, values int64
	for _, info := range ck.Tensors() {
		n, err := info.DType.Bytes(info.Shape)
		if err != nil {
			t.Fatal(err)
		}
		bytes, values = bytes+int64(n), values+int64(tensor.Count(info.Shape))
	}
	w := transformer.NewCompact(be, ck)
	for _, p := range append(cfg.Params(), cfg.HeadParam()) {
		if _, err := w.Weight(p); err != nil {
			t.Fatal(err)
		}
	}
	if got := be.Peak(); got < bytes || got > bytes+bytes/8 {
		t.Errorf("%d values of %d bytes take %d", values, bytes, got)
	}
	w.Free()
}

// A tensor that is not there is an error that says so.
func TestCompactFails(t *testing.T) {
	be, cfg := newBackend(t, 1), blocky(t)
	w := transformer.NewCompact(be, checkpoint.Memory{})
	if _, err := w.Weight(cfg.HeadParam()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
