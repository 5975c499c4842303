// Package prune decides what goes and makes the pruned model: scores and a budget give
// a Plan, the units that are cut; Drop is whole layers. Both are stages: with a
// model they give a model (a lazy view). What the plan says is what every writer writes.
package prune

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"moreau/internal/model"
)

// ErrBudget marks a budget that is out of range or cannot be reached.
var ErrBudget = errors.New("budget")

// ErrScores marks scores that do not cover what is to be cut.
var ErrScores = errors.New("there are no scores")

// Selection says which units compete with each other.
type Selection string

const (
	// Local ranks the units of each layer and kind; every layer of the range
	// loses the same number, or one step fewer so that the budget is met closely.
	Local Selection = "local"
	// Global ranks all units of a kind together, each score divided by the mean
	// of its layer and kind.
	Global Selection = "global"
	// Threshold ranks all units of all kinds together, by their scores as they are.
	Threshold Selection = "threshold"
)

// Budget is how much to cut, and where.
type Budget struct {
	Ratio      float64 // share of all parameters, 0..1, those of Dropped among them; or
	LayerRatio float64 // share of the units of each layer in range; or
	Params     int64   // most parameters that stay
	Dropped    int64   // parameters of the layers that went before
	Uniform    bool    // all layers lose the same, even where fewer units make up the ratio or number
	Align      int     // channels that stay in a layer that loses some are a multiple; 0: any
	Layers     model.Range
	Kinds      []model.Kind // nil: channels alone up to a point, then all
	Selection  Selection
	Shares     []float64 // how many channels each layer of the model loses, beside the others; nil: as many
}

// SharesOf says how many channels each layer loses beside the others, if cutting all of them alike costs so much each (any
// measure above 0, of the layers that may lose some): in proportion to 1/cost. That is the least total cost, were the cost of
// a layer to grow with the square of what it loses. Alone it grows slower, nearly in proportion; but what
// is cut in neighbouring layers adds up, and 1/sqrt(cost) was measured to lose (docs/results.md).
func SharesOf(costs map[int]float64, layers int) []float64 {
	shares, sum := make([]float64, layers), 0.
	for l, c := range costs {
		shares[l] = 1 / max(c, leastCost)
	}
	for _, s := range shares {
		sum += s
	}
	for l := range shares {
		shares[l] *= float64(len(costs)) / sum
	}
	return shares
}

// leastCost bounds what a layer can lose beside others that cost more than nothing.
const leastCost = 1e-6

// mostShared is the largest part of its channels that a layer loses by its share. Costs are measured of cuts of one layer: they say
// nothing of one that is left without.
const mostShared = 0.9

// counts is how many units each dimension loses (Local), or all dimensions of
// a kind (Global), or of all kinds (Threshold), together.
type counts map[model.Dim]int

