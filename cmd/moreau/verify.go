package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/job"
	"moreau/internal/model"
	"moreau/internal/verify"
)

// verifyOptions are the flags of verify.
type verifyOptions struct{ job.VerifyOptions }

func (o *verifyOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.Rows, "rows", 2, "sequences of random tokens")
	f.IntVar(&o.SeqLen, "seq-len", 64, "tokens a sequence")
	f.StringVar(&o.VerifyOptions.Plan, "plan", "", "plan of a model that was refitted (of --save-plan): the refit is done again on DENSE, then the two are compared")
}

const verifyHelp = `verify reads a pruned model back and compares its logits with those of the dense
model in which the units that went are masked: the two must compute the same, but
for the rounding of the type that the pruned model is written in. Heads under one norm
over all of them (OLMo 2 and 3) are cut from the dense model instead, since what is left
is not the model with these masked. It finds layers
and units by their weights, so any pruned copy can be checked, whoever wrote it. The
exit code is 0 if they agree within the bound of that type, else 1.

The tokens are random; --rows and --seq-len draw more. Rows of the embedding, of which
they read few, are compared one by one. Where o_proj and down_proj are not the dense model's,
as after a refit, they are taken from PRUNED as they are, and how far they differ is said;
--plan compares these too, by doing the refit again.`

func newVerifyCommand(g *globals) *cobra.Command {
	o := &verifyOptions{}
	cmd := &cobra.Command{
		Use: "verify DENSE PRUNED", Short: "Prove that a pruned model computes what it should", Long: verifyHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return job.Usage(fmt.Errorf("want two models, DENSE and PRUNED, got %d arguments; see %s --help", len(args), cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], args[1], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *verifyOptions) run(ctx context.Context, g *globals, dense, pruned string, stdout, stderr io.Writer) error {
	be, err := g.backend()
	if err != nil {
		return err
	}
	o.Seed = g.Seed
	j, err := job.NewVerify(dense, pruned, be, o.VerifyOptions)
	if err != nil {
		return err
	}
	defer j.Close()
	v, err := j.Execute(ctx, j.Plan(), newConsole(stderr))
	if err != nil {
		return err
	}
	if err := printVerified(g, v, stdout); err != nil || v.Pass {
		return err
	}
	return fmt.Errorf("%s: its logits are %.2g of their size off, the rows of its embedding up to %.2g; a model in %s may be %.2g off",
		pruned, v.Relative(), v.Embedding, v.DType, v.Bound)
}

func printVerified(g *globals, v job.VerifyReport, stdout io.Writer) error {
	if g.JSON {
		return printJSON(stdout, v)
	}
	verdict := "PASS"
	if !v.Pass {
		verdict = "FAIL"
	}
	var rows []string
	if len(v.Layers) < v.Of {
		rows = append(rows, fmt.Sprintf("layers found\t%d of %d: %s", len(v.Layers), v.Of, spans(v.Layers)))
	}
	if v.HeadsCut {
		rows = append(rows, "heads\tcut from the dense model, not masked: one norm runs over all of them")
	}
	if len(v.Changed) > 0 {
		rows = append(rows, "changed\t"+changedNote(v.Changed))
	}
	if n := len(v.Biases); n > 0 {
		rows = append(rows, fmt.Sprintf("biases\t%d (of o, down) are not the dense model's, as --compensate bias leaves them; all else is compared, --plan FILE compares these too", n))
	}
	if v.Refitted > 0 {
		rows = append(rows, fmt.Sprintf("refitted\t%d projections of the dense model, as the plan says", v.Refitted))
	}
	table(stdout, append(rows,
		fmt.Sprintf("largest difference of a logit\t%.3g (logits up to %.3g)", v.MaxAbs, v.Largest),
		fmt.Sprintf("relative difference (RMS)\t%.3g, bound for %s %.3g", v.Relative(), v.DType, v.Bound),
		fmt.Sprintf("same most likely token\t%d of %d", v.SameTop, v.Rows),
		fmt.Sprintf("embedding\trows at most %.3g apart", v.Embedding),
		fmt.Sprintf("units found\tthe least alike %.3g apart", v.Unit),
		"verdict\t"+verdict)...)
	return nil
}

// changedNote says which projections were not compared, and what would.
func changedNote(changed []verify.Changed) string {
	apart := make([]float64, len(changed))
	for i, c := range changed {
		apart[i] = c.Apart
	}
	slices.Sort(apart)
	return fmt.Sprintf("%d projections of PRUNED (%s) are not the dense model's, as after a refit: %.2g to %.2g of their size, median %.2g; all else is compared, --plan FILE compares these too",
		len(apart), changedLayers(changed), apart[0], apart[len(apart)-1], apart[len(apart)/2])
}

// changedLayers says which projections of which layers these are: "o of layers 3..4, down of layers 2..4".
func changedLayers(changed []verify.Changed) string {
	layers := map[model.Role][]int{}
	for _, c := range changed {
		layers[c.Role] = append(layers[c.Role], c.Layer)
	}
	var parts []string
	if o := layers[model.O]; o != nil {
		parts = append(parts, "o of layers "+spans(o))
	}
	if down := layers[model.Down]; down != nil {
		parts = append(parts, "down of layers "+spans(down))
	}
	return strings.Join(parts, ", ")
}

// spans lists layers, ascending, as spans of neighbours: "0..3, 7".
func spans(layers []int) string { return strings.Join(spanList(layers), ", ") }

func spanList(layers []int) []string {
	parts := []string{}
	for lo := 0; lo < len(layers); {
		hi := lo + 1
		for hi < len(layers) && layers[hi] == layers[hi-1]+1 {
			hi++
		}
		parts = append(parts, span(layers[lo], layers[hi-1]))
		lo = hi
	}
	return parts
}
