package job

import (
	"fmt"
	"slices"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/model"
	"moreau/internal/prune"
)

// AutoAlign lets the model decide what numbers of channels are a multiple of.
const AutoAlign = -1

// BudgetOptions say how much to cut, by one of the first four, and where.
type BudgetOptions struct {
	Ratio      float64 // share of the model's parameters
	LayerRatio float64 // share of the units of each layer
	Params     int64   // most parameters that may stay
	Size       int64   // most bytes that the output may take
	Align      int     // channels that stay in a layer are a multiple of this, 0 or 1: any number; or AutoAlign
	Uniform    bool    // all layers alike, the first and last too
	Layers     string  // A..B, "": all but the first and last few
	Units      string  // Channels, KVGroups or QueryHeads, with commas between them, or WholeLayers; "": channels, and KV groups where these do not suffice
	Allocate   string  // AlikeLayers, MeasuredLayers, GlobalUnits or AllUnits; "": measured where there is a refit, else alike
}

// oneSize says whether all layers have to be cut alike though nobody asked: nothing is said
// about layers, and the file that out names could not hold layers that differ.
func (o BudgetOptions) oneSize(cfg *model.Config, out string) bool {
	return !o.Uniform && o.Layers == "" && (o.Allocate == "" || o.Allocate == AlikeLayers) && isGGUF(out) && export.OneSize(cfg)
}

// How much each layer loses.
const (
	AlikeLayers    = "uniform"   // the same, but for a unit
	MeasuredLayers = "measured"  // the less, the more its cut changes what the model predicts
	GlobalUnits    = "global"    // units of all layers compete by their scores
	AllUnits       = "threshold" // units of all layers and kinds compete, by their scores as they are
)

// asked says whether any units are to go.
func (o BudgetOptions) asked() bool {
	return o.Ratio != 0 || o.LayerRatio != 0 || o.Params != 0 || o.Size != 0
}

// budget is what is asked of what drop leaves of a dense model, whose output goes to out.
// Layers are those of the dense model; block is how many channels the output takes together.
// Under Size the number of parameters is still to be found.
func (o BudgetOptions) budget(dense *model.Config, drop prune.Drop, out string, block int) (prune.Budget, error) {
	cfg := dense.KeepLayers(drop.Kept(len(dense.Layers)))
	b := prune.Budget{Ratio: o.Ratio, LayerRatio: o.LayerRatio, Params: o.Params, Dropped: dense.ParamCount() - cfg.ParamCount(),
		Uniform: o.Uniform || o.oneSize(cfg, out), Selection: prune.Local, Align: o.align(cfg, block)}
	switch o.Allocate {
	case "", AlikeLayers, MeasuredLayers:
	case GlobalUnits:
		b.Selection = prune.Global
	case AllUnits:
		b.Selection = prune.Threshold
	default:
		return b, Usage(fmt.Errorf("--allocate %q: want %s, %s, %s or %s", o.Allocate, AlikeLayers, MeasuredLayers, GlobalUnits, AllUnits))
	}
	if !o.asked() && len(drop) == 0 {
		return b, Usage(fmt.Errorf("say how much to cut: --ratio 20%%, --params 5.4B, --size 4GiB or --layer-ratio 0.25; or --drop-layers 20..24"))
	}
	var err error
	if b.Kinds, err = o.kinds(); err != nil {
		return b, err
	}
	layers, err := layersOr(dense, o.Layers, dense.AllLayers())
	if err != nil {
		return b, err
	}
	var some bool
	if b.Layers, some = drop.Within(layers, len(dense.Layers)); !some {
		return b, Usage(fmt.Errorf("--layers %s: all of these are dropped; name some that stay", o.Layers))
	}
	switch {
	case o.whole():
		b.Uniform, b.Align = false, 0
		if o.Layers == "" {
			b.Layers = cfg.UnprotectedLayers()
		}
	case b.Uniform:
		b.Layers = cfg.AllLayers()
	case o.Layers == "":
		b.Layers = cfg.UnprotectedLayers()
	}
	return b, nil
}

// The units that Units names.
const (
	Channels    = "channels"
	KVGroups    = "kv-groups"
	QueryHeads  = "query-heads"
	WholeLayers = "layers"
)

// whole says whether layers go as a whole, chosen by scores.
func (o BudgetOptions) whole() bool { return o.Units == WholeLayers }

// checkWhole refuses what whole layers do not go with; drop is what is to be dropped besides.
func (o BudgetOptions) checkWhole(drop string) error {
	switch {
	case !o.whole():
		return nil
	case drop != "":
		return Usage(fmt.Errorf("--units %s chooses which layers go, --drop-layers says it: give one of them", WholeLayers))
	case o.LayerRatio > 0 || o.Size > 0:
		return Usage(fmt.Errorf("--units %s goes with --ratio or --params", WholeLayers))
	case o.Allocate != "" || o.Uniform || o.Align > 1:
		return Usage(fmt.Errorf("--units %s: a layer goes as a whole or not at all; leave out --allocate, --uniform and --align", WholeLayers))
	}
	return nil
}

// unitKinds are their kinds, in the order of every report.
var unitKinds = []struct {
	name string
	kind model.Kind
}{{KVGroups, model.Heads}, {QueryHeads, model.QueryHeads}, {Channels, model.MLP}, {WholeLayers, model.Whole}}

// kinds are those of the units that may go; nil where none are named.
func (o BudgetOptions) kinds() (kinds []model.Kind, err error) {
	if o.Units == "" {
		return nil, nil
	}
	names := strings.Split(o.Units, ",")
	for _, u := range unitKinds {
		if slices.Contains(names, u.name) {
			kinds = append(kinds, u.kind)
		}
	}
	if len(kinds) < len(names) {
		err = fmt.Errorf("--units %s: want some of %s, %s, %s, each once, with commas between them, or %s", o.Units, Channels, KVGroups, QueryHeads, WholeLayers)
	} else if slices.Contains(kinds, model.Whole) && len(kinds) > 1 {
		err = fmt.Errorf("--units %s: whole layers go alone; drop them first (--units %s), and cut what is left in a second run", o.Units, WholeLayers)
	} else if slices.Contains(kinds, model.Heads) && slices.Contains(kinds, model.QueryHeads) {
		err = fmt.Errorf("--units %s: attention loses either %s or %s", o.Units, KVGroups, QueryHeads)
	}
	if err != nil {
		return nil, Usage(err)
	}
	return kinds, nil
}

// align is a multiple that the output's blocks take whole: of its down projections, else 32, which
// vector units like too, unless layers are so narrow that it would be coarse.
func (o BudgetOptions) align(cfg *model.Config, block int) int {
	if o.Align != AutoAlign {
		return o.Align
	}
	for _, n := range []int{block, shortBlock} {
		coarse := func(l model.Layer) bool { return l.Intermediate < 16*n }
		if !slices.ContainsFunc(cfg.Layers, coarse) {
			return n
		}
	}
	return 0
}

// shortBlock is the values of the shortest blocks.
const shortBlock = 32

// block is how many channels the output's down projections take together.
func (j *Prune) block() int {
	out, n := j.o.Out, shortBlock
	switch {
	case out.Path != "" && !isGGUF(out.Path):
	case out.DType != nil:
		n = max(n, out.DType.BlockSize())
	default:
		types := checkpoint.StoredTypes(j.m.Weights)
		for _, p := range j.m.Config.Params() {
			if p.Role == model.Down {
				n = max(n, types[p.Name].BlockSize())
			}
		}
	}
	return n
}
