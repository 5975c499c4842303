package job

import (
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"moreau/internal/backend/cpu"
	"moreau/internal/eval"
	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// builtinModel is the model inside the program.
func builtinModel(t *testing.T) *load.Model {
	t.Helper()
	m, err := load.Open(load.Builtin)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Work is counted by hand: 2 operations a weight and token forward, 8 with the gradients of the
// layers, 6 in the head; weights are read once forward and twice with gradients.
func TestWork(t *testing.T) {
	cfg := builtinModel(t).Config
	layers, head := float64(0), float64(cfg.VocabSize*cfg.HiddenSize)
	for l := range cfg.Layers {
		for _, p := range cfg.LayerParams(l) {
			layers += float64(p.Len())
		}
	}
	all := float64(cfg.ParamCount())
	var w work
	w.addEval(cfg, []eval.Pass{{B: 2, T: 10}, {B: 1, T: 5}})
	if want := (work{layers: [2]float64{25 * 2 * layers, 0}, head: 25 * 2 * head, logits: 25 * float64(cfg.VocabSize), decoded: 2 * all, tokens: 20}); w != want {
		t.Errorf("evaluation: %+v, want %+v", w, want)
	}
	w = work{}
	w.addPass(cfg, 30, transformer.LayerWeights, 3)
	if want := (work{layers: [2]float64{0, 3 * 30 * 8 * layers}, head: 3 * 30 * 6 * head, logits: 3 * 30 * float64(cfg.VocabSize), decoded: 3 * 2 * all, tokens: 30}); w != want {
		t.Errorf("gradients: %+v, want %+v", w, want)
	}
}

// Every part of the work counts, at its own speed.
func TestSecondsOfWork(t *testing.T) {
	w := work{layers: [2]float64{1e9, 2e9}, head: 3e9, logits: 4e9, decoded: 5e9, moved: 6e9, written: 7e9}
	s := speeds{layers: [2]float64{1, 10}, head: 100, logits: 1e3, decoded: 1e4, moved: 1e5, written: 1e6}
	if got, want := w.seconds(s), 7654321.0; math.Abs(got-want) > 1e-6 {
		t.Errorf("%g seconds, want %g", got, want)
	}
}

// By a clock that only runs advance: how many there are, the fastest, and the median and a third.
func TestStopwatches(t *testing.T) {
	for _, tt := range []struct {
		ms           []int // of the runs in turn, the last for all others
		runs         int   // one more than are timed
		fast, median time.Duration
	}{
		{[]int{9, 1}, 31, 1e6, 1e6}, {[]int{9, 10}, 6, 10e6, 10e6}, {[]int{40}, 5, 40e6, 40e6}, {[]int{9, 200}, 2, 200e6, 200e6},
		{[]int{1, 9, 30, 6, 12, 15}, 6, 6e6, 12e6},
	} {
		slow := tt.median * 4 / 3
		at, runs := time.Unix(0, 0), 0
		now := func() time.Time { return at }
		run := func() {
			at = at.Add(time.Duration(tt.ms[min(runs, len(tt.ms)-1)]) * time.Millisecond)
			runs++
		}
		if fast, got := look(now)(run); runs != tt.runs || fast != tt.fast || got != slow {
			t.Errorf("runs of %v ms: %d, %v to %v, want %d, %v to %v", tt.ms, runs, fast, got, tt.runs, tt.fast, slow)
		}
		runs = 0
		if fast, slow := glance(now)(run); runs != 2 || fast != slow || fast != time.Duration(tt.ms[min(1, len(tt.ms)-1)])*time.Millisecond {
			t.Errorf("a glance at runs of %v ms: %d, %v to %v", tt.ms, runs, fast, slow)
		}
	}
}

// clock is a stopwatch by which every run takes a millisecond, a slow one three.
type clock struct{ runs int }

func (c *clock) time(run func()) (fast, slow time.Duration) {
	c.runs++
	run()
	return time.Millisecond, 3 * time.Millisecond
}

// With a clock that always says the same, a speed is what was timed by what was done.
func TestProbe(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	m := builtinModel(t)
	cfg := m.Config
	c := &clock{}
	p := &probe{be: be, time: c.time}
	p.measure(t.Context(), cfg, m.Weights, work{layers: [2]float64{1, 1}, head: 1, moved: 1, written: 1, tokens: 32, dtype: tensor.Q8_0})
	if p.err != nil {
		t.Fatal(p.err)
	}
	if c.runs != 10 { // a product, two layers, decoding, head and loss, three of the state, encoding
		t.Errorf("%d things were timed", c.runs)
	}
	small, _, _ := smallStep(cfg, 32, 1e9)
	if s := small.Layers[0]; len(small.Layers) != 1 || s != cfg.Layers[2] || small.VocabSize != 32 {
		t.Errorf("a small model is probed by %+v with a vocabulary of %d", s, small.VocabSize)
	}
	var layer int
	for _, param := range cfg.LayerParams(2) {
		layer += param.Len()
	}
	for name, tt := range map[string]struct{ got, units float64 }{
		"decoding": {p.fast.decoded, float64(layer)},
		"head":     {p.fast.head, 2 * 32 * 64 * 512},
		"logits":   {p.fast.logits, 32 * 512},
		"state":    {p.fast.moved, 256. * 64 / 8}, // 2 draws, 2 perturbations, 4 sums
	} {
		if want := 1e6 / tt.units; math.Abs(tt.got/want-1) > 1e-9 {
			t.Errorf("%s: %g ns, want %g", name, tt.got, want)
		}
	}
	if p.fast.written <= 0 || p.fast.layers[0] <= p.fast.layers[1] || p.fast.layers[1] <= 0 {
		t.Errorf("speeds %+v", p.fast)
	}
	if w := (work{layers: [2]float64{1e9, 1e9}, head: 1e9, moved: 1e9}); math.Abs(w.seconds(p.slow)/w.seconds(p.fast)-3) > 1e-9 {
		t.Errorf("slow %+v, fast %+v", p.slow, p.fast)
	}
}

// A layer of a large model is probed by a part of it, with as many query heads a KV head.
func TestProbeOfLargeModels(t *testing.T) {
	cfg := builtinModel(t).Config.WithLayers([]model.Layer{{Heads: 64, KVHeads: 8, Intermediate: 28672}})
	cfg.HiddenSize, cfg.HeadDim, cfg.VocabSize = 8192, 128, 128256
	const most = 5e9
	small, B, T := smallStep(cfg, 1280, most)
	if n := transformer.PassFLOPs(small, B*T, transformer.LayerWeights); n > 1.5*most || n < most/2 || T < 16 {
		t.Errorf("%g operations, want about %g", n, most)
	}
	if l := small.Layers[0]; l.Group() != 8 || cfg.Layers[0].Heads != 64 {
		t.Errorf("layers %+v of %+v", l, cfg.Layers[0])
	}
}

// A run of pruning scores the dense model, measures it and what is left, and writes that.
func TestWorkOfPruning(t *testing.T) {
	j := newPrune(t, PruneOptions{Budget: BudgetOptions{Ratio: 0.2}, Out: OutOptions{Path: filepath.Join(t.TempDir(), "out.gguf")}})
	p, err := j.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Texts = []TextPlan{{Passes: []eval.Pass{{B: 2, T: 10}}}}
	before, after := float64(p.Before.ParamCount()), float64(p.After.ParamCount())
	flops := func(cfg *model.Config) float64 { return transformer.PassFLOPs(cfg, 20, transformer.NoGradients) }
	w := j.work(p)
	if got, want := w.layers[0]+w.head, flops(p.Before)+flops(p.After); got != want || w.layers[1] != 0 || w.moved != 0 {
		t.Errorf("%g operations, want %g: %+v", got, want, w)
	}
	if w.written != after || w.dtype != tensor.F32 || w.decoded != 2*before+2*after { // l1, two evaluations, writing
		t.Errorf("%g scalars written as %s, %g decoded, want %g, F32, %g", w.written, w.dtype, w.decoded, after, 2*before+2*after)
	}
	s, err := newScoring(j.m, quick("moreau"), j.m.Config.AllLayers())
	if err != nil {
		t.Fatal(err)
	}
	sp, err := s.plan(filepath.Join(t.TempDir(), "s.json"))
	if err != nil {
		t.Fatal(err)
	}
	j.scoring, p.Scoring, p.Texts = s, sp, nil
	moved := 0
	for _, param := range j.m.Config.Params() {
		if param.Projection() {
			moved += param.Len()
		}
	}
	if w := j.work(p); w.layers[1]+w.head != 2*transformer.PassFLOPs(p.Before, 48, transformer.LayerWeights) || w.layers[0] != 0 || w.moved != float64(2*moved) {
		t.Errorf("2 steps over 3 x 16 tokens, %d scalars: %+v", moved, w)
	}
}

// An unreadable weight is an error of the plan, not a time.
func TestProbeFails(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	cfg := builtinModel(t).Config
	if _, err := estimate(t.Context(), be, cfg, load.Promised(cfg, tensor.F32), work{decoded: 1}); err == nil {
		t.Error("weights that are not there were timed")
	}
}

// Memory and time of a plan are those of the rows' lengths, not of the options for texts.
func TestPlanOfIDs(t *testing.T) {
	dir := t.TempDir()
	rows := func(n int) string {
		ids := "[["
		for range n {
			ids += "1,"
		}
		path := filepath.Join(dir, "ids.json")
		if err := writeText(path, true, []byte(ids+"1],[1,2]]")); err != nil {
			t.Fatal(err)
		}
		return path
	}
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	plan := func(o PruneOptions) PrunePlan {
		o.Budget = BudgetOptions{Ratio: 0.2, Align: AutoAlign}
		o.Out.Path = filepath.Join(dir, "out.gguf")
		o.PlanOnly = true
		j, err := NewPrune(load.Builtin, be, o)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		p, err := j.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	m := builtinModel(t)
	p := plan(PruneOptions{Scoring: quick("l1"), Texts: TextOptions{IDs: rows(400), Seq: 2}})
	if want := EvalBytes(m, 2, 401); p.RAM != want || p.Texts[0].Passes[0] != (eval.Pass{B: 2, T: 401}) {
		t.Errorf("evaluation of 401 ids: %d bytes in passes %v, want %d", p.RAM, p.Texts[0].Passes, want)
	}
	o := quick("taylor")
	o.Calib.IDs = rows(300)
	p = plan(PruneOptions{Scoring: o, NoEval: true})
	taylor, err := importance.FindMethod("taylor")
	if err != nil {
		t.Fatal(err)
	}
	if want := resident(m.Config, taylor.Bytes(m.Config, m.Weights, o.importance(m.Config.AllLayers()), 2, 301, 0, nil)); p.RAM != want || p.Scoring.SeqLen != 301 {
		t.Errorf("scores by 301 ids: %d bytes of %d x %d, want %d", p.RAM, p.Scoring.Rows, p.Scoring.SeqLen, want)
	}
	f16 := tensor.F16
	p = plan(PruneOptions{Scoring: quick("l1"), NoEval: true, Out: OutOptions{DType: &f16}})
	if want := resident(m.Config, 5*(4+2)*int64(m.Config.HeadParam().Len())/4); p.RAM != want { // the embedding as it is stored and as it is written
		t.Errorf("writing: %d bytes, want %d", p.RAM, want)
	}
	if _, err := NewPrune(load.Builtin, be, PruneOptions{Scoring: o, PlanOnly: true}); !errors.Is(err, ErrUsage) {
		t.Errorf("no budget: %v", err)
	}
}
