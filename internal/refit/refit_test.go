package refit

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// rows are random tokens, of different lengths.
func rows(t *testing.T, vocab, n int, seed uint64) []transformer.Batch {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	var all [][]int32
	for range n {
		row := make([]int32, 12+rng.IntN(12))
		for i := range row {
			row[i] = int32(rng.IntN(vocab))
		}
		all = append(all, row)
	}
	b, err := transformer.NewBatch(all)
	if err != nil {
		t.Fatal(err)
	}
	return b.Parts(60)
}

// cutSome takes every third channel, and of attention, but in the first layer, the first unit.
func cutSome(cfg *model.Config) prune.Cut {
	c := prune.Cut{}
	for _, d := range cfg.Dims() {
		switch {
		case d.Kind == model.MLP:
			for u := 0; u < d.Units; u += 3 {
				c[d] = append(c[d], u)
			}
		case d.Kind != model.MLP && d.Layer != 0 && d.Units > d.Groups:
			for u := 0; u < d.Units; u += d.Units / d.Groups {
				c[d] = append(c[d], u)
			}
		}
	}
	return c
}

func newRefit(t *testing.T, g *goldentest.Golden, cfg *model.Config, threads int, dir string) *Refit {
	t.Helper()
	be, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	store, err := OpenStore(dir, "key")
	if err != nil {
		t.Fatal(err)
	}
	return &Refit{Cut: cutSome(cfg), Fitted: rows(t, cfg.VocabSize, 40, 1), HeldOut: rows(t, cfg.VocabSize, 10, 2), Damping: 0.01, Backend: be, Store: store}
}

