package verify

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// found is what the three proofs say of a pair.
type found struct {
	*Match
	Difference
	embedding float64
}

// tables are the buffers that two transformers keep: cosines and sines.
const tables = 4

// pass is the verdict that a command gives.
func (f found) pass(bound float64) bool { return max(f.Relative(), f.embedding) <= bound }

func prove(t *testing.T, be backend.Backend, p pair) (f found, err error) {
	t.Helper()
	if f.Match, err = FindUnits(be, p.dense, p.pruned); err != nil {
		return f, err
	}
	if f.Difference, err = Compare(context.Background(), be, p.dense, p.pruned, f.Match, p.batch); err != nil {
		t.Fatal(err)
	}
	if f.embedding, err = Embedding(be, p.dense, p.pruned); err != nil {
		t.Fatal(err)
	}
	return f, nil
}

// A file that holds what stays passes, and its units are those that stayed, to the bit.
func TestRightFiles(t *testing.T) {
	for name, kept := range cuts {
		p := newPair(t, kept, tensor.F32)
		f, err := prove(t, p.be, p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !f.pass(1e-4) || f.Worst != 0 || f.embedding != 0 || f.Rows != p.batch.Rows() || f.SameTop != f.Rows || !(f.RMSOf > 0.01) {
			t.Errorf("%s: %+v, the least alike %g apart, embedding %g", name, f.Difference, f.Worst, f.embedding)
		}
		p.sameUnits(t, name, f.Match)
		if p.be.live != tables {
			t.Errorf("%s: %d buffers are still there", name, p.be.live)
		}
	}
}

// Each kind of wrong file is refused, or its logits or embedding are off by more than
// float32 explains.
func TestWrongFiles(t *testing.T) {
	for name, c := range map[string]struct {
		cut     string
		spoil   func(t *testing.T, p pair)
		refused string // in the error; "": a difference
	}{
		"one weight of down":          {"channels", one(0, model.Down), ""},
		"one weight of up":            {"channels", one(1, model.Up), ""},
		"one weight of gate":          {"channels", one(2, model.Gate), ""},
		"one weight of k":             {"groups", one(0, model.K), ""},
		"one weight of o":             {"groups", one(2, model.O), ""},
		"one weight of q":             {"heads", one(1, model.Q), ""},
		"one weight of a norm":        {"groups", one(1, model.MLPNorm), ""},
		"one weight of the last norm": {"nothing", one(-1, model.FinalNorm), ""},
		"gate's rows swapped":         {"channels", swap(0, model.Gate, 0, 3, 4), "in order"},
		"up's rows swapped":           {"channels", swap(0, model.Up, 0, 3, 4), ""},
		"down's columns swapped":      {"channels", swap(0, model.Down, 1, 3, 4), ""},
		"v's heads swapped":           {"channels", swap(0, model.V, 0, 0, 1), "in order"},
		"k's heads swapped":           {"channels", swap(0, model.K, 0, 0, 1), ""},
		"heads paired with others":    {"channels", swap(1, model.Q, 0, 0, 1), ""},
		"query heads swapped":         {"heads", swapHeads(0, 0, 1), "in order"},
		"o's heads swapped":           {"heads", swapHeadsOf(0, model.O, 1, 0, 1), ""},
		"query heads of other heads":  {"heads", pairOthers, "does not read KV head 0"},
		"a channel twice":             {"channels", copied(1, 5, 6), "unit 6 of layers.1.mlp"},
		"a channel twice, backwards":  {"channels", copied(1, 6, 5), "in order"},
		"a channel is none":           {"channels", scramble(1, model.Gate), "layers.1.mlp"},
		"theta":                       {"nothing", config(func(c *model.Config) { c.Rope.Theta *= 2 }), ""},
		"epsilon":                     {"nothing", config(func(c *model.Config) { c.NormEps = 0.01 }), ""},
		"another vocabulary":          {"nothing", config(func(c *model.Config) { c.VocabSize-- }), "sizes"},
		"another hidden size":         {"nothing", config(func(c *model.Config) { c.HiddenSize += 2 }), "sizes"},
		"another head size":           {"nothing", config(func(c *model.Config) { c.HeadDim += 2 }), "sizes"},
		"fewer layers":                {"nothing", config(func(c *model.Config) { c.Layers = c.Layers[1:] }), "sizes"},
		"more channels":               {"nothing", config(func(c *model.Config) { c.Layers[2].Intermediate++ }), "sizes"},
		"more KV heads":               {"groups", config(func(c *model.Config) { c.Layers[0].KVHeads, c.Layers[0].Heads = 3, 9 }), "sizes"},
		"more query heads a KV head":  {"nothing", config(func(c *model.Config) { c.Layers[0].Heads = 8 }), "sizes"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, cuts[c.cut], tensor.F32)
			c.spoil(t, p)
			f, err := prove(t, p.be, p)
			switch {
			case c.refused != "":
				if !errors.Is(err, ErrDifferent) || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("error %v, want one with %q", err, c.refused)
				}
			case err != nil:
				t.Error(err)
			case f.pass(1e-4):
				t.Errorf("it passes: relative difference %g, embedding %g", f.Relative(), f.embedding)
			}
			if p.be.live != 0 && p.be.live != tables {
				t.Errorf("%d buffers are still there", p.be.live)
			}
		})
	}
}

