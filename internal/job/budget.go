package job

import (
	"fmt"

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
	HeadsOnly  bool
	MLPOnly    bool
	Selection  prune.Selection
}

// oneSize says whether all layers have to be cut alike though nobody asked: nothing is said
// about layers, and the file that out names could not hold layers that differ.
func (o BudgetOptions) oneSize(cfg *model.Config, out string) bool {
	return !o.Uniform && o.Layers == "" && o.Selection == prune.Local && isGGUF(out) && export.OneSize(cfg)
}

// asked says whether any units are to go.
func (o BudgetOptions) asked() bool {
	return o.Ratio != 0 || o.LayerRatio != 0 || o.Params != 0 || o.Size != 0
}

// budget is what is asked of what drop leaves of a dense model, whose output goes to out.
// Layers are those of the dense model. Under Size the number of parameters is still to be
// found.
func (o BudgetOptions) budget(dense *model.Config, drop prune.Drop, out string) (prune.Budget, error) {
	cfg := dense.KeepLayers(drop.Kept(len(dense.Layers)))
	b := prune.Budget{Ratio: o.Ratio, LayerRatio: o.LayerRatio, Params: o.Params, Dropped: dense.ParamCount() - cfg.ParamCount(),
		Uniform: o.Uniform || o.oneSize(cfg, out), Kinds: o.kinds(cfg), Selection: o.Selection, Align: o.align(cfg)}
	if !o.asked() && len(drop) == 0 {
		return b, Usage(fmt.Errorf("say how much to cut: --ratio 20%%, --params 5.4B, --size 4GiB or --layer-ratio 0.25; or --drop-layers 20..24"))
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
	case b.Uniform:
		b.Layers = cfg.AllLayers()
	case o.Layers == "":
		b.Layers = cfg.UnprotectedLayers()
	}
	return b, nil
}

func (o BudgetOptions) kinds(cfg *model.Config) []model.Kind {
	switch {
	case o.HeadsOnly:
		return []model.Kind{cfg.AttentionKind()}
	case o.MLPOnly:
		return []model.Kind{model.MLP}
	}
	return cfg.Kinds()
}

// align is a multiple that block-quantised types and vector units take whole: 32,
// unless layers are so narrow that it would be coarse.
func (o BudgetOptions) align(cfg *model.Config) int {
	if o.Align != AutoAlign {
		return o.Align
	}
	for _, l := range cfg.Layers {
		if l.Intermediate < 512 {
			return 0
		}
	}
	return 32
}