func refitted(t *testing.T, r *Refit, m stage.Model) stage.Model {
	t.Helper()
	after, err := r.Run(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// inputs sums what enters a projection of one layer, in a pass over each part.
type inputs struct {
	be    backend.Backend
	layer int
	at    transformer.Site
	m     *moments
}

func (s *inputs) Sees(layer int, at transformer.Site) transformer.Sight {
	if layer == s.layer && at == s.at {
		return transformer.Forward
	}
	return transformer.Unseen
}

func (s *inputs) See(seen transformer.Seen) error {
	if s.m == nil {
		s.m = &moments{width: seen.Width, sums: make([]float64, seen.Width*seen.Width)}
	}
	for b := range seen.Lengths {
		x, _, n := seen.Sequence(b)
		host := make([]float32, x.Len())
		s.be.Download(host, x)
		for p := 1; p < n; p++ { // the first does not count
			row := host[p*seen.Width : (p+1)*seen.Width]
			s.m.tokens++
			for i, u := range row {
				for j, v := range row {
					s.m.sums[i*seen.Width+j] += float64(u) * float64(v)
				}
			}
		}
	}
	return nil
}

// Each projection is what a refit makes of its inputs in the model whose earlier projections are
// refitted already and cut, found by a whole pass: of heads and channels, with fewer KV
// heads, by query heads, with biases, norms of heads, fused files.
func TestRefitIsSequential(t *testing.T) {
	for _, name := range []string{"llama_mha", "llama_gqa_rope3", "qwen2_bias", "qwen3_qknorm", "phi3_fused", "gemma2_softcap", "query heads"} {
		t.Run(name, func(t *testing.T) {
			family := name
			if name == "query heads" {
				family = "llama_gqa_rope3"
			}
			g := goldentest.Open(t, family)
			cfg := g.Config
			if name == "query heads" {
				cfg = cfg.ByQueryHead()
			}
			r := newRefit(t, g, cfg, 2, t.TempDir())
			before := stage.Model{Config: cfg, Weights: g.Weights}
			after := refitted(t, r, before)
			got := transformer.NewStreamed(r.Backend, after.Weights)
			ps := r.Projections(cfg)
			if len(ps) < 3 {
				t.Fatalf("%d projections lose columns", len(ps))
			}
			for i, p := range ps {
				r.check(t, cfg, i, p, overlay{got, transformer.NewStreamed(r.Backend, before.Weights), ps[:i]}, before)
			}
		})
	}
}

// overlay serves some projections from one source, all else from another.
type overlay struct {
	refitted, plain transformer.WeightSource
	of              []Projection
}

func (o overlay) source(p model.Param) transformer.WeightSource {
	if slices.ContainsFunc(o.of, func(q Projection) bool { return q.Name == p.Name }) {
		return o.refitted
	}
	return o.plain
}

func (o overlay) Weight(p model.Param) (backend.Buffer, error) { return o.source(p).Weight(p) }

func (o overlay) Release(p model.Param, b backend.Buffer) { o.source(p).Release(p, b) }

func (r *Refit) check(t *testing.T, cfg *model.Config, i int, p Projection, w transformer.WeightSource, before stage.Model) {
	t.Helper()
	var sums [2]*moments
	for k, parts := range [][]transformer.Batch{r.Fitted, r.HeldOut} {
		at := map[model.Role]transformer.Site{model.O: transformer.HeadsOut, model.Down: transformer.Channels}[p.Role]
		tap := &inputs{be: r.Backend, layer: p.Layer, at: at}
		for _, b := range parts {
			if _, err := transformer.New(r.Backend, cfg).Pass(context.Background(), b, w, transformer.Watch{Tap: tap}); err != nil {
				t.Fatal(err)
			}
		}
		sums[k] = tap.m
	}
	var kept []int
	for j := range p.Axes[1].Size() {
		if !slices.Contains(p.gone, j) {
			kept = append(kept, j)
		}
	}
	dense, err := before.Weights.Read(p.Name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := solve(r.Backend, dense.Float32(), p.Axes[0].Size(), sums[0], sums[1], kept, p.gone, r.Damping, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Store.read(p.Name)
	if err != nil {
		t.Fatal(err)
	}
	var off, of float64
	for j, v := range got.Float32() {
		off, of = off+math.Pow(float64(v-want.weights[j]), 2), of+math.Pow(float64(want.weights[j]), 2)
	}
	if d := math.Sqrt(off / of); d > 1e-3 {
		t.Errorf("projection %d, %s: %g from the refit on its inputs in the model cut so far", i, p.Name, d)
	}
	if s := r.Store.sites[p.Name]; s.Now > s.Cut || s.Gone != len(p.gone) || math.Abs(s.Now-want.now) > 1e-3*want.now+1e-6 {
		t.Errorf("%s: the site says %+v, want an error of %g", p.Name, s, want.now)
	}
}

// The same bytes for every number of threads, and when a refit goes on from what one that was
// interrupted left.
func TestRefitIsReproducible(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	m := stage.Model{Config: g.Config, Weights: g.Weights}
	var want []byte
	for threads := range 3 {
		r := newRefit(t, g, g.Config, threads+1, t.TempDir())
		refitted(t, r, m)
		if got := contents(t, r); want == nil {
			want = got
		} else if string(got) != string(want) {
			t.Errorf("%d threads give other bytes", threads+1)
		}
	}
	dir := t.TempDir()
	r := newRefit(t, g, g.Config, 2, dir)
	ctx, cancel := context.WithCancel(context.Background())
	done := 0
	r.Done = func(Site) {
		if done++; done == 2 {
			cancel()
		}
	}
	if _, err := r.Run(ctx, m); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want context.Canceled", err)
	}
	again := newRefit(t, g, g.Config, 2, dir)
	if n := len(again.Store.sites); n != 2 {
		t.Fatalf("%d projections are kept, want 2", n)
	}
	refitted(t, again, m)
	if string(contents(t, again)) != string(want) {
		t.Error("continued, it gives other bytes")
	}
	if err := os.Truncate(again.Store.path(again.Projections(g.Config)[0].Name), 100); err != nil {
		t.Fatal(err)
	}
	damaged := newRefit(t, g, g.Config, 2, dir)
	refitted(t, damaged, m)
	if string(contents(t, damaged)) != string(want) {
		t.Error("continued from a file that was cut short, it gives other bytes")
	}
	other, err := OpenStore(dir, "of another refit")
	if err != nil || len(other.sites) != 0 {
		t.Errorf("%d projections of another refit are taken, %v", len(other.sites), err)
	}
	if err := other.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%v, want that the folder is gone", err)
	}
}

// contents are the bytes of all that a store holds.
func contents(t *testing.T, r *Refit) (all []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.Store.dir, "*"))
	if err != nil || len(files) != len(r.Store.sites) {
		t.Fatalf("%d files of %d projections, %v", len(files), len(r.Store.sites), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

// lost is a backend whose device fails while a projection is solved for.
type lost struct {
	backend.Backend
	solving bool
}

func (l *lost) Upload(b backend.Buffer, fill func(part []float32, lo int)) {
	l.solving = true
	l.Backend.Upload(b, fill)
}

var errLost = errors.New("device lost")

func (l *lost) Sync() error {
	if l.solving {
		return errLost
	}
	return nil
}

// What a failing device computed is not kept.
func TestRefitOnALostDevice(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	r := newRefit(t, g, g.Config, 1, t.TempDir())
	r.Backend = &lost{Backend: r.Backend}
	if _, err := r.Run(context.Background(), stage.Model{Config: g.Config, Weights: g.Weights}); !errors.Is(err, errLost) || len(r.Store.sites) > 0 {
		t.Errorf("%v, %d projections kept", err, len(r.Store.sites))
	}
}

// What loses nothing stays as it is, to the bit.
func TestRefitTouchesOnlyWhatIsCut(t *testing.T) {
	g := goldentest.Open(t, "qwen2_bias")
	r := newRefit(t, g, g.Config, 2, t.TempDir())
	after := refitted(t, r, stage.Model{Config: g.Config, Weights: g.Weights})
	touched := map[string]bool{}
	for _, p := range r.Projections(g.Config) {
		touched[p.Name] = true
	}
	for _, p := range g.Config.Params() {
		a, err := g.Weights.Read(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := after.Weights.Read(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if string(a.Data) == string(b.Data) == touched[p.Name] {
			t.Errorf("%s: touched is %v", p.Name, !touched[p.Name])
		}
	}
}