// How far apart the least alike are is that of the one unit that changed.
func TestWorst(t *testing.T) {
	for _, share := range []float64{1e-6, 1e-3, 0.3} {
		p := newPair(t, cuts["channels"], tensor.F32)
		p.change(1, model.Gate, func(x []float32) {
			C := p.dense.Config.HiddenSize
			var square float64
			for _, v := range x[4*C : 5*C] {
				square += float64(v) * float64(v)
			}
			x[4*C] += float32(share * math.Sqrt(square))
		})
		f, err := prove(t, p.be, p)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(f.Worst-share) > 0.05*share+1e-7 {
			t.Errorf("one unit is %g off, found %g", share, f.Worst)
		}
	}
}

// A unit that is 0.7 of its length or more from every other is none of them.
func TestMostApart(t *testing.T) {
	for grown, want := range map[float32]float64{3.2: 2.2 / 3.2, 3.5: 0} {
		p := newPair(t, cuts["channels"], tensor.F32)
		p.change(0, model.Gate, func(x []float32) {
			C := p.dense.Config.HiddenSize
			for i := 9 * C; i < 10*C; i++ {
				x[i] *= grown
			}
		})
		m, err := FindUnits(p.be, p.dense, p.pruned)
		if refused := errors.Is(err, ErrDifferent); refused != (want == 0) || !refused && math.Abs(m.Worst-want) > 1e-5 {
			t.Errorf("%g times as long: %v, %v, want %g apart", grown, err, m, want)
		}
	}
}

// The measures of two sets of logits, by hand: two positions over three tokens.
func TestDifference(t *testing.T) {
	want := []float32{1, -4, 2, 0, 3, -1}
	got := []float32{1, -1, 2, 3, 2, -1}
	d := difference(got, want, 3)
	if d.MaxAbs != 3 || d.Largest != 4 || d.Rows != 2 || d.SameTop != 1 {
		t.Errorf("%+v", d)
	}
	if rms, of := math.Sqrt(19.0/6), math.Sqrt(31.0/6); math.Abs(d.RMS-rms) > 1e-12 || math.Abs(d.RMSOf-of) > 1e-12 || math.Abs(d.Relative()-rms/of) > 1e-12 {
		t.Errorf("RMS %g of %g, relative %g", d.RMS, d.RMSOf, d.Relative())
	}
	got[0] = float32(math.NaN())
	if d := difference(got, want, 3); !math.IsNaN(d.MaxAbs) || !math.IsNaN(d.RMS) {
		t.Errorf("NaN: %+v", d)
	}
}

// A row of the embedding that no token of the batch has is compared too, to the length
// of a usual row.
func TestEmbedding(t *testing.T) {
	p := newPair(t, cuts["nothing"], tensor.F32)
	const share, row = 0.01, 50
	C, V := p.dense.Config.HiddenSize, p.dense.Config.VocabSize
	var all, own float64
	p.change(-1, model.Embedding, func(x []float32) {
		for i := range x {
			square := float64(x[i]) * float64(x[i])
			all += square / float64(V)
			if i/C == row {
				own += square
				x[i] *= 1 + share
			}
		}
	})
	got, err := Embedding(p.be, p.dense, p.pruned)
	if want := share * math.Sqrt(own/all); err != nil || math.Abs(got-want) > 1e-4*want || p.be.live != 0 {
		t.Errorf("%g apart, want %g; %v, %d buffers are still there", got, want, err, p.be.live)
	}
}

