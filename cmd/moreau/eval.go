package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/dataset"
	"moreau/internal/eval"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
)

// pplOptions say on which texts perplexity is measured; eval and prune share them.
type pplOptions struct {
	PPL    []string
	IDs    string
	Seq    int
	Chunks int
}

// AddFlags adds the flags; idsFlag is what the one for token ids is called.
func (o *pplOptions) AddFlags(cmd *cobra.Command, chunks int, idsFlag string) {
	f := cmd.Flags()
	f.StringVar(&o.IDs, idsFlag, "", "rows of token ids to measure perplexity on instead of text: JSON [[1,2,...],...]")
	f.StringArrayVar(&o.PPL, "ppl", nil, "NAME=FILE to measure perplexity on, repeatable; the names wikitext2 and ptb join lines as the papers do (default: built-in held-out text)")
	f.IntVar(&o.Seq, "seq", 128, "tokens a perplexity row")
	f.IntVar(&o.Chunks, "chunks", chunks, "perplexity rows at most, 0 for all")
	cmd.MarkFlagsMutuallyExclusive("ppl", idsFlag)
}

// textTokenizer is the tokenizer of a model; instead says what a person can do without.
func textTokenizer(m *load.Model, instead string) (tokenizer.Tokenizer, error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, inputError{fmt.Errorf("%w; or %s", err, instead)}
	}
	return tok, nil
}

// pplText is one text as rows of token ids.
type pplText struct {
	name string
	rows dataset.Rows
}

// load reads the texts; instead says what goes without a tokenizer.
func (o pplOptions) load(m *load.Model, instead string) ([]pplText, error) {
	if err := errors.Join(within("seq", o.Seq, 2, mostRows), within("chunks", o.Chunks, 0, mostSteps)); err != nil {
		return nil, err
	}
	if o.IDs != "" {
		return idsText(m, o.IDs)
	}
	tok, err := textTokenizer(m, instead)
	if err != nil {
		return nil, err
	}
	specs := o.PPL
	if len(specs) == 0 {
		specs = []string{"held-out=" + defaultText(m)}
	}
	var texts []pplText
	for _, spec := range specs {
		name, file, ok := strings.Cut(spec, "=")
		if !ok || name == "" || file == "" {
			return nil, usageError{fmt.Errorf("--ppl %q: want NAME=FILE", spec)}
		}
		text, err := heldoutText(name, file)
		if err != nil {
			return nil, inputError{err}
		}
		rows, err := dataset.Perplexity(text, tok, o.Seq, o.Chunks)
		if err != nil {
			return nil, inputError{fmt.Errorf("%s: %w", file, err)}
		}
		texts = append(texts, pplText{name, rows})
	}
	return texts, nil
}

// idsText is a file of token ids as a text.
func idsText(m *load.Model, path string) ([]pplText, error) {
	rows, err := readIDs(path, m.Config)
	if err != nil {
		return nil, err
	}
	if rows.Predicted() == 0 {
		return nil, errNothingPredicted(path)
	}
	return []pplText{{path, rows}}, nil
}

func heldoutText(name, file string) (string, error) {
	if b, ok := strings.CutPrefix(file, builtinText); ok {
		_, heldout, err := builtin(b)
		return heldout, err
	}
	return dataset.Join(name, file)
}

// measured is the perplexity of one text; the JSON output.
type measured struct {
	Text string `json:"text"`
	eval.Result
}

// measure evaluates weights of a configuration on each text.
func measure(ctx context.Context, be backend.Backend, cfg *model.Config, weights checkpoint.Checkpoint, texts []pplText, label string, stderr io.Writer) ([]measured, error) {
	tr := transformer.New(be, cfg)
	w := transformer.NewStored(be, weights)
	var results []measured
	for _, t := range texts {
		bar := newProgress(stderr, label+" on "+t.name, int64(len(t.rows)))
		r, err := eval.Perplexity(ctx, tr, w, t.rows, func(done int) { bar.set(int64(done)) })
		if err != nil {
			return nil, err
		}
		bar.finish(fmt.Sprintf("perplexity %.4f", r.Perplexity))
		results = append(results, measured{t.name, r})
	}
	return results, nil
}

// evalCommand are the options of moreau eval.
type evalCommand struct {
	*globals
	pplOptions
}

func newEvalCommand(g *globals) *cobra.Command {
	o := &evalCommand{globals: g}
	cmd := &cobra.Command{
		Use: "eval MODEL", Short: "Measure perplexity",
		Example: "  moreau eval model.gguf --ppl wikitext2=wiki.test.raw --seq 2048",
		Args:    oneModel,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.pplOptions.AddFlags(cmd, 0, "ids")
	return cmd
}

func (o *evalCommand) run(ctx context.Context, path string, stdout, stderr io.Writer) error {
	m, err := load.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	texts, err := o.load(m, "give token ids instead: --ids FILE")
	if err != nil {
		return err
	}
	be, err := o.backend()
	if err != nil {
		return err
	}
	results, err := measure(ctx, be, m.Config, m.Weights, texts, "perplexity", stderr)
	if err != nil {
		return blame(m, err)
	}
	if o.JSON {
		return printJSON(stdout, map[string]any{"model": m.Path, "backend": be.Name(), "perplexity": results})
	}
	rows := []string{"text\trows\ttokens\tperplexity\ttokens/s"}
	for _, r := range results {
		rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%.4f\t%.0f", r.Text, r.Rows, r.Tokens, r.Perplexity, r.TokensPerSecond))
	}
	table(stdout, rows...)
	return nil
}

func errNothingPredicted(path string) error {
	return inputError{fmt.Errorf("%s: no row has a next token to predict; give rows of at least two ids", path)}
}

// readIDs reads rows of token ids and checks them against the vocabulary.
func readIDs(path string, cfg *model.Config) (dataset.Rows, error) {
	rows, err := dataset.ReadIDs(path)
	if err == nil {
		if err = dataset.Validate(rows, cfg.VocabSize); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return nil, inputError{err}
	}
	return rows, nil
}
