package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/tokenizer"
)

// outOptions say where and how a model is written; convert and prune share them.
type outOptions struct {
	Out       string
	DType     string
	ShardSize string
	Force     bool

	dtype *tensor.DType // nil: as stored
}

func (o *outOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.Out, "out", "o", "", "output: a .gguf file or a Hugging Face folder")
	f.Var((*dtypeFlag)(o), "dtype", dtypeUsage("as stored; quantised become f16"))
	f.StringVar(&o.ShardSize, "shard-size", "", "most bytes of weights a file of a Hugging Face folder, such as 2GB (default: 5GB)")
	f.BoolVar(&o.Force, "force", false, "replace the output if it exists")
}

func dtypeUsage(otherwise string) string {
	return fmt.Sprintf("type of the weights written: %s; blocks of q* fit .gguf files alone (default: %s)", export.DTypeNames(), otherwise)
}

// dtypeFlag parses --dtype.
type dtypeFlag outOptions

func (d *dtypeFlag) String() string { return d.DType }
func (d *dtypeFlag) Type() string   { return "dtype" }

func (d *dtypeFlag) Set(s string) error {
	t, err := tensor.ParseDType(strings.ToUpper(s))
	if err != nil || !t.Encodable() {
		return fmt.Errorf("want %s", export.DTypeNames())
	}
	d.DType, d.dtype = s, &t
	return nil
}

func newConvertCommand(g *globals) *cobra.Command {
	o := &outOptions{}
	cmd := &cobra.Command{
		Use: "convert MODEL -o OUT", Short: "Write a model in another container or dtype",
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runConvert(cmd.Context(), args[0], o, g, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func runConvert(ctx context.Context, path string, o *outOptions, g *globals, stdout, stderr io.Writer) error {
	if o.Out == "" {
		return usageError{fmt.Errorf("say where the model goes: -o OUT")}
	}
	if err := within("threads", g.Threads, 0, mostThreads); err != nil {
		return err
	}
	if err := o.check(path); err != nil {
		return err
	}
	m, err := load.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	e, err := exportModel(m, m.Config, m.Weights, o.Out)
	if err != nil {
		return err
	}
	plan, err := planExport(e, o, g.Threads)
	if err != nil {
		return err
	}
	if err := writeModel(ctx, plan, stderr); err != nil {
		return blame(m, err)
	}
	if g.JSON {
		return printJSON(stdout, plan)
	}
	fmt.Fprintln(stdout, plan)
	return nil
}

// exportModel is what is written: other sizes and weights of m, with its
// tokenizer and companions. A model without a tokenizer stays without one; one
// that this program cannot read still goes from folder to folder as it is.
func exportModel(m *load.Model, cfg *model.Config, weights checkpoint.Checkpoint, out string) (export.Model, error) {
	e := export.Model{Name: modelName(m.Path), Config: cfg, Weights: weights, Raw: m.Raw, LeftOut: m.LeftOut}
	if m.Format == load.HF {
		e.Dir = m.Path
	}
	var err error
	e.Vocab, err = m.Vocab()
	folders := e.Dir != "" && !isGGUF(out)
	switch {
	case errors.Is(err, tokenizer.ErrNone), errors.Is(err, tokenizer.ErrUnsupported) && folders:
		return e, nil
	case errors.Is(err, tokenizer.ErrUnsupported):
		return e, fmt.Errorf("%w; write a folder, which keeps the tokenizer's files as they are", err)
	case err != nil:
		return e, fmt.Errorf("%w; download it again, or remove it to write the model without a tokenizer", err)
	}
	return e, nil
}

func modelName(path string) string {
	if abs, err := filepath.Abs(path); err == nil && !strings.HasPrefix(path, "builtin:") {
		path = abs
	}
	name := filepath.Base(strings.TrimPrefix(path, "builtin:"))
	return strings.TrimSuffix(name, ".gguf")
}

// writeModel executes an export plan with progress.
func writeModel(ctx context.Context, plan *export.Plan, stderr io.Writer) error {
	bar := newProgress(stderr, "writing", plan.Bytes)
	if err := plan.Write(ctx, func(done, _ int64) { bar.set(done) }); err != nil {
		return err
	}
	bar.finish(size(plan.Bytes))
	return nil
}
