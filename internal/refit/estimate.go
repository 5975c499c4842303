package refit

import (
	"context"
	"slices"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// Estimate implements stage.Stage: sizes stay. Memory is found by running the walk on a backend
// that counts, with what a projection's moments and their solution take beside it.
func (r *Refit) Estimate(c *model.Config) (stage.Estimate, error) {
	e := stage.Estimate{After: c, FLOPs: r.fittingFLOPs(c)}
	rows, dense := float64(tokens(r.Fitted)+tokens(r.HeldOut)), r.leads(c)
	forward := 2 * rows * projected(c, 0)
	e.FLOPs += 2 * forward // halves are run again
	if dense {
		e.FLOPs += forward
	}
	m := r.memory(c)
	return e, m.run(c, slices.Concat(r.Fitted, r.HeldOut), &e, dense, nil)
}

// EstimateAlone is what Alone takes.
func (r *Refit) EstimateAlone(c *model.Config) (stage.Estimate, error) {
	e := stage.Estimate{After: c, FLOPs: r.fittingFLOPs(c)}
	held := float64(tokens(r.HeldOut))
	e.FLOPs += 2 * (float64(tokens(r.Fitted)) + held) * projected(c, 0)
	for _, p := range r.Projections(c) {
		e.FLOPs += 2 * held * (projected(c, p.Layer) + float64(c.VocabSize)*float64(c.HiddenSize))
	}
	return e, r.memory(c).run(c, slices.Concat(r.Fitted, r.HeldOut), &e, false, r.HeldOut)
}

// fittingFLOPs are those of moments and solutions.
func (r *Refit) fittingFLOPs(c *model.Config) (flops float64) {
	rows := float64(tokens(r.Fitted) + tokens(r.HeldOut))
	for _, p := range r.Projections(c) {
		F, O, gone := float64(p.Axes[1].Size()), float64(p.Axes[0].Size()), float64(len(p.gone))
		if r.Bias {
			flops += 3*rows*F + 2*O*gone
			continue
		}
		kept, solved := F-gone, gone
		if p.ahead > 0 {
			flops += 2 * rows * F * O
			solved += O
		}
		flops += 2*rows*F*F + 2*O*gone*kept + 6*O*F*F + solvingCost*(kept*kept*kept/3+2*kept*kept*solved)
	}
	return flops
}

func tokens(parts []transformer.Batch) (n int) {
	for _, b := range parts {
		n += b.Rows()
	}
	return n
}

// projected are the parameters of the projections from a layer on.
func projected(c *model.Config, layer int) (n float64) {
	for _, p := range c.Params() {
		if p.Projection() && p.Layer >= layer {
			n += float64(p.Len())
		}
	}
	return n
}

// solvingCost is how many operations of the backend's products one of the solver takes the time of.
const solvingCost = 60

type site struct {
	layer int
	role  model.Role
}

// memory is a tap that takes the memory of a refit.
type memory struct {
	be    *dry.Backend
	sums  map[site]int64 // bytes of the moments of each site that is refitted
	held  map[site]int64 // and of solving there
	means bool           // are all that is summed up
	out   int            // outputs of a projection where e is asked for, else 0
}

func (r *Refit) memory(c *model.Config) *memory {
	m := &memory{be: dry.New(), means: r.Bias, sums: map[site]int64{}, held: map[site]int64{}}
	if r.leads(c) {
		m.out = c.HiddenSize
	}
	for _, p := range r.Projections(c) {
		at, O, F := site{p.Layer, p.Role}, p.Axes[0].Size(), p.Axes[1].Size()
		if r.Bias { // sums, and the weights read, cut and decoded
			m.sums[at], m.held[at] = 2*8*int64(F), 3*4*int64(O)*int64(F)
			continue
		}
		m.sums[at] = momentBytes(F, m.out)
		m.held[at] = solvingBytes(O, F, len(p.gone), m.out)
	}
	return m
}

var rolesAt = map[transformer.Site]model.Role{transformer.HeadsOut: model.O, transformer.Channels: model.Down}

// Sees implements transformer.Tap.
func (m *memory) Sees(layer int, at transformer.Site) transformer.Sight {
	if role, ok := rolesAt[at]; ok && m.sums[site{layer, role}] > 0 {
		return transformer.Forward
	}
	return transformer.Unseen
}

// See takes the memory of moments.add, and of addAhead, or of a meanTap.
func (m *memory) See(s transformer.Seen) error {
	m.hold(m.sums[site{s.Layer, rolesAt[s.Site]}])
	buffers := [][]int{{s.X.Len(), s.Width * s.Width}}
	if m.means {
		buffers = [][]int{{s.X.Len()}}
	}
	if N := len(s.Lengths) * s.T; m.out > 0 {
		buffers = append(buffers, []int{N * m.out, N * m.out, m.out * s.Width})
	}
	for _, sizes := range buffers {
		var held []backend.Buffer
		for _, n := range sizes {
			held = append(held, m.be.New(n))
		}
		for _, b := range held {
			m.be.Free(b)
		}
	}
	return nil
}

// hold has so many bytes beside buffers for a moment.
func (m *memory) hold(bytes int64) {
	m.be.Hold(bytes)
	m.be.Hold(-bytes)
}

// momentBytes are those of a projection's moments, fitted and held out; out is 0 where e is not asked for.
func momentBytes(F, out int) int64 { return 2 * 8 * int64(F) * int64(F+out) }

// solvingBytes are those of solve for a projection [O, F]: the damped moments and their factors, what
// is solved for, weights and their parts, and the moments held out as float32 on both sides.
func solvingBytes(O, F, gone, out int) int64 {
	kept := int64(F - gone)
	solved := int64(max(gone, out))
	return momentBytes(F, out) + 8*(2*kept*kept+2*kept*solved) + 4*kept*int64(gone+out) + 5*4*int64(O)*int64(F) + 2*4*int64(F)*int64(F)
}

// run walks the parts, beside a walk of the dense model if asked for, with branches of those of some parts at the end behind each projection
// if there are any.
func (m *memory) run(c *model.Config, parts []transformer.Batch, e *stage.Estimate, dense bool, branched []transformer.Batch) error {
	ctx, source := context.Background(), transformer.NewDry(m.be, checkpoint.Memory{})
	walk, err := transformer.New(m.be, c).Walk(ctx, parts, source)
	if err != nil {
		return err
	}
	defer walk.Close()
	if dense { // which runs before the other, and gives its activations back
		other, err := transformer.New(m.be, c).Walk(ctx, parts, source)
		if err != nil {
			return err
		}
		defer other.Close()
		other.Once = true
		other.Next()
		if err := other.Run(ctx, source, nil); err != nil {
			return err
		}
	}
	for walk.Next() {
		for _, h := range halves {
			if err := h.run(walk, ctx, source, m); err != nil {
				return err
			}
			bytes := m.held[site{walk.Layer(), h.role}]
			m.hold(bytes)
			for i := range branched {
				if bytes == 0 {
					break
				}
				if err := walk.Branch(ctx, len(parts)-len(branched)+i, source); err != nil {
					return err
				}
			}
		}
	}
	if branched != nil {
		if _, err := walk.Divergences(ctx, source); err != nil {
			return err
		}
	}
	e.Bytes = m.be.Peak()
	return nil
}
