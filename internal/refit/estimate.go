package refit

import (
	"context"
	"slices"

	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// Estimate implements stage.Stage: sizes stay. Memory is found by running the walk on a backend
// that counts, with what a projection's moments and their solution take beside it.
func (r *Refit) Estimate(c *model.Config) (stage.Estimate, error) {
	e := stage.Estimate{After: c}
	parts, rows := slices.Concat(r.Fitted, r.HeldOut), 0
	for _, b := range parts {
		rows += b.Rows()
	}
	be := dry.New()
	m := &memory{be: be, gone: map[site]int{}}
	for _, p := range r.Projections(c) {
		F, O, gone := float64(p.Axes[1].Size()), float64(p.Axes[0].Size()), float64(len(p.gone))
		e.FLOPs += 2*float64(rows)*F*F + 2*O*gone*(F-gone) + 6*O*F*F + solvingCost*((F-gone)*(F-gone)*(F-gone)/3+2*(F-gone)*(F-gone)*gone)
		m.gone[site{p.Layer, p.Role}] = len(p.gone)
	}
	for _, p := range c.Params() {
		if p.Projection() {
			e.FLOPs += 2 * 2 * float64(rows) * float64(p.Len())
		}
	}
	return e, m.walk(c, parts, &e)
}

// solvingCost is how many operations of the backend's products one of the solver takes the time of.
const solvingCost = 60

type site struct {
	layer int
	role  model.Role
}

// memory is a tap that takes the memory of a refit.
type memory struct {
	be   *dry.Backend
	gone map[site]int // columns, of the projections that lose some
}

var rolesAt = map[transformer.Site]model.Role{transformer.HeadsOut: model.O, transformer.Channels: model.Down}

// Sees implements transformer.Tap.
func (m *memory) Sees(layer int, at transformer.Site) transformer.Sight {
	if role, ok := rolesAt[at]; ok && m.gone[site{layer, role}] > 0 {
		return transformer.Forward
	}
	return transformer.Unseen
}

// See takes the memory of moments.add.
func (m *memory) See(s transformer.Seen) error {
	for _, n := range []int{s.X.Len(), s.Width * s.Width} {
		defer m.be.Free(m.be.New(n))
	}
	m.hold(momentBytes(s.Width))
	return nil
}

// hold has so many bytes beside buffers for a moment.
func (m *memory) hold(bytes int64) {
	m.be.Hold(bytes)
	m.be.Hold(-bytes)
}

// momentBytes are those of a projection's moments, fitted and held out.
func momentBytes(F int) int64 { return 2 * 8 * int64(F) * int64(F) }

// solvingBytes are those of solve for a projection [O, F]: the damped moments and their factors, what
// is solved for, weights and their parts, and the moments held out as float32 on both sides.
func solvingBytes(O, F, gone int) int64 {
	kept := int64(F - gone)
	return momentBytes(F) + 8*(2*kept*kept+2*kept*int64(gone)) + 4*kept*int64(gone) + 5*4*int64(O)*int64(F) + 2*4*int64(F)*int64(F)
}

func (m *memory) walk(c *model.Config, parts []transformer.Batch, e *stage.Estimate) error {
	ctx := context.Background()
	source := transformer.NewDry(m.be, checkpoint.Memory{})
	walk, err := transformer.New(m.be, c).Walk(ctx, parts, source)
	if err != nil {
		return err
	}
	defer walk.Close()
	for walk.Next() {
		for _, h := range halves {
			if err := h.run(walk, ctx, source, m); err != nil {
				return err
			}
			for _, p := range c.LayerParams(walk.Layer()) {
				if gone := m.gone[site{p.Layer, p.Role}]; gone > 0 && p.Role == h.role {
					m.hold(solvingBytes(p.Axes[0].Size(), p.Axes[1].Size(), gone))
				}
			}
		}
	}
	e.Bytes = m.be.Peak()
	return nil
}
