package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// imatrixOptions are the flags of imatrix.
type imatrixOptions struct {
	calib calibFlags
	out   string
	force bool
}

func (o *imatrixOptions) AddFlags(cmd *cobra.Command) {
	o.calib.AddFlags(cmd, job.DefaultImatrix().Calib)
	bosFlag(cmd, &o.calib.BOS, autoRows)
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "", "GGUF file to write")
	f.BoolVar(&o.force, "force", false, "replace the output if it exists")
}

const imatrixHelp = `Write an importance matrix: of each column of a layer's matrices the mean square of what
it multiplies, over calibration rows (docs/formats/imatrix.md). moreau convert --imatrix, moreau
prune --imatrix and llama-quantize --imatrix choose blocks by it.`

func newImatrixCommand(g *globals) *cobra.Command {
	o := &imatrixOptions{}
	cmd := &cobra.Command{
		Use: "imatrix MODEL -o imatrix.gguf", Short: "Write which columns matter most when weights are rounded to blocks", Long: imatrixHelp,
		Example: "  moreau imatrix smaller.gguf --calib c4.jsonl -o imatrix.gguf\n  moreau convert smaller.gguf --dtype q4_k --imatrix imatrix.gguf -o smaller-q4_k.gguf",
		Args:    oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *imatrixOptions) options(g *globals) job.ImatrixOptions {
	return job.ImatrixOptions{Calib: o.calib.options(), Seed: g.Seed, Out: o.out, Force: o.force}
}

func (o *imatrixOptions) run(ctx context.Context, g *globals, path string, stdout, stderr io.Writer) error {
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewImatrix(path, be, o.options(g))
	if err != nil {
		return err
	}
	defer j.Close()
	r, err := j.Execute(ctx, newConsole(stderr))
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, r)
	}
	fmt.Fprintf(stdout, "%s: importance of %d matrices, on %d x %d tokens of %s, %s\n", r.Path, r.Tensors, r.Calib.Rows, r.Calib.SeqLen, r.Calib.Source, job.BOSInWords(r.Calib.BOS))
	return nil
}
