package tune

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// models are golden ones: with fewer KV heads, biases, norms of heads behind attention, soft caps.
var models = []string{"llama_gqa_rope3", "qwen2_bias", "gemma2_softcap"}

// some is a golden model, every third channel and, behind the first layer, the first KV group of which go, on a backend of so many threads.
func some(t *testing.T, name string, threads int) (dense, left stage.Model, cut prune.Cut, be *cpu.Backend) {
	t.Helper()
	g := goldentest.Open(t, name)
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	cut = prune.Cut{}
	for _, d := range g.Config.Dims() {
		if d.Kind == model.MLP {
			for u := 0; u < d.Units; u += 3 {
				cut[d] = append(cut[d], u)
			}
		} else if d.Layer > 0 && d.Units > 1 {
			cut[d] = []int{0}
		}
	}
	dense = stage.Model{Config: g.Config, Weights: g.Weights}
	left, err = cut.Run(context.Background(), dense)
	if err != nil {
		t.Fatal(err)
	}
	return dense, left, cut, be
}

// steps are random rows of unlike lengths.
func steps(t *testing.T, vocab, n int) (all []transformer.Batch) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 1))
	for range n {
		var rows [][]int32
		for range 3 {
			row := make([]int32, 6+rng.IntN(8))
			for i := range row {
				row[i] = int32(rng.IntN(vocab))
			}
			rows = append(rows, row)
		}
		b, err := transformer.NewBatch(rows)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// divergence is KL(dense || m) on a batch.
func divergence(t *testing.T, be backend.Backend, dense, m stage.Model, weights transformer.WeightSource, b transformer.Batch) float64 {
	t.Helper()
	h, err := transformer.New(be, dense.Config).Normed(context.Background(), b, transformer.NewStreamed(be, dense.Weights))
	if err != nil {
		t.Fatal(err)
	}
	defer be.Free(h)
	p, err := transformer.New(be, m.Config).Pass(context.Background(), b, weights, transformer.Watch{Teacher: h})
	if err != nil {
		t.Fatal(err)
	}
	return b.Loss(p.KL)
}

// The gradient of each projection's gates is that of finite differences along it, and the dense model is at no distance from itself.
func TestGradientOfGates(t *testing.T) {
	for _, name := range models {
		dense, left, _, be := some(t, name, 2)
		b := steps(t, dense.Config.VocabSize, 1)[0]
		source := transformer.NewStreamed(be, left.Weights)
		if kl := divergence(t, be, dense, dense, transformer.NewStreamed(be, dense.Weights), b); math.Abs(kl) > 1e-6 {
			t.Errorf("%s: %g from itself", name, kl)
		}
		d := newDescent(be, dense.Config, transformer.NewStreamed(be, dense.Weights), left.Config, source)
		if _, err := d.step(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for param, m := range d.gates.learnt {
			var size float64
			for _, v := range m.grad {
				size += v * v
			}
			size = math.Sqrt(size)
			at := func(by float64) float64 {
				for j, v := range m.grad {
					d.gates.factors[param][j] = float32(math.Exp(by * v / size))
				}
				return divergence(t, be, dense, left, d.gates, b)
			}
			const h = 0.02
			slope := (at(h) - at(-h)) / (2 * h)
			at(0)
			if !(math.Abs(slope-size) <= 0.02*size+2e-5) {
				t.Errorf("%s, %s: a slope of %g by differences, %g by the gradient", name, param, slope, size)
			}
		}
	}
}

// Tuned, the model is nearer to the dense one; the model with the gates in its weights is as near as that with gates; on any
// number of threads.
func TestTuning(t *testing.T) {
	for _, name := range models {
		dense, left, _, be := some(t, name, 2)
		b := steps(t, dense.Config.VocabSize, 1)
		rows := slices.Repeat(b, 20)
		tuned := &Tune{Dense: dense, Steps: rows, Backend: be}
		after, err := tuned.Run(context.Background(), left)
		if err != nil {
			t.Fatal(err)
		}
		before := divergence(t, be, dense, left, transformer.NewStreamed(be, left.Weights), b[0])
		now := divergence(t, be, dense, after, transformer.NewStreamed(be, after.Weights), b[0])
		if !(now < 0.97*before) {
			t.Errorf("%s: %g from the dense model, %g before", name, now, before)
		}
		g := newGates(left.Config, be, transformer.NewStreamed(be, left.Weights))
		g.factors = tuned.Gates
		if gated := divergence(t, be, dense, left, g, b[0]); math.Abs(gated-now) > 1e-5*now {
			t.Errorf("%s: %g with gates, %g with them in the weights", name, gated, now)
		}
		_, _, _, other := some(t, name, 3)
		again := &Tune{Dense: dense, Steps: rows, Backend: other}
		if _, err := again.Run(context.Background(), left); err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(tuned.Gates, again.Gates, slices.Equal[[]float32]) {
			t.Errorf("%s: 2 and 3 threads give other gates", name)
		}
	}
}

// Without steps no bit changes; spread over the model before the cut and cut, gates are what they were.
func TestGatesFold(t *testing.T) {
	dense, left, cut, be := some(t, models[0], 2)
	none, err := (&Tune{Dense: dense, Backend: be}).Run(context.Background(), left)
	if err != nil {
		t.Fatal(err)
	}
	tuned := &Tune{Dense: dense, Steps: steps(t, dense.Config.VocabSize, 4), Backend: be}
	want, err := tuned.Run(context.Background(), left)
	if err != nil {
		t.Fatal(err)
	}
	spread, err := (&Tune{Gates: Spread(tuned.Gates, dense.Config, cut)}).Run(context.Background(), dense)
	if err == nil {
		spread, err = cut.Run(context.Background(), spread)
	}
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, a, b stage.Model) {
		for _, info := range left.Weights.Tensors() {
			x, errX := a.Weights.Read(info.Name)
			y, errY := b.Weights.Read(info.Name)
			if errX != nil || errY != nil || !slices.Equal(x.Data, y.Data) {
				t.Errorf("%s: %s differs (%v, %v)", what, info.Name, errX, errY)
			}
		}
	}
	same("without steps", left, none)
	same("spread", want, spread)
}

// What is said of memory is the backend's own count, and the bytes of a layer that is read ahead.
func TestMemory(t *testing.T) {
	dense, left, _, be := some(t, models[0], 2)
	tuned := &Tune{Dense: dense, Steps: steps(t, dense.Config.VocabSize, 3), Backend: be}
	e, err := tuned.Estimate(left.Config)
	if err != nil || e.FLOPs <= 0 {
		t.Fatal(err, e)
	}
	if _, err := tuned.Run(context.Background(), left); err != nil {
		t.Fatal(err)
	}
	var ahead int64
	for _, p := range dense.Config.LayerParams(0) {
		ahead += 4 * int64(p.Len())
	}
	if count := be.Peak(); e.Bytes < count*9/10 || e.Bytes > (count+ahead)*11/10 {
		t.Errorf("%d bytes are said, the backend counts %d, a layer has %d", e.Bytes, count, ahead)
	}
}

// A gate is the exponential of what is learnt: positive, however far the steps go.
func TestGatesStayPositive(t *testing.T) {
	g := &gates{factors: map[string][]float32{"p": {1, 1}}, learnt: map[string]*moments{"p": {make([]float64, 2), []float64{3, -3}, make([]float64, 2), make([]float64, 2)}}}
	for step := 1; step <= 3; step++ {
		g.descend(step, 1)
	}
	down, up := float64(g.factors["p"][0]), float64(g.factors["p"][1])
	if math.Abs(down-math.Exp(-3)) > 1e-6 || math.Abs(up-math.Exp(3)) > 1e-4 {
		t.Errorf("three steps of 1 down and up: gates %g and %g, want exp(-3) and exp(3)", down, up)
	}
}

// A tuning that is interrupted goes on to the same bits; what another left counts for nothing.
func TestInterrupted(t *testing.T) {
	dense, left, _, be := some(t, models[0], 2)
	rows := slices.Repeat(steps(t, dense.Config.VocabSize, 2), 3)
	whole := &Tune{Dense: dense, Steps: rows, Backend: be}
	if _, err := whole.Run(context.Background(), left); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new", "gates")
	for key, again := range map[string]int{"this": 4, "another": 6} {
		ctx, stop := context.WithCancel(context.Background())
		first := &Tune{Dense: dense, Steps: rows, Backend: be, Journal: &Journal{Path: path, Key: "this", Every: time.Hour}}
		first.Done = func(step int, _ float64) {
			if step == 3 {
				stop()
			}
		}
		if _, err := first.Run(ctx, left); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		told := 0
		second := &Tune{Dense: dense, Steps: rows, Backend: be, Journal: &Journal{Path: path, Key: key, Every: 0}, Done: func(int, float64) { told++ }}
		if _, err := second.Run(context.Background(), left); err != nil || told != again || !reflect.DeepEqual(second.Gates, whole.Gates) {
			t.Errorf("%s: %d steps were told of, %v, gates differ from those of a run that was not interrupted: %v", key, told, err, !reflect.DeepEqual(second.Gates, whole.Gates))
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
