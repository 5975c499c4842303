package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/export"
	"moreau/internal/job"
	"moreau/internal/tensor"
)

// outFlags say where and how a model is written; convert, prune and synth share them.
type outFlags struct {
	path  string
	dtype dtypeFlag
	shard string
	force bool

	imatrix string
}

func (o *outFlags) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.path, "out", "o", "", "output: a .gguf file or a Hugging Face folder")
	f.Var(&o.dtype, "dtype", dtypeUsage("as stored, each matrix its own; q* become f16 in folders"))
	f.StringVar(&o.shard, "shard-size", "", "most bytes of weights a file of a Hugging Face folder, such as 2GB (default: 5GB)")
	f.BoolVar(&o.force, "force", false, "replace the output if it exists")
}

// addImatrix adds --imatrix, for commands that write weights that are there.
func (o *outFlags) addImatrix(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.imatrix, "imatrix", "", "importance matrix of MODEL by which blocks of --dtype q* are chosen (moreau imatrix, llama-imatrix)")
}

func dtypeUsage(otherwise string) string {
	return fmt.Sprintf("type of the weights written: %s; blocks of q* fit .gguf files alone (default: %s)", export.DTypeNames(), otherwise)
}

// options reads what the flags say.
func (o *outFlags) options(g *globals) (job.OutOptions, error) {
	shard, err := bytesFlag("shard-size", o.shard)
	return job.OutOptions{Path: o.path, DType: o.dtype.dtype, ShardBytes: shard, Imatrix: o.imatrix, Force: o.force, Threads: g.Threads}, err
}

// dtypeFlag parses --dtype.
type dtypeFlag struct {
	text  string
	dtype *tensor.DType // nil: as stored
}

func (d *dtypeFlag) String() string { return d.text }
func (d *dtypeFlag) Type() string   { return "dtype" }

func (d *dtypeFlag) Set(s string) error {
	t, err := tensor.ParseDType(strings.ToUpper(s))
	if err != nil || !t.Encodable() {
		return fmt.Errorf("want %s", export.DTypeNames())
	}
	d.text, d.dtype = s, &t
	return nil
}
