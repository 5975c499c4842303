package prune

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"moreau/internal/model"
	"moreau/internal/stage"
)

// Plan is a budget and the units that go for it.
type Plan struct {
	Budget Budget
	Before *model.Config
	After  *model.Config
	Pruned Cut
}

// NewPlan picks the lowest-scored units the budget asks for, ties by lower
// index. With nil scores only the counts mean anything (a dry run without
// calibration): the first units are named.
func NewPlan(cfg *model.Config, scores map[model.Dim][]float64, b Budget) (*Plan, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	b.Kinds = b.kinds(cfg)
	count := b
	if b.Selection != Local { // which aligns what it picks: counts need not be aligned twice
		count.Align = 0
	}
	cut := count.byLayerRatio(cfg)
	if b.LayerRatio == 0 {
		var err error
		if cut, err = count.byParams(cfg); err != nil {
			return nil, err
		}
	}
	if scores == nil {
		scores = flat(cut)
	} else if err := covered(cut, scores); err != nil {
		return nil, err
	}
	pick := pickLocal
	if b.Selection != Local {
		pick = pickGlobal
	}
	p := &Plan{Budget: b, Before: cfg, Pruned: pick(cfg, cut, scores, b)}
	e, err := p.Pruned.Estimate(cfg)
	if err != nil {
		return nil, err
	}
	p.After = e.After
	if p.Removed() == 0 {
		return nil, fmt.Errorf("%w: the ratio is too small to cut a single unit; raise it", ErrBudget)
	}
	if b.LayerRatio == 0 && p.Removed() < b.target(cfg) {
		return nil, b.unreachable(cfg, b.candidates(cfg, cfg.AttentionKind()), b.candidates(cfg, model.MLP))
	}
	return p, nil
}

// Removed is the number of parameters that go.
func (p *Plan) Removed() int64 { return p.Before.ParamCount() - p.After.ParamCount() }

// Kept lists the units of d that stay, ascending.
func (p *Plan) Kept(d model.Dim) []int { return p.Pruned.Kept(d) }

// Estimate implements stage.Stage.
func (p *Plan) Estimate(c *model.Config) (stage.Estimate, error) { return p.Pruned.Estimate(c) }

// Run implements stage.Stage.
func (p *Plan) Run(ctx context.Context, m stage.Model) (stage.Model, error) {
	return p.Pruned.Run(ctx, m)
}

// flat gives every unit the same score.
func flat(cut counts) map[model.Dim][]float64 {
	s := map[model.Dim][]float64{}
	for d := range cut {
		s[d] = make([]float64, d.Units)
	}
	return s
}

func covered(cut counts, scores map[model.Dim][]float64) error {
	var missing []string
	for d, n := range cut {
		if n > 0 && len(scores[d]) != d.Units {
			missing = append(missing, d.String())
		}
	}
	if missing == nil {
		return nil
	}
	sort.Strings(missing)
	return fmt.Errorf("%w for %s; score all layers that are to be cut, or narrow --layers", ErrScores, strings.Join(missing, ", "))
}

// ascending orders the units of d by score, ties by index. Where they stand in
// groups, the lowest of each group come first, then the second of each, and so on:
// any prefix of whole ranks takes as many of each group.
func ascending(d model.Dim, scores []float64) []int {
	order, size := make([]int, d.Units), d.Units/d.Groups
	for g := range d.Groups {
		units := make([]int, size)
		for i := range units {
			units[i] = g*size + i
		}
		sort.SliceStable(units, func(i, j int) bool { return scores[units[i]] < scores[units[j]] })
		for rank, u := range units {
			order[rank*d.Groups+g] = u
		}
	}
	return order
}

// pickLocal takes the weakest units of each dimension.
func pickLocal(_ *model.Config, cut counts, scores map[model.Dim][]float64, _ Budget) Cut {
	pruned := Cut{}
	for d, n := range cut {
		if n > 0 {
			units := ascending(d, scores[d])[:n]
			sort.Ints(units)
			pruned[d] = units
		}
	}
	return pruned
}

// group is one candidate of the global ranking: units of a dimension that go
// together, so that what stays is aligned: channels, or a query head of every KV group.
type group struct {
	dim   model.Dim
	units []int
	score float64 // mean; under Global relative to that of the dimension
}

// pickGlobal removes as many parameters as the local counts would, of each kind (Global) or of all
// together (Threshold), from wherever scores are lowest.
func pickGlobal(cfg *model.Config, cut counts, scores map[model.Dim][]float64, b Budget) Cut {
	pruned := Cut{}
	var competing [][]model.Dim
	for _, k := range b.Kinds {
		competing = append(competing, b.candidates(cfg, k))
	}
	if b.Selection == Threshold {
		competing = [][]model.Dim{slices.Concat(competing...)}
	}
	for _, dims := range competing {
		var target int64
		cost := map[model.Dim]int64{}
		for _, d := range dims {
			cost[d] = cfg.UnitParams(d)
			target += cost[d] * int64(cut[d])
		}
		for _, g := range b.ranked(dims, scores) {
			if target <= 0 {
				break
			}
			pruned[g.dim] = append(pruned[g.dim], g.units...)
			target -= cost[g.dim] * int64(len(g.units))
		}
	}
	for _, units := range pruned {
		sort.Ints(units)
	}
	return pruned
}

// mean of scores, 1 where all are 0 and stay so.
func mean(scores []float64) (m float64) {
	for _, s := range scores {
		m += s / float64(len(scores))
	}
	if m == 0 {
		return 1
	}
	return m
}

// ranked lists what may go, lowest scores first: of each dimension its units in
// ascending order, one by one or as many as keep the rest aligned.
func (b Budget) ranked(dims []model.Dim, scores map[model.Dim][]float64) []group {
	var all []group
	for _, d := range dims {
		unit := 1. // in which scores compare
		if b.Selection == Global {
			unit = mean(scores[d])
		}
		order := ascending(d, scores[d])
		for done := 0; done < b.mostCut(d); {
			next := min(b.aligned(d, done+1), b.mostCut(d))
			g := group{dim: d, units: order[done:next:next]}
			for _, u := range g.units {
				g.score += scores[d][u] / unit / float64(len(g.units))
			}
			all, done = append(all, g), next
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].score < all[j].score })
	return all
}
