package transformer_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// watcher keeps what it sees, one sight for all sites, and fails on what it sees twice.
type watcher struct {
	t     *testing.T
	be    backend.Backend
	sight transformer.Sight
	x, dx map[string][]float32
	seen  map[string]transformer.Seen
}

func newWatcher(t *testing.T, be backend.Backend, sight transformer.Sight) *watcher {
	return &watcher{t: t, be: be, sight: sight, x: map[string][]float32{}, dx: map[string][]float32{}, seen: map[string]transformer.Seen{}}
}

func at(layer int, site transformer.Site) string { return fmt.Sprintf("%d/%d", layer, site) }

func (w *watcher) Sees(int, transformer.Site) transformer.Sight { return w.sight }

func (w *watcher) See(s transformer.Seen) error {
	key := at(s.Layer, s.Site)
	if w.x[key] != nil || (s.DX != nil) != (w.sight == transformer.WithGradient) {
		w.t.Errorf("%s seen twice, or gradient %v", key, s.DX)
	}
	w.x[key], w.seen[key] = goldentest.Host(w.be, s.X), s
	if s.DX != nil {
		w.dx[key] = goldentest.Host(w.be, s.DX)
	}
	return nil
}

// rows are those of sequence b of a site that count.
func (w *watcher) rows(key string, b int) []float32 {
	s := w.seen[key]
	return w.x[key][b*s.T*s.Width:][:s.Lengths[b]*s.Width]
}

func watch(t *testing.T, be backend.Backend, g *goldentest.Golden, b transformer.Batch, sight transformer.Sight, keep int64) (*watcher, transformer.Predictions) {
	t.Helper()
	w, tr := newWatcher(t, be, sight), transformer.New(be, g.Config)
	tr.KeepBytes = keep
	p, err := tr.Pass(context.Background(), b, transformer.NewStreamed(be, g.Weights), transformer.Watch{Tap: w})
	if err != nil {
		t.Fatal(err)
	}
	return w, p
}

// Each site is seen once a pass, by the same values forward and backward, whether the
// backward pass computes them again or not.
func TestEachSiteIsSeenOnce(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_gqa_rope3")
	want, p := watch(t, be, g, g.Batch(t), transformer.Forward, 0)
	if n := 5*len(g.Config.Layers) + 1; len(want.x) != n {
		t.Errorf("%d sites seen, want %d", len(want.x), n)
	}
	for _, keep := range []int64{0, 300 << 10, 1 << 30} {
		got, q := watch(t, be, g, g.Batch(t), transformer.WithGradient, keep)
		for key := range want.x {
			if !slices.Equal(got.x[key], want.x[key]) || len(got.dx[key]) != len(want.x[key]) {
				t.Errorf("keeping %d bytes: %s differs", keep, key)
			}
		}
		if !slices.Equal(p.NLL, q.NLL) {
			t.Error("the losses of a pass with gradients differ")
		}
	}
}

// The rows that count are those of the sequence alone; the lengths are the batch's.
func TestPaddingIsNotSeen(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_gqa_rope3")
	rows := [][]int32{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {20, 21, 22, 23, 24, 25}, {30}}
	b, err := transformer.NewBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := watch(t, be, g, b, transformer.Forward, 0)
	for i, row := range rows {
		one, err := transformer.NewBatch([][]int32{row})
		if err != nil {
			t.Fatal(err)
		}
		alone, _ := watch(t, be, g, one, transformer.Forward, 0)
		for key := range all.x {
			if e := goldentest.RelL2(all.rows(key, i), alone.rows(key, 0)); !(e <= 1e-5) {
				t.Errorf("sequence %d, %s: relative L2 error %g > 1e-5", i, key, e)
			}
			seen := all.seen[key]
			seen.X, seen.DX = be.New(len(all.x[key])), be.New(len(all.x[key])) // those of the pass are freed
			if x, dx, n := seen.Sequence(i); n != len(row) || x.Len() != n*seen.Width || dx.Len() != x.Len() {
				t.Errorf("sequence %d, %s: %d rows of %d values, want %d", i, key, n, x.Len(), len(row))
			}
		}
	}
}

