package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/load"
	"moreau/internal/transformer"
	"moreau/internal/verify"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	Rows   int
	SeqLen int
}

func (o *verifyOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.Rows, "rows", 2, "sequences of random tokens")
	f.IntVar(&o.SeqLen, "seq-len", 64, "tokens a sequence")
}

const verifyHelp = `verify reads a pruned model back and compares its logits with those of the dense
model in which the units that went are masked: the two must compute the same, but
for the rounding of the type that the pruned model is written in. It finds layers
and units by their weights, so any pruned copy can be checked, whoever wrote it. The
exit code is 0 if they agree within the bound of that type, else 1.

The tokens are random; --rows and --seq-len draw more. Rows of the embedding, of which
they read few, are compared one by one.`

func newVerifyCommand(g *globals) *cobra.Command {
	o := &verifyOptions{}
	cmd := &cobra.Command{
		Use: "verify DENSE PRUNED", Short: "Prove that a pruned model computes what it should", Long: verifyHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("want two models, DENSE and PRUNED, got %d arguments; see %s --help", len(args), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runVerify(cmd.Context(), args[0], args[1], o, g, cmd.OutOrStdout())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

// verified is what verify found; the JSON output.
type verified struct {
	verify.Difference
	Unit      float64 `json:"unit_distance"`      // relative, of the two units least alike
	Embedding float64 `json:"embedding_distance"` // relative, of the two rows least alike
	DType     string  `json:"dtype"`              // coarsest of the pruned model
	Bound     float64 `json:"bound"`
	Pass      bool    `json:"pass"`
	Layers    []int   `json:"layers"` // of the dense model that the pruned one has

	of int // layers of the dense model
}

func runVerify(ctx context.Context, densePath, prunedPath string, o *verifyOptions, g *globals, stdout io.Writer) error {
	if err := errors.Join(within("rows", o.Rows, 1, 1024), within("seq-len", o.SeqLen, 1, 1<<16)); err != nil {
		return err
	}
	be, err := g.backend()
	if err != nil {
		return err
	}
	dense, err := load.Open(densePath)
	if err != nil {
		return err
	}
	defer dense.Close()
	pruned, err := load.Open(prunedPath)
	if err != nil {
		return err
	}
	defer pruned.Close()
	batch, err := o.batch(g.Seed, dense.Config.VocabSize, min(o.SeqLen, dense.Config.MaxPositions, pruned.Config.MaxPositions))
	if err != nil {
		return err
	}
	d, p := verify.Model{Config: dense.Config, Weights: dense.Weights}, verify.Model{Config: pruned.Config, Weights: pruned.Weights}
	d, layers, err := verify.SameLayers(ctx, be, d, p)
	var match *verify.Match
	if err == nil {
		match, err = verify.FindUnits(be, d, p)
	}
	if err != nil {
		return inputError{fmt.Errorf("%s, %s: %w", densePath, prunedPath, err)}
	}
	v := verified{Unit: match.Worst, Layers: layers, of: len(dense.Config.Layers)}
	if v.Difference, err = verify.Compare(ctx, be, d, p, match, batch); err != nil {
		return err
	}
	if v.Embedding, err = verify.Embedding(be, d, p); err != nil {
		return err
	}
	if sum := v.RMS + v.Embedding; math.IsNaN(sum) || math.IsInf(sum, 0) {
		return errors.Join(notFinite(pruned), notFinite(dense), fmt.Errorf("%s, %s: logits or embeddings are not finite, so there is nothing to compare", densePath, prunedPath))
	}
	v.DType, v.Bound = verify.Bound(pruned.Weights)
	v.Pass = max(v.Relative(), v.Embedding) <= v.Bound
	if err := v.print(g, stdout); err != nil || v.Pass {
		return err
	}
	return fmt.Errorf("%s: its logits are %.2g of their size off, the rows of its embedding up to %.2g; a model in %s may be %.2g off",
		prunedPath, v.Relative(), v.Embedding, v.DType, v.Bound)
}

// notFinite blames a model's weights if they are at fault.
func notFinite(m *load.Model) error {
	name, err := m.NotFinite()
	if err == nil && name != "" {
		err = fmt.Errorf("%s: tensor %s holds NaN or infinite values", m.Path, name)
	}
	return err
}

// batch draws the tokens, no more a row than both models take.
func (o *verifyOptions) batch(seed uint64, vocab, tokens int) (transformer.Batch, error) {
	random := rand.New(rand.NewPCG(seed, 1))
	rows := make([][]int32, o.Rows)
	for i := range rows {
		for range tokens {
			rows[i] = append(rows[i], random.Int32N(int32(vocab)))
		}
	}
	return transformer.NewBatch(rows)
}

func (v verified) print(g *globals, stdout io.Writer) error {
	if g.JSON {
		return printJSON(stdout, v)
	}
	verdict := "PASS"
	if !v.Pass {
		verdict = "FAIL"
	}
	var rows []string
	if len(v.Layers) < v.of {
		rows = append(rows, fmt.Sprintf("layers found\t%d of %d: %s", len(v.Layers), v.of, spans(v.Layers)))
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

// spans lists layers, ascending, as spans of neighbours: "0..3, 7".
func spans(layers []int) string {
	var parts []string
	for lo := 0; lo < len(layers); {
		hi := lo + 1
		for hi < len(layers) && layers[hi] == layers[hi-1]+1 {
			hi++
		}
		parts = append(parts, span(layers[lo], layers[hi-1]))
		lo = hi
	}
	return strings.Join(parts, ", ")
}
