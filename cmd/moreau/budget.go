package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"moreau/internal/model"
	"moreau/internal/prune"
)

// budgetOptions say how much to cut and where.
type budgetOptions struct {
	Ratio      string
	LayerRatio string
	Layers     string
	HeadsOnly  bool
	MLPOnly    bool
	Selection  string
}

func (o *budgetOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Ratio, "ratio", "", "share of the model's parameters to cut: 20% or 0.2")
	f.StringVar(&o.LayerRatio, "layer-ratio", "", "share of the heads and channels of each layer to cut (the published form)")
	f.StringVar(&o.Layers, "layers", "", "layers to cut, A..B (default: all but the first and last few)")
	f.BoolVar(&o.HeadsOnly, "heads-only", false, "cut attention heads only")
	f.BoolVar(&o.MLPOnly, "mlp-only", false, "cut MLP channels only")
	f.StringVar(&o.Selection, "selection", string(prune.Local), "local: each layer loses the same; global: units of all layers compete")
	cmd.MarkFlagsMutuallyExclusive("ratio", "layer-ratio")
	cmd.MarkFlagsMutuallyExclusive("heads-only", "mlp-only")
}

func (o *budgetOptions) budget(cfg *model.Config) (prune.Budget, error) {
	b := prune.Budget{Kinds: model.Kinds, Selection: prune.Selection(o.Selection)}
	if o.Ratio == "" && o.LayerRatio == "" {
		return b, usageError{fmt.Errorf("say how much to cut: --ratio 20%% or --layer-ratio 0.25")}
	}
	var err error
	for _, r := range []struct {
		text string
		to   *float64
	}{{o.Ratio, &b.Ratio}, {o.LayerRatio, &b.LayerRatio}} {
		if r.text == "" {
			continue
		}
		if *r.to, err = parseShare(r.text); err != nil {
			return b, err
		}
	}
	switch {
	case o.HeadsOnly:
		b.Kinds = []model.Kind{model.Heads}
	case o.MLPOnly:
		b.Kinds = []model.Kind{model.MLP}
	}
	b.Layers, err = layersOr(cfg, o.Layers, cfg.UnprotectedLayers())
	return b, err
}
