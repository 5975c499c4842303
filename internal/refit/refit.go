// Package refit repairs a cut in closed form, layer after layer, on the inputs that the model cut so far makes:
// what is left of o and down is fitted to what they gave before, which adds no tensor, or what goes is made up
// for in the mean by their biases. Nothing is trained.
package refit

import (
	"context"
	"fmt"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/stage"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// Refit is the stage before a cut: the model it gives has other weights where columns of o and
// down go, with zeros in these, so that the cut then takes away what nothing depends on.
type Refit struct {
	Bias    bool                // fit nothing: biases get what the columns that go gave in the mean
	Cut     prune.Cut           // of the model that the stage is given
	Drop    prune.Drop          // instead: layers of it that go as a whole
	Fitted  []transformer.Batch // rows whose outputs are fitted
	HeldOut []transformer.Batch // rows that say how far
	Damping float64             // of the ridge, in mean squares of a projection's inputs
	Dense   float64             // how far outputs are led back to the dense model's residual stream, 0..1
	Backend backend.Backend
	Store   *Store
	Done    func(Site) // after each projection, may be nil
}

// Site is what a refit did to one projection.
type Site struct {
	Layer int     `json:"layer"`
	Param string  `json:"param"`
	Gone  int     `json:"gone"` // columns
	Cut   float64 `json:"error_cut"`
	Now   float64 `json:"error_refit"` // mean squared error of the outputs on held-out rows, of their mean square
	Step  float64 `json:"step"`        // of the way from the plain cut to the least squares solution
}

// half is one of the two parts of a layer: where what it multiplies last is seen, and by what.
type half struct {
	at   transformer.Site
	role model.Role
	run  func(*transformer.Walk, context.Context, transformer.WeightSource, transformer.Tap) error
}

var halves = []half{
	{transformer.HeadsOut, model.O, (*transformer.Walk).Attend},
	{transformer.Channels, model.Down, (*transformer.Walk).MLP},
}

// of is the one of these projections that ends the half of a layer, if any.
func (h half) of(ps []Projection, layer int) (Projection, bool) {
	at := slices.IndexFunc(ps, func(p Projection) bool { return p.Layer == layer && p.Role == h.role })
	if at < 0 {
		return Projection{}, false
	}
	return ps[at], true
}

// Projection is o or down of a layer, and the columns of it that go, maybe none.
type Projection struct {
	model.Param
	gone  []int
	gives model.Param // what the refit changes: the projection, or its bias
	ahead float64     // how far it is led back to the dense model's stream
}

// Projections are those that lose columns or stand before layers that go, and, led back to the dense model's stream, all behind the first of them.
func (r *Refit) Projections(cfg *model.Config) (ps []Projection) {
	for _, p := range cfg.Params() {
		if p.Role != model.O && p.Role != model.Down || r.goes(p.Layer) {
			continue
		}
		gives, some := p, true
		if r.Bias {
			gives, some = biasOf(cfg, p)
		}
		ahead := r.dense(cfg)
		bridge := p.Role == model.Down && r.goes(p.Layer+1) && !cfg.Features().Has(model.PostNorms)
		if bridge {
			ahead = 1
		}
		if gone := r.Cut.Columns(p); some && (bridge || len(gone) > 0 || ahead > 0 && (len(ps) > 0 || len(r.Drop) > 0 && p.Layer > r.Drop[0])) {
			ps = append(ps, Projection{p, gone, gives, ahead})
		}
	}
	return ps
}

// leads says whether the dense model runs beside.
func (r *Refit) leads(cfg *model.Config) bool { return r.dense(cfg) > 0 || len(r.Drop) > 0 }

// goes says whether a layer goes as a whole.
func (r *Refit) goes(layer int) bool { return slices.Contains(r.Drop, layer) }

// dense is how far outputs are led back to the dense model's stream: not at all where nothing is fitted, or a norm stands between
// a projection and the stream.
func (r *Refit) dense(cfg *model.Config) float64 {
	if r.Bias || cfg.Features().Has(model.PostNorms) {
		return 0
	}
	return r.Dense
}

// Run implements stage.Stage. What the store has of this refit already is not computed again.
func (r *Refit) Run(ctx context.Context, m stage.Model) (stage.Model, error) {
	ps := r.Projections(m.Config)
	if !r.Store.has(ps) {
		if err := r.walk(ctx, m, ps); err != nil {
			return m, err
		}
	}
	infos := make([]checkpoint.Info, len(ps))
	for i, p := range ps {
		infos[i] = checkpoint.Info{Name: p.gives.Name, DType: r.dtype(m, p), Shape: p.gives.Shape()}
	}
	weights, err := checkpoint.Override(m.Weights, infos, r.Store.read)
	m.Weights = weights
	return m, err
}

// dtype is the type of what is changed: the one it had, float32 for blocks.
func (r *Refit) dtype(m stage.Model, p Projection) tensor.DType {
	for _, info := range m.Weights.Tensors() {
		if info.Name == p.gives.Name && info.DType.Float() {
			return info.DType
		}
	}
	return tensor.F32
}

// walk refits layer after layer.
func (r *Refit) walk(ctx context.Context, m stage.Model, ps []Projection) error {
	stored := transformer.NewStreamed(r.Backend, m.Weights)
	walk, err := r.start(ctx, m.Config, stored)
	if err != nil {
		return err
	}
	defer walk.Close()
	var dense *transformer.Walk // the model as it was; nil: it is not asked for
	if r.leads(m.Config) {
		if dense, err = r.start(ctx, m.Config, stored); err != nil {
			return err
		}
		defer dense.Close()
		dense.Once = true
	}
	for walk.Next() {
		if r.goes(walk.Layer()) {
			if err := r.pass(ctx, dense, stored, walk.Layer()); err != nil {
				return err
			}
			continue
		}
		for _, h := range halves {
			if dense != nil {
				if err := r.lead(ctx, dense, stored, walk.Layer(), h); err != nil {
					return err
				}
			}
			if p, some := h.of(ps, walk.Layer()); some {
				err = r.half(ctx, m, walk, dense, stored, h, p)
			} else {
				err = h.run(walk, ctx, stored, nil)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// lead runs a half of a layer of the dense model, and behind its end the layers that go.
func (r *Refit) lead(ctx context.Context, dense *transformer.Walk, stored transformer.WeightSource, layer int, h half) error {
	if h.role == model.O {
		dense.Next()
	}
	if err := h.run(dense, ctx, stored, nil); err != nil || h.role == model.O {
		return err
	}
	for l := layer + 1; r.goes(l); l++ {
		if err := r.pass(ctx, dense, stored, l); err != nil {
			return err
		}
	}
	return nil
}

// pass runs a layer of the dense model that goes, unless it has run.
func (r *Refit) pass(ctx context.Context, dense *transformer.Walk, stored transformer.WeightSource, layer int) error {
	if dense.Layer() >= layer {
		return nil
	}
	dense.Next()
	return dense.Run(ctx, stored, nil)
}

func (r *Refit) start(ctx context.Context, cfg *model.Config, stored transformer.WeightSource) (*transformer.Walk, error) {
	return transformer.New(r.Backend, cfg).Walk(ctx, slices.Concat(r.Fitted, r.HeldOut), stored)
}

// half refits what ends a half of the walk's layer, and runs that half with it. The walk of the dense
// model, where there is one, has run it.
func (r *Refit) half(ctx context.Context, m stage.Model, walk, dense *transformer.Walk, stored transformer.WeightSource, h half, p Projection) error {
	if !r.Store.has([]Projection{p}) {
		find := r.findWeights
		if r.Bias {
			find = r.findBias
		}
		if err := find(ctx, m, walk, dense, stored, h, p); err != nil {
			return err
		}
	}
	if r.Done != nil {
		r.Done(r.Store.sites[p.gives.Name])
	}
	t, err := r.Store.read(p.gives.Name)
	if err != nil {
		return err
	}
	changed := r.Backend.New(p.gives.Len())
	defer r.Backend.Free(changed)
	r.Backend.UploadStored(changed, t)
	weights := replaced{stored, p.gives.Name, changed}
	if !r.Bias { // which leaves no column that goes
		return h.run(walk, ctx, weights, nil)
	}
	w, err := decoded(m, p.Param)
	if err != nil {
		return err
	}
	clearColumns(w, p)
	cut := upload(r.Backend, w)
	defer r.Backend.Free(cut)
	return h.run(walk, ctx, replaced{weights, p.Name, cut}, nil)
}

// findWeights runs a half, refits what ends it by what enters there, and keeps it.
func (r *Refit) findWeights(ctx context.Context, m stage.Model, walk, dense *transformer.Walk, stored transformer.WeightSource, h half, p Projection) error {
	tap := &momentTap{be: r.Backend, layer: p.Layer, at: h.at, heldOut: len(r.Fitted)}
	if dense != nil {
		tap.ahead = func(part int) backend.Buffer {
			return ahead(r.Backend, m.Config, dense.Stream(part), walk.Stream(part))
		}
	}
	if err := h.run(walk, ctx, stored, tap); err != nil {
		return err
	}
	f, err := r.solve(m, p, tap.sums[0], tap.sums[1], p.ahead)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return r.keep(m, p, Site{Cut: f.cut, Now: f.now, Step: f.step}, f.weights)
}

// ahead is what a projection would have to give more for the stream to be the dense model's.
func ahead(be backend.Backend, cfg *model.Config, dense, stream backend.Buffer) backend.Buffer {
	scale := float32(1)
	if s := cfg.ResidualScale; s != 0 {
		scale = 1 / s
	}
	e := be.New(stream.Len())
	be.Copy(e, dense)
	be.Axpby(e, -scale, stream, scale)
	return e
}

// keep keeps what was found for p.
func (r *Refit) keep(m stage.Model, p Projection, site Site, v []float32) error {
	if err := r.Backend.Sync(); err != nil { // what is kept must not be what a failure left
		return err
	}
	dtype := r.dtype(m, p)
	site.Layer, site.Param, site.Gone = p.Layer, p.gives.Name, len(p.gone)
	return r.Store.put(site, tensor.Tensor{DType: dtype, Shape: p.gives.Shape(), Data: tensor.Encode(dtype, v)})
}

// solve refits p by its inputs' moments.
func (r *Refit) solve(m stage.Model, p Projection, fitted, heldOut *moments, dense float64) (fit, error) {
	w, err := decoded(m, p.Param)
	if err != nil {
		return fit{}, err
	}
	var kept []int
	for j := range p.Axes[1].Size() {
		if _, gone := slices.BinarySearch(p.gone, j); !gone {
			kept = append(kept, j)
		}
	}
	return solve(r.Backend, w, p.Axes[0].Size(), fitted, heldOut, kept, p.gone, r.Damping, dense)
}

// decoded is a parameter of m.
func decoded(m stage.Model, p model.Param) ([]float32, error) {
	t, err := m.Weights.Read(p.Name)
	if err != nil {
		return nil, err
	}
	w := make([]float32, p.Len())
	t.Decode(w, 0)
	return w, nil
}

// replaced is a weight source with one weight in place of another.
type replaced struct {
	transformer.WeightSource
	name   string
	weight backend.Buffer
}

// Weight implements transformer.WeightSource.
func (r replaced) Weight(p model.Param) (backend.Buffer, error) {
	if p.Name == r.name {
		return r.weight, nil
	}
	return r.WeightSource.Weight(p)
}

// Release implements transformer.WeightSource.
func (r replaced) Release(p model.Param, b backend.Buffer) {
	if p.Name != r.name {
		r.WeightSource.Release(p, b)
	}
}
