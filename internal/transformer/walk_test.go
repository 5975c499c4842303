package transformer_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// counting counts how often each parameter is asked for, and what is still held.
type counting struct {
	transformer.WeightSource
	asked map[string]int
	held  int
}

func (c *counting) Weight(p model.Param) (backend.Buffer, error) {
	c.asked[p.Name]++
	c.held++
	return c.WeightSource.Weight(p)
}

func (c *counting) Release(p model.Param, b backend.Buffer) {
	c.held--
	c.WeightSource.Release(p, b)
}

// watchers gives the sights of a walk's parts to a watcher each.
type watchers struct {
	of   []*watcher
	seen map[string]int
}

func newWatchers(t *testing.T, be backend.Backend, parts int) *watchers {
	w := &watchers{seen: map[string]int{}}
	for range parts {
		w.of = append(w.of, newWatcher(t, be, transformer.Forward))
	}
	return w
}

func (w *watchers) Sees(int, transformer.Site) transformer.Sight { return transformer.Forward }

func (w *watchers) See(s transformer.Seen) error {
	key := at(s.Layer, s.Site)
	w.seen[key]++
	return w.of[w.seen[key]-1].See(s)
}

func walkAll(t *testing.T, walk *transformer.Walk, tap transformer.Tap, of func(layer int) transformer.WeightSource) []transformer.Predictions {
	t.Helper()
	ctx := context.Background()
	for walk.Next() {
		if err := walk.Run(ctx, of(walk.Layer()), tap); err != nil {
			t.Fatal(err)
		}
	}
	p, err := walk.Predict(ctx, of(walk.Layer()), tap)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A walk over parts gives the bits of a pass over each, at every site and in every loss,
// and asks for each parameter once.
func TestWalkIsThePass(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		parts := fiveRows(t, g).Parts(20)
		if len(parts) != 3 {
			t.Fatalf("%d parts, want 3", len(parts))
		}
		w := &counting{WeightSource: transformer.NewStreamed(be, g.Weights), asked: map[string]int{}}
		tr := transformer.New(be, g.Config)
		layers := 0
		tr.OnLayer = func() { layers++ }
		walk, err := tr.Walk(context.Background(), parts, w)
		if err != nil {
			t.Fatal(err)
		}
		seen := newWatchers(t, be, len(parts))
		got := walkAll(t, walk, seen, func(int) transformer.WeightSource { return w })
		walk.Close()
		once, err := tr.Walk(context.Background(), parts, w.WeightSource)
		if err != nil {
			t.Fatal(err)
		}
		once.Once = true
		for i, p := range walkAll(t, once, nil, func(int) transformer.WeightSource { return w.WeightSource }) {
			if !slices.Equal(p.NLL, got[i].NLL) {
				t.Errorf("%s: part %d has other losses when halves run once", family, i)
			}
		}
		once.Close()
		layers -= len(g.Config.Layers)
		for i, b := range parts {
			one, p := watch(t, be, g, b, transformer.Forward, 0)
			if !slices.Equal(got[i].NLL, p.NLL) || !slices.Equal(got[i].Best, p.Best) {
				t.Errorf("%s: part %d has other losses", family, i)
			}
			sameBits(t, family, seen.of[i].x, one.x)
		}
		for _, p := range g.Config.Params() {
			if n := w.asked[p.Name]; n != 1 && !(g.Config.Tied && n == 2 && p.Role == model.Embedding) {
				t.Errorf("%s: %s asked for %d times", family, p.Name, n)
			}
		}
		if w.held != 0 || layers != len(g.Config.Layers) {
			t.Errorf("%s: %d weights not given back, %d layers reported", family, w.held, layers)
		}
	}
}

