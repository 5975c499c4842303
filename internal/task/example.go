package task

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode/utf8"

	"moreau/internal/dataset"
)

// Example is one question.
type Example struct {
	Index    int       // of the record, from 0
	ID       string    // the record's own; "": it has none
	Gold     int       // number of the right choice, from 0
	Requests []Request // one a choice
}

// Request is a text whose continuation is to be scored.
type Request struct {
	Context, Continuation string
	Chars                 int // Unicode code points of the choice, without the delimiter: what acc_norm divides by
}

// example asks of a record what p says.
func (p Prompt) example(r dataset.Record) (Example, error) {
	withoutNulls(r)
	e := Example{ID: identity(r)}
	contexts, err := p.all(p.compiled.contexts, r)
	if err != nil {
		return e, err
	}
	choices, err := p.all(p.compiled.choices, r)
	if err != nil {
		return e, err
	}
	n := max(len(contexts), len(choices))
	if n < 2 || !slices.Contains([]int{1, n}, len(contexts)) || !slices.Contains([]int{1, n}, len(choices)) {
		return e, fmt.Errorf("%d contexts and %d choices: want several choices and one context, or as many, or one choice and several contexts", len(contexts), len(choices))
	}
	for i := range n {
		text := choices[i%len(choices)]
		e.Requests = append(e.Requests, Request{contexts[i%len(contexts)], p.delimiter() + text, utf8.RuneCountInString(text)})
	}
	e.Gold, err = p.gold(r, n)
	return e, err
}

// document reads a record whole, as p says.
func (p Prompt) document(r dataset.Record) (dataset.Document, error) {
	withoutNulls(r)
	text, _, err := run(p.compiled.text, r)
	if err != nil {
		return dataset.Document{}, err
	}
	source, _, err := run(p.compiled.source, r)
	return dataset.NewDocument(text, source), err
}

// withoutNulls takes fields that are null out of r, so that to templates they are missing.
func withoutNulls(r map[string]any) {
	for name, v := range r {
		if v == nil {
			delete(r, name)
		}
		if inner, ok := v.(map[string]any); ok {
			withoutNulls(inner)
		}
	}
}

// identities are the fields that name a record, by the data sets' habits.
var identities = []string{"id", "qID", "idx", "ind"}

func identity(r dataset.Record) string {
	for _, name := range identities {
		if v, ok := r[name]; ok {
			return fmt.Sprint(v)
		}
	}
	return ""
}

// all are the texts that templates give of r: what they hand to choice, or else what they print.
func (p Prompt) all(templates []*template.Template, r dataset.Record) (texts []string, err error) {
	for _, t := range templates {
		text, choices, err := run(t, r)
		switch {
		case err != nil:
			return nil, err
		case choices != nil:
			texts = append(texts, choices...)
		default:
			texts = append(texts, text)
		}
	}
	return texts, nil
}

// gold is the number of the right one of n choices.
func (p Prompt) gold(r dataset.Record, n int) (int, error) {
	text, _, err := run(p.compiled.gold, r)
	if err != nil {
		return 0, err
	}
	gold, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || gold < 0 || gold >= n {
		return 0, fmt.Errorf("the right answer is %.20q, want 0 to %d; are these records of a split whose answers are hidden?", text, n-1)
	}
	return gold, nil
}

// run gives what a template prints of r, and what it hands to choice.
func run(t *template.Template, r dataset.Record) (printed string, choices []string, err error) {
	t, err = t.Clone() // so that choice is this run's own
	if err != nil {
		return "", nil, err
	}
	t.Funcs(template.FuncMap{"choice": func(v any) (string, error) {
		s, err := text(v)
		choices = append(choices, s)
		return "", err
	}})
	var out strings.Builder
	if err := t.Execute(&out, r); err != nil {
		return "", nil, fmt.Errorf("%s: %s (fields here: %s)", t.Name(), reason(err), strings.Join(fields(r), ", "))
	}
	return out.String(), choices, nil
}

// fields are the names of a record's fields, a few of them.
func fields(r dataset.Record) []string {
	var names []string
	for name := range r {
		names = append(names, fmt.Sprintf("%.40q", name))
	}
	slices.Sort(names)
	if len(names) > 10 {
		names = append(names[:10], "...")
	}
	return names
}
