package job

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"moreau/internal/backend"
	"moreau/internal/checkpoint"
	"moreau/internal/dataset"
	"moreau/internal/eval"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// TextOptions say on which texts perplexity is measured.
type TextOptions struct {
	Files  []NamedFile // none: the built-in held-out text
	IDs    string      // rows of token ids instead
	Seq    int         // tokens a row
	Chunks int         // rows at most, 0 for all
	BOS    BOS         // whether rows of text begin with BOS, which counts among Seq
}

// inputs are the files that are read; a nil o has none.
func (o *TextOptions) inputs() []string {
	if o == nil {
		return nil
	}
	files := []string{o.IDs}
	for _, f := range o.Files {
		files = append(files, f.Path)
	}
	return files
}

// NamedFile is a text: wikitext2 and ptb join lines as the papers do.
type NamedFile struct{ Name, Path string }

// text is one text as rows of token ids.
type text struct {
	name string
	rows dataset.Rows
	bos  bool // rows begin with BOS
}

// load reads the texts; instead says what goes without a tokenizer.
func (o TextOptions) load(m *load.Model, instead string) ([]text, error) {
	if err := errors.Join(Within("seq", o.Seq, 2, MostRows), Within("chunks", o.Chunks, 0, MostSteps)); err != nil {
		return nil, err
	}
	if o.IDs != "" {
		rows, err := predictable(o.IDs, m.Config)
		return []text{{name: o.IDs, rows: rows}}, err
	}
	tok, err := textTokenizer(m, instead)
	if err != nil {
		return nil, err
	}
	bos, err := o.BOS.decide(tok, false) // the papers' protocols have none
	if err != nil {
		return nil, err
	}
	files := o.Files
	if len(files) == 0 {
		files = []NamedFile{{"held-out", defaultText(m)}}
	}
	var texts []text
	for _, f := range files {
		words, err := heldout(f)
		if err != nil {
			return nil, Input(err)
		}
		rows, err := rowsOf(tok, bos, o.Seq, func(tokens int) (dataset.Rows, error) {
			return dataset.Perplexity(words, tok, tokens, o.Chunks)
		})
		if err != nil {
			return nil, Input(fmt.Errorf("%s: %w", f.Path, err))
		}
		texts = append(texts, text{f.Name, rows, bos})
	}
	return texts, nil
}

func heldout(f NamedFile) (string, error) {
	if b, ok := strings.CutPrefix(f.Path, builtinText); ok {
		_, words, err := builtin(b)
		return words, err
	}
	return dataset.Join(f.Name, f.Path)
}

// TextPlan is a text on which perplexity will be measured.
type TextPlan struct {
	Name   string
	Rows   int
	Passes []eval.Pass
}

func planTexts(texts []text) []TextPlan {
	var plans []TextPlan
	for _, t := range texts {
		plans = append(plans, TextPlan{t.name, len(t.rows), eval.Passes(t.rows)})
	}
	return plans
}

// evalRAM is the resident memory that the largest pass takes.
func evalRAM(m *load.Model, texts []TextPlan) int64 {
	sizes := map[[2]int]bool{}
	for _, t := range texts {
		for _, p := range t.Passes {
			sizes[[2]int{p.B, p.T}] = true
		}
	}
	var most int64
	for s := range sizes {
		most = max(most, EvalBytes(m, s[0], s[1]))
	}
	return most
}

// Measured is the perplexity of one text.
type Measured struct {
	Text string `json:"text"`
	BOS  bool   `json:"bos"` // each row begins with it; false for rows given as ids
	eval.Result
}

// measure evaluates weights of a configuration on each text.
func measure(ctx context.Context, be backend.Backend, cfg *model.Config, weights checkpoint.Checkpoint, texts []text, phase Phase, progress Progress) ([]Measured, error) {
	tr := transformer.New(be, cfg)
	w := transformer.NewStreamed(be, weights)
	var results []Measured
	for _, t := range texts {
		m, err := measureText(ctx, tr, w, t, phase, t.name, progress)
		if err != nil {
			return nil, err
		}
		results = append(results, m)
	}
	return results, nil
}

func measureText(ctx context.Context, tr *transformer.Transformer, w transformer.WeightSource, t text, phase Phase, of string, progress Progress) (Measured, error) {
	progress.Begin(phase, of, int64(len(t.rows)))
	r, err := eval.Perplexity(ctx, tr, w, t.rows, func(done int) { progress.At(int64(done)) })
	if err != nil {
		return Measured{}, err
	}
	progress.End(r.Perplexity)
	return Measured{t.name, t.bos, r}, nil
}
