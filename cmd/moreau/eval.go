package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/job"
)

// textFlags say on which texts perplexity is measured; eval and prune share them.
type textFlags struct {
	ppl  []string
	text job.TextOptions
}

// AddFlags adds the flags; idsFlag is what the one for token ids is called.
func (o *textFlags) AddFlags(cmd *cobra.Command, chunks int, idsFlag string) {
	f := cmd.Flags()
	f.StringVar(&o.text.IDs, idsFlag, "", "rows of token ids to measure perplexity on instead of text: JSON [[1,2,...],...]")
	f.StringArrayVar(&o.ppl, "ppl", nil, "NAME=FILE to measure perplexity on, repeatable; the names wikitext2 and ptb join lines as the papers do (default: built-in held-out text)")
	f.IntVar(&o.text.Seq, "seq", 128, "tokens a perplexity row")
	f.IntVar(&o.text.Chunks, "chunks", chunks, "perplexity rows at most, 0 for all")
	onlyOne(cmd, "ppl", idsFlag)
}

// options reads what the flags say.
func (o *textFlags) options() (job.TextOptions, error) {
	t := o.text
	for _, spec := range o.ppl {
		name, file, ok := strings.Cut(spec, "=")
		if !ok || name == "" || file == "" {
			return t, job.Usage(fmt.Errorf("--ppl %q: want NAME=FILE", spec))
		}
		t.Files = append(t.Files, job.NamedFile{Name: name, Path: file})
	}
	return t, nil
}

// evalOptions are the flags of eval.
type evalOptions struct{ texts textFlags }

func (o *evalOptions) AddFlags(cmd *cobra.Command) { o.texts.AddFlags(cmd, 0, "ids") }

func newEvalCommand(g *globals) *cobra.Command {
	o := &evalOptions{}
	cmd := &cobra.Command{
		Use: "eval MODEL", Short: "Measure perplexity",
		Example: "  moreau eval model.gguf --ppl wikitext2=wiki.test.raw --seq 2048",
		Args:    oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), g, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *evalOptions) run(ctx context.Context, g *globals, path string, stdout, stderr io.Writer) error {
	texts, err := o.texts.options()
	if err != nil {
		return err
	}
	be, err := g.backend()
	if err != nil {
		return err
	}
	j, err := job.NewEval(path, be, texts)
	if err != nil {
		return err
	}
	defer j.Close()
	r, err := j.Execute(ctx, j.Plan(), newConsole(stderr))
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(stdout, r)
	}
	rows := []string{"text\trows\ttokens\tperplexity\ttokens/s"}
	for _, m := range r.Perplexity {
		rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%.4f\t%.0f", m.Text, m.Rows, m.Tokens, m.Perplexity, m.TokensPerSecond))
	}
	table(stdout, rows...)
	return nil
}
