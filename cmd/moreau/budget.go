package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/export"
	"moreau/internal/model"
	"moreau/internal/prune"
)

// budgetOptions say how much to cut and where.
type budgetOptions struct {
	Ratio      string
	LayerRatio string
	Params     string
	Size       string
	Align      int
	Uniform    bool
	Layers     string
	HeadsOnly  bool
	MLPOnly    bool
	Selection  string

	why string // all layers are cut alike though nobody asked
}

func (o *budgetOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Ratio, "ratio", "", "share of the model's parameters to cut: 20% or 0.2")
	f.StringVar(&o.LayerRatio, "layer-ratio", "", "share of the heads and channels of each layer to cut (the published form)")
	f.StringVar(&o.Params, "params", "", "most parameters that may stay: 5.4B, 120M or a plain number")
	f.StringVar(&o.Size, "size", "", "most bytes that the output may take: 4GiB, 500MB")
	f.IntVar(&o.Align, "align", autoAlign, "channels that stay in a layer are a multiple of this; -1: 32, in layers of 512 or more; 1: any number")
	f.BoolVar(&o.Uniform, "uniform", false, "cut all layers alike, the first and last too: one size, which every format and stock class can hold; the default where the output needs it")
	f.StringVar(&o.Layers, "layers", "", "layers to cut, A..B (default: all but the first and last few)")
	f.BoolVar(&o.HeadsOnly, "heads-only", false, "cut attention heads only")
	f.BoolVar(&o.MLPOnly, "mlp-only", false, "cut MLP channels only")
	f.StringVar(&o.Selection, "selection", string(prune.Local), "local: each layer loses the same, but for a unit; global: units of all layers compete")
	cmd.MarkFlagsMutuallyExclusive("ratio", "layer-ratio", "params", "size")
	cmd.MarkFlagsMutuallyExclusive("uniform", "layers")
	cmd.MarkFlagsMutuallyExclusive("uniform", "selection")
	cmd.MarkFlagsMutuallyExclusive("heads-only", "mlp-only")
}

// fitFormat makes the cut uniform where nothing is said about layers and the file that
// out names could not hold layers that differ.
func (o *budgetOptions) fitFormat(cfg *model.Config, out string) {
	if !o.Uniform && o.Layers == "" && o.Selection == string(prune.Local) && isGGUF(out) && export.OneSize(cfg) {
		o.Uniform, o.why = true, "a GGUF file has one size for all layers of a "+cfg.Family.Name
	}
}

func (o *budgetOptions) budget(cfg *model.Config) (prune.Budget, error) {
	b := prune.Budget{Uniform: o.Uniform, Kinds: cfg.Kinds(), Selection: prune.Selection(o.Selection), Align: o.align(cfg)}
	if o.Ratio == "" && o.LayerRatio == "" && o.Params == "" && o.Size == "" {
		return b, usageError{fmt.Errorf("say how much to cut: --ratio 20%%, --params 5.4B, --size 4GiB or --layer-ratio 0.25")}
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
	if o.Params != "" {
		if b.Params, err = parseCount(o.Params); err != nil {
			return b, err
		}
	}
	switch {
	case o.HeadsOnly:
		b.Kinds = []model.Kind{cfg.AttentionKind()}
	case o.MLPOnly:
		b.Kinds = []model.Kind{model.MLP}
	}
	if b.Layers, err = layersOr(cfg, o.Layers, cfg.UnprotectedLayers()); o.Uniform {
		b.Layers = cfg.AllLayers()
	}
	return b, err
}

// autoAlign lets the model decide.
const autoAlign = -1

// align is a multiple that block-quantised types and vector units take whole: 32,
// unless layers are so narrow that it would be coarse.
func (o *budgetOptions) align(cfg *model.Config) int {
	if o.Align != autoAlign {
		return o.Align
	}
	for _, l := range cfg.Layers {
		if l.Intermediate < 512 {
			return 0
		}
	}
	return 32
}

// parseCount reads "5.4B", "120M", "900k" or a plain number.
func parseCount(s string) (int64, error) {
	scale := map[byte]float64{'B': 1e9, 'b': 1e9, 'M': 1e6, 'm': 1e6, 'k': 1e3, 'K': 1e3}
	number, factor := s, 1.0
	if f, ok := scale[s[len(s)-1]]; ok {
		number, factor = s[:len(s)-1], f
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	if err != nil || !(v*factor >= 1 && v*factor < 1e15) {
		return 0, usageError{fmt.Errorf("--params %q: want a number such as 5.4B, 120M or 5,422,977,024", s)}
	}
	return int64(math.Round(v * factor)), nil
}