// A layer run again under other weights gives what a pass with those weights gives.
func TestLayerAgainUnderOtherWeights(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_gqa_rope3")
	parts := fiveRows(t, g).Parts(20)
	dim := g.Config.Dim(1, model.MLP)
	plain := transformer.NewStreamed(be, g.Weights)
	changed := &scaledUnit{WeightSource: plain, be: be, dim: dim, unit: 3, factor: 0}
	walk, err := transformer.New(be, g.Config).Walk(context.Background(), parts, plain)
	if err != nil {
		t.Fatal(err)
	}
	defer walk.Close()
	for walk.Next() {
		ws := []transformer.WeightSource{plain}
		if walk.Layer() == dim.Layer {
			ws = append(ws, changed)
		}
		for _, half := range []func(context.Context, transformer.WeightSource, transformer.Tap) error{walk.Attend, walk.MLP} {
			for _, w := range ws {
				if err := half(context.Background(), w, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	got, err := walk.Predict(context.Background(), plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range parts {
		want, err := transformer.New(be, g.Config).NLL(context.Background(), b, changed)
		if err != nil {
			t.Fatal(err)
		}
		without, err := transformer.New(be, g.Config).NLL(context.Background(), b, plain)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[i].NLL, want) || slices.Equal(want, without) {
			t.Errorf("part %d: the losses are not those of the changed weights", i)
		}
	}
}

// A walk takes two streams of all rows beside a layer at work, and gives all back.
func TestWalkMemory(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	parts := transformer.SomeTokens(40, 24).Parts(48)
	be := dry.New()
	w := transformer.NewDry(be, checkpoint.Memory{})
	walk, err := transformer.New(be, g.Config).Walk(context.Background(), parts, w)
	if err != nil {
		t.Fatal(err)
	}
	walkAll(t, walk, nil, func(int) transformer.WeightSource { return w })
	stream := int64(4 * 40 * 24 * g.Config.HiddenSize)
	walk.Close()
	one := transformer.PassBytes(g.Config, checkpoint.Memory{}, 2, 24)
	if p := be.Peak(); p < 2*stream || p > (2*stream+one)*9/8 { // an eighth is kept for reuse
		t.Errorf("%d bytes, want two streams of %d and a pass of %d at most", p, stream, one)
	}
	if tables := int64(4 * 24 * g.Config.HeadDim); be.Live() > tables {
		t.Errorf("%d bytes are not given back, the tables take %d", be.Live(), tables)
	}
}

// lateBroken is a backend whose device fails after three calls of Sync.
type lateBroken struct {
	backend.Backend
	calls *int
}

func (l lateBroken) Sync() error {
	if *l.calls++; *l.calls > 3 {
		return errLost
	}
	return nil
}

// Angles that depend on the length of a part are those of that part.
func TestWalkOfSeveralLengths(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range []string{"llama_dynamic", "phi3_longrope"} {
		g := goldentest.Open(t, family)
		long := g.Batch(t).Sequence(0).Parts(1)[0]
		short, err := transformer.NewBatch([][]int32{{1, 2, 3, 4, 5, 6}})
		if err != nil {
			t.Fatal(err)
		}
		w := transformer.NewStreamed(be, g.Weights)
		parts := []transformer.Batch{long, short, long}
		walk, err := transformer.New(be, g.Config).Walk(context.Background(), parts, w)
		if err != nil {
			t.Fatal(err)
		}
		got := walkAll(t, walk, nil, func(int) transformer.WeightSource { return w })
		walk.Close()
		for i, b := range parts {
			if _, p := watch(t, be, g, b, transformer.Unseen, 0); !slices.Equal(got[i].NLL, p.NLL) {
				t.Errorf("%s: part %d has other losses", family, i)
			}
		}
	}
}

func TestWalkEnds(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	be := newBackend(t, 2)
	parts := fiveRows(t, g).Parts(20)
	w := transformer.NewStreamed(be, g.Weights)
	ctx, cancel := context.WithCancel(context.Background())
	walk, err := transformer.New(be, g.Config).Walk(ctx, parts, w)
	if err != nil {
		t.Fatal(err)
	}
	defer walk.Close()
	walk.Next()
	if err := walk.Run(ctx, w, &refusing{*newWatcher(t, be, transformer.Forward), transformer.HeadsOut}); err != nil {
		t.Fatal(err)
	}
	walk.Next()
	if err := walk.Run(ctx, w, &refusing{*newWatcher(t, be, transformer.Forward), transformer.HeadsOut}); err != errRefused {
		t.Errorf("%v, want that of the tap", err)
	}
	lost, err := transformer.New(lateBroken{Backend: be, calls: new(int)}, g.Config).Walk(ctx, parts, w)
	if err != nil {
		t.Fatal(err)
	}
	defer lost.Close()
	for lost.Next() && lost.Layer() < 1 {
		if err := lost.Run(ctx, w, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := lost.Run(ctx, w, &refusing{*newWatcher(t, be, transformer.Forward), transformer.HeadsOut}); !errors.Is(err, errLost) {
		t.Errorf("%v, want the failure of the backend, which may be behind that of the tap", err)
	}
	cancel()
	if err := walk.Run(ctx, w, nil); err != context.Canceled {
		t.Errorf("%v, want context.Canceled", err)
	}
	if _, err := transformer.New(broken{be}, g.Config).Walk(context.Background(), parts, w); !errors.Is(err, errLost) {
		t.Errorf("%v, want that of the backend", err)
	}
}

// Parts hold the sequences in order, each with its tokens and no more padding than the
// longest asks for.
func TestParts(t *testing.T) {
	rows := [][]int32{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {1, 2}, {3, 4, 5}, {}, {6}}
	b, err := transformer.NewBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	var got [][2]int
	targets, lengths := 0, []int{}
	for _, p := range b.Parts(9) {
		got = append(got, [2]int{p.B, p.T})
		targets += p.Targets()
		lengths = append(lengths, p.Lengths()...)
	}
	if want := [][2]int{{1, 10}, {3, 3}, {1, 1}}; !slices.Equal(got, want) || targets != b.Targets() || !slices.Equal(lengths, b.Lengths()) {
		t.Errorf("parts %v with %d targets and lengths %v, want %v with %d and %v", got, targets, lengths, want, b.Targets(), b.Lengths())
	}
}

// A branch is the model that differs in one half of one layer, in its predictions' distance from the others' too:
// that of the logits of whole passes, in float64. What the others predict stays as it was.
func TestBranches(t *testing.T) {
	be, ctx := newBackend(t, 2), context.Background()
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		parts := fiveRows(t, g).Parts(20)
		plain := transformer.NewStreamed(be, g.Weights)
		under := func(kind model.Kind) transformer.WeightSource {
			return &scaledUnit{WeightSource: plain, be: be, dim: g.Config.Dim(1, kind), unit: 0, factor: 0.5}
		}
		walk, err := transformer.New(be, g.Config).Walk(ctx, parts, plain)
		if err != nil {
			t.Fatal(err)
		}
		branch := func(kind model.Kind) {
			for i := range parts {
				if err := walk.Branch(ctx, i, under(kind)); err != nil {
					t.Fatal(err)
				}
			}
		}
		seen := newWatchers(t, be, len(parts))
		for walk.Next() {
			if err := walk.Attend(ctx, plain, seen); err != nil {
				t.Fatal(err)
			}
			if walk.Layer() == 1 {
				branch(model.Heads)
			}
			if err := walk.MLP(ctx, plain, seen); err != nil {
				t.Fatal(err)
			}
			if walk.Layer() == 1 {
				branch(model.MLP)
			}
		}
		got, err := walk.Divergences(ctx, plain)
		if err != nil {
			t.Fatal(err)
		}
		p, err := walk.Predict(ctx, plain, nil)
		if err != nil {
			t.Fatal(err)
		}
		walk.Close()
		for i, b := range parts {
			if want, err := transformer.New(be, g.Config).NLL(ctx, b, plain); err != nil || !slices.Equal(p[i].NLL, want) {
				t.Errorf("%s, part %d: predictions beside branches differ, %v", family, i, err)
			}
			dense := logits(t, be, g.Config, b, plain)
			for k, kind := range []model.Kind{model.Heads, model.MLP} {
				want := divergence(b, dense, logits(t, be, g.Config, b, under(kind)))
				if v := got[k*len(parts)+i]; math.Abs(v-want) > 1e-5*(0.01+want) || want == 0 {
					t.Errorf("%s, part %d, %v: KL %g, want %g", family, i, kind, v, want)
				}
			}
		}
	}
}

// A branch without a layer is the model whose layer adds nothing to the residual stream: the weights by which it would are 0.
func TestBranchesWithoutLayers(t *testing.T) {
	be, ctx := newBackend(t, 2), context.Background()
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		parts := fiveRows(t, g).Parts(20)
		plain := transformer.NewStreamed(be, g.Weights)
		walk, err := transformer.New(be, g.Config).Walk(ctx, parts, plain)
		if err != nil {
			t.Fatal(err)
		}
		for walk.Next() {
			for i := range parts {
				walk.Without(i, plain)
			}
			if err := walk.Run(ctx, plain, nil); err != nil {
				t.Fatal(err)
			}
		}
		got, err := walk.Divergences(ctx, plain)
		if err != nil {
			t.Fatal(err)
		}
		walk.Close()
		for l := range g.Config.Layers {
			for i, b := range parts {
				want := divergence(b, logits(t, be, g.Config, b, plain), logits(t, be, g.Config, b, silent{plain, be, l}))
				if v := got[l*len(parts)+i]; math.Abs(v-want) > 1e-5*(0.01+want) || want == 0 {
					t.Errorf("%s, part %d, without layer %d: KL %g, want %g", family, i, l, v, want)
				}
			}
		}
	}
}

// silent is weights under which a layer adds nothing.
type silent struct {
	transformer.WeightSource
	be    backend.Backend
	layer int
}

func (s silent) Weight(p model.Param) (backend.Buffer, error) {
	b, err := s.WeightSource.Weight(p)
	if adds := model.RolesOf(model.O, model.OBias, model.Down, model.DownBias); err == nil && p.Layer == s.layer && adds.Has(p.Role) {
		s.be.Zero(b)
	}
	return b, err
}

func logits(t *testing.T, be backend.Backend, cfg *model.Config, b transformer.Batch, w transformer.WeightSource) (all []float32) {
	t.Helper()
	if err := transformer.New(be, cfg).Logits(context.Background(), b, w, func(rows []float32) error {
		all = append(all, rows...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// divergence is KL(p || q) of a batch's predictions, in nats a predicted token.
func divergence(b transformer.Batch, p, q []float32) (mean float64) {
	V := len(p) / (b.B * b.T)
	lse := func(x []float32) float64 {
		var sum float64
		for _, v := range x {
			sum += math.Exp(float64(v))
		}
		return math.Log(sum)
	}
	row := 0
	for s, n := range b.Lengths() {
		for row = s * b.T; row < s*b.T+n-1; row++ {
			x, y := p[row*V:(row+1)*V], q[row*V:(row+1)*V]
			a, c := lse(x), lse(y)
			for i, v := range x {
				mean += math.Exp(float64(v)-a) * (float64(v) - a - float64(y[i]) + c) / float64(b.Targets())
			}
		}
	}
	return mean
}
