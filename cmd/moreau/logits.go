package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/dataset"
	"moreau/internal/load"
	"moreau/internal/output"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// logitsCommand are the options of moreau logits.
type logitsCommand struct {
	*globals
	IDs   string
	Out   string
	Force bool
}

func newLogitsCommand(g *globals) *cobra.Command {
	o := &logitsCommand{globals: g}
	cmd := &cobra.Command{
		Use: "logits MODEL --ids FILE -o OUT.safetensors", Short: "Write the logits of token rows, to compare with other programs",
		Long: "Write float32 logits: tensor \"logits\" [rows, T, vocabulary] when all rows have the\nsame length, else one tensor \"logits.ROW\" [T, vocabulary] a row.",
		Args: oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.IDs, "ids", "", "rows of token ids: JSON [[1,2,...],...]")
	f.StringVarP(&o.Out, "out", "o", "", "safetensors file to write")
	f.BoolVar(&o.Force, "force", false, "replace the output if it exists")
	return cmd
}

func (o *logitsCommand) run(ctx context.Context, path string, stdout io.Writer) error {
	if o.IDs == "" || o.Out == "" {
		return usageError{fmt.Errorf("give --ids FILE and -o OUT.safetensors")}
	}
	if err := distinct(path, o.Out); err != nil {
		return err
	}
	if err := output.Check(o.Out, o.Force); err != nil {
		return err
	}
	m, err := load.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	rows, err := readIDs(o.IDs, m.Config)
	if err != nil {
		return err
	}
	be, err := o.backend()
	if err != nil {
		return err
	}
	infos := logitsInfos(rows, m.Config.VocabSize)
	err = output.File(o.Out, o.Force, func(w io.Writer) error {
		next := 0
		return checkpoint.WriteSafetensors(w, infos, func(name string) (tensor.Tensor, error) {
			shape := infos[next].Shape
			part := rows[next : next+1]
			if len(shape) == 3 {
				part = rows
			}
			next++
			return logitsOf(ctx, be, m, part, shape)
		}, nil)
	})
	if err != nil {
		return err
	}
	if o.JSON {
		return printJSON(stdout, map[string]any{"file": o.Out, "rows": len(rows), "tokens": rows.Tokens(), "vocab_size": m.Config.VocabSize})
	}
	fmt.Fprintf(stdout, "%s: logits of %d rows, %d tokens\n", o.Out, len(rows), rows.Tokens())
	return nil
}

func logitsInfos(rows dataset.Rows, vocab int) []checkpoint.Info {
	equal := true
	for _, r := range rows {
		equal = equal && len(r) == len(rows[0])
	}
	if equal {
		return []checkpoint.Info{{Name: "logits", DType: tensor.F32, Shape: []int{len(rows), len(rows[0]), vocab}}}
	}
	var infos []checkpoint.Info
	for i, r := range rows {
		infos = append(infos, checkpoint.Info{Name: fmt.Sprintf("logits.%d", i), DType: tensor.F32, Shape: []int{len(r), vocab}})
	}
	return infos
}

func logitsOf(ctx context.Context, be backend.Backend, m *load.Model, rows dataset.Rows, shape []int) (tensor.Tensor, error) {
	b, err := transformer.NewBatch(rows)
	if err != nil {
		return tensor.Tensor{}, err
	}
	values := make([]float32, 0, tensor.Count(shape))
	err = transformer.New(be, m.Config).Logits(ctx, b, transformer.NewStored(be, m.Weights), func(part []float32) error {
		values = append(values, part...)
		return nil
	})
	if err != nil {
		return tensor.Tensor{}, err
	}
	return tensor.FromFloat32(tensor.F32, shape, values), nil
}
