package main

import (
	"errors"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// budgetFlags say how much to cut and where.
type budgetFlags struct {
	cut        job.BudgetOptions
	ratio      string
	layerRatio string
	params     string
	size       string
}

func (o *budgetFlags) AddFlags(cmd *cobra.Command) {
	o.placeFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.ratio, "ratio", "", "share of the model's parameters to cut: 20% or 0.2")
	f.StringVar(&o.layerRatio, "layer-ratio", "", "share of the heads and channels of each layer to cut (the published form)")
	f.StringVar(&o.params, "params", "", "most parameters that may stay: 5.4B, 120M or a plain number")
	f.StringVar(&o.size, "size", "", "most bytes that the output may take: 4GiB, 500MB")
	onlyOne(cmd, "ratio", "layer-ratio", "params", "size")
}

// placeFlags say where something is cut, not how much.
func (o *budgetFlags) placeFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.cut.Align, "align", job.AutoAlign, "channels that stay in a layer are a multiple of this; -1: the block of what down_proj is written as (256 of K types, in layers of 4096 or more), else 32, in layers of 512 or more; 1: any number")
	f.BoolVar(&o.cut.Uniform, "uniform", false, "cut all layers alike, the first and last too: one size, which every format and stock class can hold; the default where the output needs it")
	f.StringVar(&o.cut.Layers, "layers", "", "layers to cut, A..B (default: all but the first and last few)")
	f.StringVar(&o.cut.Units, "units", "", "what goes: channels of MLPs; kv-groups, KV heads with their query heads; or query-heads, the weakest of every KV group, as many of each; or some, with commas between them; or layers, whole ones (default: channels, and kv-groups too where more than three quarters of the channels would go, or with --layer-ratio)")
	f.StringVar(&o.cut.Allocate, "allocate", "", "how much each layer loses. uniform: the same, but for a unit; measured: the less the more its cut, refitted, changes what the model predicts; global: units of all layers compete by their scores, relative to the mean of their layer and kind; threshold: units of all layers and kinds compete by their scores as they are (default: measured where there is a refit, else uniform)")
	onlyOne(cmd, "uniform", "layers")
	onlyOne(cmd, "uniform", "allocate")
}

// options reads what the flags say.
func (o *budgetFlags) options() (job.BudgetOptions, error) {
	b := o.cut
	var err [4]error
	b.Ratio, err[0] = parseShare(o.ratio)
	b.LayerRatio, err[1] = parseShare(o.layerRatio)
	b.Params, err[2] = parseCount("params", o.params)
	b.Size, err[3] = bytesFlag("size", o.size)
	return b, errors.Join(err[:]...)
}
