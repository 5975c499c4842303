package lora

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// projections are all seven.
var projections = []model.Role{model.Q, model.K, model.V, model.O, model.Gate, model.Up, model.Down}

// some is a golden model and what is left without the first channels of each layer, on a backend of so many threads.
func some(t *testing.T, name string, gone, threads int) (dense, left stage.Model, be *cpu.Backend) {
	t.Helper()
	g := goldentest.Open(t, name)
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	cut := prune.Cut{}
	for _, d := range g.Config.Dims() {
		if d.Kind == model.MLP {
			for u := range gone {
				cut[d] = append(cut[d], u)
			}
		}
	}
	dense = stage.Model{Config: g.Config, Weights: g.Weights}
	left, err = cut.Run(context.Background(), dense)
	if err != nil {
		t.Fatal(err)
	}
	return dense, left, be
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

func settings() Settings {
	return Settings{Rank: 4, Alpha: 12, Roles: projections, Rate: 0.02, Seed: 5}
}

// Losses and adapters of some steps are those of PEFT and PyTorch, in float64, from the same start: for labels, whose gradients are
// clipped, and for the divergence from the dense model, whose are not.
func TestStepsAreThoseOfPEFT(t *testing.T) {
	for _, name := range []string{"llama_gqa_rope3", "qwen2_window"} {
		dense, left, be := some(t, name, 8, 2)
		golden, err := checkpoint.OpenSafetensors(filepath.Join(goldentest.Dir(t, name), "lora.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		defer golden.Close()
		read := func(name string) tensor.Tensor {
			x, err := golden.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		rows := read("rows")
		ids, err := rows.Ints()
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range []string{"labels", "kl"} {
			r := &Recovery{Settings: settings(), Steps: make([]transformer.Batch, rows.Shape[0]), Backend: be}
			if of == "kl" {
				r.Dense = &dense
			}
			d := r.newDescent(be, left.Config, transformer.NewStreamed(be, left.Weights), func(m stage.Model) transformer.WeightSource { return transformer.NewStreamed(be, m.Weights) })
			for name, l := range d.adapters.of {
				upload(be, l.a.w, read("start."+name).Float32())
			}
			for step, loss := range read(of + ".losses").Float32() {
				var batch [][]int32
				for i := range rows.Shape[1] {
					var row []int32
					for _, id := range ids[(step*rows.Shape[1]+i)*rows.Shape[2]:][:rows.Shape[2]] {
						row = append(row, int32(id))
					}
					batch = append(batch, row)
				}
				b, err := transformer.NewBatch(batch)
				if err != nil {
					t.Fatal(err)
				}
				got, err := d.step(context.Background(), b)
				if err != nil {
					t.Fatal(err)
				}
				if !(math.Abs(got/float64(loss)-1) <= 1e-4) {
					t.Errorf("%s, %s: the loss of step %d is %.9g, want %.9g", name, of, step, got, loss)
				}
				d.adapters.descend(step+1, r.rate(step))
			}
			var all, wanted []float32
			learnt := d.adapters.learnt()
			for _, param := range d.adapters.names {
				a := learnt[param]
				for part, got := range map[string][]float32{"a": a.A, "b": a.B} {
					want := read(of + "." + part + "." + param).Float32()
					if e := apart(got, want); !(e <= 3e-4) {
						t.Errorf("%s, %s: %s of %s is %g apart", name, of, part, param, e)
					}
					all, wanted = append(all, got...), append(wanted, want...)
				}
			}
			if e := apart(all, wanted); !(e <= 1e-4) {
				t.Errorf("%s, %s: all together are %g apart", name, of, e)
			}
			d.adapters.free()
		}
	}
}

// apart is |got - want| / |want|.
func apart(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff, size float64
	for i, v := range want {
		diff += (float64(got[i]) - float64(v)) * (float64(got[i]) - float64(v))
		size += float64(v) * float64(v)
	}
	return math.Sqrt(diff / size)
}

// In every family the gradient of a matrix's A and B is that of finite differences along it, where B is not zero.
func TestGradientOfAdapters(t *testing.T) {
	for _, name := range goldentest.Passes {
		t.Run(name, func(t *testing.T) {
			dense, left, be := some(t, name, 8, 2)
			b := steps(t, dense.Config.VocabSize, 1)[0]
			r := &Recovery{Settings: settings(), Dense: &dense, Backend: be}
			d := r.newDescent(be, left.Config, transformer.NewStreamed(be, left.Weights), func(m stage.Model) transformer.WeightSource { return transformer.NewStreamed(be, m.Weights) })
			rng := rand.New(rand.NewPCG(1, 2))
			for v := range d.adapters.each() {
				start := download(be, v.w)
				for i := range start {
					start[i] += 0.05 * float32(rng.NormFloat64())
				}
				upload(be, v.w, start)
			}
			if _, err := d.step(context.Background(), b); err != nil {
				t.Fatal(err)
			}
			for _, param := range d.adapters.names {
				for part, v := range map[string]values{"A": d.adapters.of[param].a, "B": d.adapters.of[param].b} {
					checkAlong(t, d, b, param+" "+part, v)
				}
			}
		})
	}
}

// checkAlong compares the gradient's size with the change of the loss along it.
func checkAlong(t *testing.T, d *descent, b transformer.Batch, name string, v values) {
	t.Helper()
	at, grad := download(d.be, v.w), download(d.be, v.grad)
	var size float64
	for i := range grad {
		grad[i] *= d.adapters.scale
		size += float64(grad[i]) * float64(grad[i])
	}
	size = math.Sqrt(size)
	loss := func(by float64) float64 {
		moved := make([]float32, len(at))
		for i := range moved {
			moved[i] = at[i] + float32(by*float64(grad[i])/size)
		}
		upload(d.be, v.w, moved)
		l, err := d.loss(context.Background(), b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	const by = 0.003
	got := (loss(by) - loss(-by)) / (2 * by)
	upload(d.be, v.w, at)
	if math.Abs(got-size) > 2e-5+0.03*size {
		t.Errorf("%s: the loss changes by %g, the gradient is %g", name, got, size)
	}
}

// recovery is a run on a golden model.
func recovery(t *testing.T, threads int) (*Recovery, stage.Model) {
	t.Helper()
	dense, left, be := some(t, "llama_gqa_rope3", 60, threads)
	rows := steps(t, dense.Config.VocabSize, 19)
	return &Recovery{Settings: settings(), Dense: &dense, Steps: rows[:16], HeldOut: rows[16:], Backend: be}, left
}

// What is learnt is better on held-out rows, is the best moment, is part of the matrices afterwards, and does not depend on the threads.
func TestRecovery(t *testing.T) {
	var first *Result
	for _, threads := range []int{1, 3} {
		r, left := recovery(t, threads)
		r.Rate = 0.003
		steps := 0
		r.Done = func(int, float64) { steps++ }
		after, err := r.Run(context.Background(), left)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Result
		if steps != 16 || len(got.Losses) != 16 || len(got.HeldOut) != Checks+1 || got.HeldOut[got.Best] >= got.HeldOut[0] {
			t.Fatalf("%d steps: %+v %v %d", steps, got.Losses, got.HeldOut, got.Best)
		}
		for _, v := range got.HeldOut {
			if v < got.HeldOut[got.Best] {
				t.Errorf("the best is %d of %v", got.Best, got.HeldOut)
			}
		}
		d := r.newDescent(r.Backend, left.Config, transformer.NewStreamed(r.Backend, after.Weights), func(m stage.Model) transformer.WeightSource {
			return transformer.NewStreamed(r.Backend, m.Weights)
		})
		var now Result
		if err := r.measure(context.Background(), d, &now); err != nil || math.Abs(now.HeldOut[0]/got.HeldOut[got.Best]-1) > 1e-4 {
			t.Errorf("merged: %v, %v, want %g", now.HeldOut, err, got.HeldOut[got.Best])
		}
		if first == nil {
			first = got
		} else if !reflect.DeepEqual(first, got) {
			t.Errorf("%d threads give another result", threads)
		}
	}
}

// Where nothing that is learnt is better on held-out rows, the model stays as it is.
func TestWorseIsNotKept(t *testing.T) {
	r, left := recovery(t, 2)
	r.Rate = 5
	after, err := r.Run(context.Background(), left)
	if err != nil {
		t.Fatal(err)
	}
	if r.Result.Best != 0 || r.Result.Adapters != nil || !reflect.DeepEqual(after, left) {
		t.Errorf("kept %d of %v", r.Result.Best, r.Result.HeldOut)
	}
}

// spoiled is a checkpoint whose values are NaN from a moment on.
type spoiled struct {
	checkpoint.Checkpoint
	now *bool
}

func (s spoiled) Read(name string) (tensor.Tensor, error) {
	x, err := s.Checkpoint.Read(name)
	if err != nil || !*s.now {
		return x, err
	}
	values := x.Float32()
	for i := range values {
		values[i] = float32(math.NaN())
	}
	return tensor.FromFloat32(tensor.F32, x.Shape, values), nil
}

// With a loss that is not finite learning ends, and what was best before is kept; where nothing was, that is an error.
func TestNotFinite(t *testing.T) {
	for _, at := range []int{8, 0} {
		r, left := recovery(t, 2)
		r.Rate = 0.003
		broken := at == 0
		r.Dense.Weights = spoiled{r.Dense.Weights, &broken}
		r.Done = func(step int, _ float64) { broken = step >= at }
		_, err := r.Run(context.Background(), left)
		if at == 0 {
			if !errors.Is(err, transformer.ErrNotFinite) {
				t.Errorf("error %v", err)
			}
			continue
		}
		if err != nil || r.Result.Broke != at+1 || r.Result.Best == 0 || len(r.Result.Losses) != at {
			t.Errorf("%v: %+v", err, r.Result)
		}
	}
}

// A run that was interrupted in any step, or while it measured, goes on to the bits of one that was not.
func TestInterrupted(t *testing.T) {
	whole, left := recovery(t, 2)
	if _, err := whole.Run(context.Background(), left); err != nil {
		t.Fatal(err)
	}
	for _, every := range []time.Duration{0, time.Hour} {
		path := filepath.Join(t.TempDir(), "state", "recovery")
		for stops := 0; ; stops++ {
			r, left := recovery(t, 2)
			r.Journal = &Journal{Path: path, Key: "k", Every: every}
			ctx, stop := context.WithCancel(context.Background())
			done := 0
			r.Done = func(int, float64) {
				if done++; done == 6 {
					stop()
				}
			}
			_, err := r.Run(ctx, left)
			stop()
			if err == nil {
				if stops < 2 || !reflect.DeepEqual(r.Result, whole.Result) {
					t.Errorf("every %s: after %d stops another result", every, stops)
				}
				break
			}
			if _, err := os.Stat(path); err != nil || stops > 9 {
				t.Fatal(err)
			}
		}
	}
	r, left := recovery(t, 2)
	other := &Journal{Path: filepath.Join(t.TempDir(), "x"), Key: "a"}
	d := r.newDescent(r.Backend, left.Config, transformer.NewStreamed(r.Backend, left.Weights), func(stage.Model) transformer.WeightSource { return nil })
	if err := other.keep(d.adapters, &Result{Losses: []float64{1}}, true); err != nil {
		t.Fatal(err)
	}
	other.Key = "b"
	if got := other.restore(d.adapters); got.Losses != nil {
		t.Error("the state of another run is taken")
	}
}

// rsLoRA divides by the root of the rank.
func TestScale(t *testing.T) {
	for stable, want := range map[bool]float64{false: 3, true: 6} {
		if got := (Settings{Rank: 4, Alpha: 12, Stable: stable}).Scale(); got != want {
			t.Errorf("%v: %g, want %g", stable, got, want)
		}
	}
}

// Memory and work are estimated of the largest step, and both models count.
func TestEstimate(t *testing.T) {
	r, left := recovery(t, 1)
	both, err := r.Estimate(left.Config)
	if err != nil || both.After != left.Config || both.Bytes <= 0 {
		t.Fatal(both, err)
	}
	r.Dense = nil
	labels, err := r.Estimate(left.Config)
	if err != nil || labels.FLOPs >= both.FLOPs || labels.Bytes > both.Bytes {
		t.Errorf("%+v, with a teacher %+v, %v", labels, both, err)
	}
}