// check refuses budgets that mean nothing.
func (b Budget) check() error {
	given := 0
	for _, v := range []float64{b.Ratio, b.LayerRatio, float64(b.Params)} {
		if v > 0 {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("%w: give either a ratio, a layer ratio or a number of parameters, above 0", ErrBudget)
	}
	if r := b.Ratio + b.LayerRatio; !(r >= 0 && r < 1) {
		return fmt.Errorf("%w: ratio %g is out of range, want more than 0 and less than 1", ErrBudget, r)
	}
	if b.Align < 0 {
		return fmt.Errorf("%w: alignment %d, want 0 or more", ErrBudget, b.Align)
	}
	if b.Selection != Local && b.Selection != Global && b.Selection != Threshold {
		return fmt.Errorf("%w: selection %q is not known, known are %s, %s, %s", ErrBudget, b.Selection, Local, Global, Threshold)
	}
	return nil
}

// candidates are the dimensions that may lose units.
func (b Budget) candidates(cfg *model.Config, kind model.Kind) []model.Dim {
	var dims []model.Dim
	for _, k := range b.Kinds {
		for l := b.Layers.First; k == kind && l <= b.Layers.Last; l++ {
			dims = append(dims, cfg.Dim(l, k))
		}
	}
	return dims
}

// share is how many of a dimension's units a ratio cuts. The published code
// counts rows of q_proj and rounds down to whole heads: heads lose
// (rows - floor(rows·(1-ratio))) / rows per unit; channels n - floor(n·(1-ratio)).
// Query heads round down to as many of every KV group.
func share(cfg *model.Config, d model.Dim, ratio float64) int {
	width := 1
	if d.Kind != model.MLP {
		width = cfg.Layers[d.Layer].Heads / d.Units * cfg.HeadDim
	}
	rows := d.Units * width
	return min(d.Units-d.Groups, (rows-int(float64(rows)*(1-ratio)))/(width*d.Groups)*d.Groups)
}

// byLayerRatio applies one ratio to every candidate.
func (b Budget) byLayerRatio(cfg *model.Config) counts {
	cut := counts{}
	for _, k := range b.Kinds {
		for _, d := range b.candidates(cfg, k) {
			cut[d] = b.aligned(d, share(cfg, d, b.LayerRatio))
		}
	}
	return cut
}

// aligned is n units of d to cut, or the few more that leave a multiple; a layer of
// less than that loses what it may.
func (b Budget) aligned(d model.Dim, n int) int {
	if n <= 0 {
		return n
	}
	multiple := b.multiple(d)
	if left := (d.Units - n) / multiple * multiple; left > 0 {
		return d.Units - left
	}
	return b.mostCut(d)
}

// mostCut is how many units d can lose: one stays, or a multiple.
func (b Budget) mostCut(d model.Dim) int { return max(0, d.Units-b.multiple(d)) }

// multiple is what the units that stay of d are a multiple of: Align channels, one
// query head of every KV group.
func (b Budget) multiple(d model.Dim) int {
	if d.Kind == model.MLP {
		return max(1, b.Align)
	}
	return d.Groups
}

// channelsAlone is the largest share of the channels in range that goes before attention loses anything, where
// no kinds are named: SmolLM2 refitted is the better for it up to two thirds of them at least (docs/results.md).
const channelsAlone = 0.75

// kinds are those that are named, or else what the budget asks for.
func (b Budget) kinds(cfg *model.Config) []model.Kind {
	switch {
	case b.Kinds != nil:
		return b.Kinds
	case b.LayerRatio > 0 || b.Selection == Threshold:
		return cfg.Kinds()
	}
	b.Kinds = []model.Kind{model.MLP}
	if channels := b.candidates(cfg, model.MLP); float64(b.target(cfg)) <= channelsAlone*float64(params(cfg, channels)) {
		return b.Kinds
	}
	return cfg.Kinds()
}

// target is how many parameters are to go, beside those of layers that went before.
func (b Budget) target(cfg *model.Config) int64 {
	if b.Params > 0 {
		return cfg.ParamCount() - b.Params
	}
	return int64(math.Ceil(b.Ratio*float64(cfg.ParamCount()+b.Dropped))) - b.Dropped
}

// byParams finds the fewest units whose removal takes the target's parameters: the same ratio for heads and channels, heads rounded down as
// above, channels making up the rest; more heads only when channels run out.
func (b Budget) byParams(cfg *model.Config) (counts, error) {
	target := b.target(cfg)
	if target <= 0 {
		return nil, b.reached(cfg)
	}
	heads, channels := b.candidates(cfg, cfg.AttentionKind()), b.candidates(cfg, model.MLP)
	ratio := float64(target) / float64(params(cfg, heads)+params(cfg, channels))
	if ratio >= 1 {
		return nil, b.unreachable(cfg, heads, channels)
	}
	for extra := 0; ; extra++ {
		cut, more := counts{}, false
		for _, d := range heads {
			n := min(b.mostCut(d), share(cfg, d, ratio)+extra*d.Groups)
			more = more || n < b.mostCut(d)
			cut[d] = n
		}
		if b.fill(cfg, cut, channels, target) {
			if extra > 0 {
				b.giveBack(cfg, cut, heads, target)
			}
			b.giveBack(cfg, cut, channels, target)
			return cut, nil
		}
		switch {
		case more:
		case b.Shares != nil: // bounded as they are they do not reach that far
			b.Shares, extra = nil, -1
		default:
			return nil, b.unreachable(cfg, heads, channels)
		}
	}
}

// fill takes the fewest channels, the same number from every layer or in proportion to its share, that make
// target parameters go, and reports whether there are that many.
func (b Budget) fill(cfg *model.Config, cut counts, channels []model.Dim, target int64) bool {
	share := func(model.Dim) float64 { return 1 }
	limit := b.mostCut
	if b.Shares != nil {
		share = func(d model.Dim) float64 { return b.Shares[d.Layer] }
		limit = func(d model.Dim) int { return min(b.mostCut(d), b.aligned(d, int(mostShared*float64(d.Units)))) }
	}
	most := 0
	for _, d := range channels {
		if s := share(d); s > 0 {
			most = max(most, int(math.Ceil(float64(limit(d))/s)))
		}
	}
	reaches := func(n int) bool {
		for _, d := range channels {
			cut[d] = min(b.aligned(d, int(math.Round(float64(n)*share(d)))), limit(d))
		}
		return removed(cfg, cut) >= target
	}
	return reaches(sort.Search(most, reaches))
}

// giveBack lets as many of the first layers as the target allows keep a step more than
// the others, so that less than a step goes beyond it.
func (b Budget) giveBack(cfg *model.Config, cut counts, dims []model.Dim, target int64) {
	spare := removed(cfg, cut) - target
	for _, d := range dims {
		less := max(0, cut[d]-b.multiple(d))
		cost := cfg.UnitParams(d) * int64(cut[d]-less)
		if !b.Uniform && cost <= spare {
			cut[d], spare = less, spare-cost
		}
	}
}

func params(cfg *model.Config, dims []model.Dim) int64 {
	var n int64
	for _, d := range dims {
		n += cfg.UnitParams(d) * int64(d.Units)
	}
	return n
}

// removed counts the scalars that go. Dimensions are disjoint in every
// parameter, so the counts add up.
func removed(cfg *model.Config, cut counts) int64 {
	var n int64
	for d, c := range cut {
		n += cfg.UnitParams(d) * int64(c)
	}
	return n
}

// reached says that nothing is left to cut.
func (b Budget) reached(cfg *model.Config) error {
	if b.Params == 0 {
		return fmt.Errorf("%w: the dropped layers are %.4g of the parameters already; raise the ratio above that, or leave it out", ErrBudget, b.share(b.Dropped, cfg))
	}
	return fmt.Errorf("%w: the model has %d parameters already, not more than %d", ErrBudget, cfg.ParamCount(), b.Params)
}

// share is n as a part of all parameters, those of dropped layers among them.
func (b Budget) share(n int64, cfg *model.Config) float64 {
	return float64(n) / float64(cfg.ParamCount()+b.Dropped)
}

// unreachable says how far the budget could go.
func (b Budget) unreachable(cfg *model.Config, dims ...[]model.Dim) error {
	var most int64
	for _, ds := range dims {
		for _, d := range ds {
			most += cfg.UnitParams(d) * int64(b.mostCut(d))
		}
	}
	return fmt.Errorf("%w: ratio %.4g cannot be reached in layers %s: at most %.4g of the parameters can go (one unit stays everywhere); lower --ratio or widen --layers",
		ErrBudget, b.share(b.target(cfg)+b.Dropped, cfg), b.Layers, b.share(most+b.Dropped, cfg))
}
