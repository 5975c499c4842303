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

// budget is what is asked of a model whose output goes to out. Under Size its number of
// parameters is still to be found.
func (o BudgetOptions) budget(cfg *model.Config, out string) (prune.Budget, error) {
	b := prune.Budget{Ratio: o.Ratio, LayerRatio: o.LayerRatio, Params: o.Params, Uniform: o.Uniform || o.oneSize(cfg, out),
		Kinds: o.kinds(cfg), Selection: o.Selection, Align: o.align(cfg)}
	if o.Ratio == 0 && o.LayerRatio == 0 && o.Params == 0 && o.Size == 0 {
		return b, Usage(fmt.Errorf("say how much to cut: --ratio 20%%, --params 5.4B, --size 4GiB or --layer-ratio 0.25"))
	}
	var err error
	b.Layers, err = layersOr(cfg, o.Layers, cfg.UnprotectedLayers())
	if b.Uniform {
		b.Layers = cfg.AllLayers()
	}
	return b, err
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