// What a norm gives, times its gradient, summed by column, is the norm's weight times that
// weight's gradient, which is PyTorch's; the gradients of the stream that enters layer 0
// are those of the embedding's rows.
func TestGoldenGradientsOfSites(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_mha")
	w, _ := watch(t, be, g, g.Batch(t), transformer.WithGradient, 0)
	for _, p := range g.Config.Params() {
		site, ok := map[model.Role]transformer.Site{model.AttnNorm: transformer.AttnIn, model.MLPNorm: transformer.MLPIn}[p.Role]
		if !ok {
			continue
		}
		got, want := make([]float64, p.Len()), g.Float32(t, "grad."+p.Name)
		for i, v := range w.x[at(p.Layer, site)] {
			got[i%p.Len()] += float64(v) * float64(w.dx[at(p.Layer, site)][i])
		}
		stored, err := g.Weights.Read(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range stored.Float32() {
			want[i] *= v
		}
		if e := goldentest.RelL2(narrow(got), want); !(e <= 1e-4) {
			t.Errorf("%s: relative L2 error %g > 1e-4", p.Name, e)
		}
	}
	e := g.Config.Params()[0]
	table, dx := make([]float64, e.Len()), w.dx[at(0, transformer.Residual)]
	for n, id := range goldenIDs(t, g) {
		for c := range g.Config.HiddenSize {
			table[int(id)*g.Config.HiddenSize+c] += float64(dx[n*g.Config.HiddenSize+c])
		}
	}
	if e := goldentest.RelL2(narrow(table), g.Float32(t, "grad."+e.Name)); !(e <= 1e-4) {
		t.Errorf("the stream that enters layer 0: relative L2 error %g > 1e-4", e)
	}
}

func goldenIDs(t *testing.T, g *goldentest.Golden) []int64 {
	t.Helper()
	x, err := g.Expect.Read("ids")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := x.Ints()
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Best is the entry of the greatest golden logit, -1 where no token follows.
func TestGoldenBest(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_gqa_rope3")
	_, p := watch(t, be, g, g.Batch(t), transformer.Unseen, 0)
	logits, V, T := g.Float32(t, "logits"), g.Config.VocabSize, g.Batch(t).T
	for n, got := range p.Best {
		row := logits[n*V : (n+1)*V]
		want := slices.Index(row, slices.Max(row))
		if n%T == T-1 {
			want = -1
		}
		if int(got) != want {
			t.Errorf("position %d: %d, want %d", n, got, want)
		}
	}
}

// The losses and gradients of the parts of a batch add up to its own.
func TestPartsAddUp(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_gqa_rope3")
	b := g.Batch(t)
	grads := func(b transformer.Batch) (float64, map[string][]float32) {
		sink := &collect{be: be, grads: map[string][]float32{}}
		loss, err := transformer.New(be, g.Config).LossAndGrad(context.Background(), b, transformer.NewStreamed(be, g.Weights), sink)
		if err != nil {
			t.Fatal(err)
		}
		return loss, sink.grads
	}
	want, all := grads(b)
	var loss float64
	sums := map[string][]float32{}
	for i := range b.B {
		l, part := grads(b.Sequence(i).PartOf(b.Targets()))
		loss += l
		for name, x := range part {
			if sums[name] == nil {
				sums[name] = make([]float32, len(x))
			}
			for j, v := range x {
				sums[name][j] += v
			}
		}
	}
	if math.Abs(loss-want) > 1e-6*want {
		t.Errorf("the losses of the parts add up to %g, want %g", loss, want)
	}
	for name, x := range all {
		if e := goldentest.RelL2(sums[name], x); !(e <= 1e-5) {
			t.Errorf("%s: relative L2 error %g > 1e-5", name, e)
		}
	}
}

// refusing is a tap that fails at one site.
type refusing struct {
	watcher
	from transformer.Site
}

func (r *refusing) See(s transformer.Seen) error {
	if s.Layer == 1 && s.Site == r.from {
		return errRefused
	}
	return nil
}

var errRefused = errors.New("refused")

// An error of the tap ends the pass, which frees what it holds.
func TestTapFails(t *testing.T) {
	be, g := newBackend(t, 2), goldentest.Open(t, "llama_mha")
	for _, sight := range []transformer.Sight{transformer.Forward, transformer.WithGradient} {
		for _, site := range []transformer.Site{transformer.Residual, transformer.AttnIn, transformer.HeadsOut, transformer.MLPIn, transformer.Channels} {
			tap := &refusing{*newWatcher(t, be, sight), site}
			_, err := transformer.New(be, g.Config).Pass(context.Background(), g.Batch(t), transformer.NewStreamed(be, g.Weights), transformer.Watch{Tap: tap})
			if err != errRefused {
				t.Errorf("site %d: %v, want that of the tap", site, err)
			}
		}
	}
}

// broken is a backend whose device failed.
type broken struct{ backend.Backend }

var errLost = errors.New("device lost")

func (broken) Sync() error { return errLost }

// The failure of the backend is that of the pass, whatever the pass gave away.
func TestBackendFails(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	be := broken{newBackend(t, 2)}
	tr, w, ctx := transformer.New(be, g.Config), transformer.NewStreamed(be, g.Weights), context.Background()
	if _, err := tr.Loss(ctx, g.Batch(t), w); !errors.Is(err, errLost) {
		t.Errorf("Loss: %v", err)
	}
	if _, err := tr.LossAndGrad(ctx, g.Batch(t), w, discard{}); !errors.Is(err, errLost) {
		t.Errorf("LossAndGrad: %v", err)
	}
	if err := tr.Logits(ctx, g.Batch(t), w, func([]float32) error { return errRefused }); !errors.Is(err, errLost) {
		t.Errorf("Logits: %v", err)
	}
	s := tr.NewSession(w, 4)
	defer s.Close()
	if _, err := s.Append(ctx, []int32{1}); !errors.Is(err, errLost) {
		t.Errorf("Append: %v", err)
	}
}