// Channels that are dead in the dense model look all the same; a right copy still passes.
func TestDeadChannels(t *testing.T) {
	p := newPair(t, cuts["channels"], tensor.F32)
	dead := map[int]bool{2: true, 3: true, 10: true, 11: true, 40: true}
	p.dense.Weights = clone(p.dense.Weights.(checkpoint.Memory))
	zero := func(m Model, unit func(row int) int) {
		change(m, 0, model.Gate, func(x []float32) {
			for i := range x {
				if dead[unit(i/p.dense.Config.HiddenSize)] {
					x[i] = 0
				}
			}
		})
	}
	kept := p.kept[p.dense.Config.Dim(0, model.MLP)]
	zero(p.dense, func(row int) int { return row })
	zero(p.pruned, func(row int) int { return kept[row] })
	f, err := prove(t, p.be, p)
	if err != nil || !f.pass(1e-4) || f.Worst != 0 {
		t.Errorf("%v, %+v", err, f)
	}
}

// Quantities that are not numbers stay so: no verdict comes of them.
func TestNaN(t *testing.T) {
	for name, at := range map[string]struct {
		layer int
		role  model.Role
	}{"last norm": {-1, model.FinalNorm}, "embedding": {-1, model.Embedding}} {
		p := newPair(t, cuts["nothing"], tensor.F32)
		p.change(at.layer, at.role, func(x []float32) { x[len(x)-1] = float32(math.NaN()) })
		if f, err := prove(t, p.be, p); err != nil || f.pass(1e9) {
			t.Errorf("%s: %v, %+v", name, err, f)
		}
	}
}

// What a type may differ by: every type's own rounding passes, and is far from none.
func TestBounds(t *testing.T) {
	want := map[tensor.DType]float64{tensor.F32: 1e-4, tensor.F16: 1e-2, tensor.BF16: 5e-2, tensor.Q8_0: 0.1,
		tensor.Q6_K: 0.2, tensor.Q4_K: 0.4, tensor.Q4_1: 0.4, tensor.Q4_0: 0.6, tensor.Q5_K: 0.6}
	for d, bound := range want {
		m := checkpoint.Memory{"w": {DType: d, Shape: []int{1, 256}}, "norm": {DType: tensor.F32, Shape: []int{256}}, "fine": {DType: tensor.F32, Shape: []int{1, 1}}}
		if name, got := Bound(m); name != d.String() || got != bound {
			t.Errorf("%v: %s may differ by %g, want %g", d, name, got, bound)
		}
	}
	if name, got := Bound(checkpoint.Memory{"w": {DType: tensor.F16, Shape: []int{1, 1}}, "norm": {DType: tensor.BF16, Shape: []int{1}}}); name != "F16" || got != 1e-2 {
		t.Errorf("norms count: %s, %g", name, got)
	}
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16} {
		p := newPair(t, cuts["groups"], d)
		_, bound := Bound(p.pruned.Weights)
		if f, err := prove(t, p.be, p); err != nil || !f.pass(bound) || f.pass(1e-4) || f.Worst == 0 {
			t.Errorf("%v: %v, %+v", d, err, f)
		}
	}
}

// Whatever tensor of either model cannot be read, no proof is given, the error says so, and
// all memory comes back.
func TestEveryReadFails(t *testing.T) {
	for _, dense := range []bool{true, false} {
		for good := int64(0); ; good++ {
			p := newPair(t, cuts["channels"], tensor.F32)
			m := &p.pruned
			if dense {
				m = &p.dense
			}
			broken := &goldentest.Unreadable{Checkpoint: m.Weights, Good: good}
			m.Weights = broken
			err := func() error {
				d, _, err := SameLayers(t.Context(), p.be, p.dense, p.pruned)
				if err != nil {
					return err
				}
				match, err := FindUnits(p.be, d, p.pruned)
				if err != nil {
					return err
				}
				if _, err := Compare(t.Context(), p.be, d, p.pruned, match, p.batch); err != nil {
					return err
				}
				_, err = Embedding(p.be, d, p.pruned)
				return err
			}()
			if p.be.live > tables {
				t.Fatalf("dense %t: read %d fails: %d buffers are still there: %v", dense, good, p.be.live, err)
			}
			if !broken.Reached() {
				if err != nil || good < 10 {
					t.Errorf("dense %t: %v after %d reads", dense, err, good)
				}
				break
			}
			if !errors.Is(err, goldentest.ErrUnreadable) {
				t.Fatalf("dense %t: read %d fails: %v", dense, good, err)
			}
		}
	}
}
