package task

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"moreau/internal/dataset"
)

// functions are what templates may call beside Go's own. The text comes last, for pipes.
var functions = template.FuncMap{
	"choice":          func(string) string { return "" }, // replaced while a template of choices runs
	"trim":            strings.TrimSpace,
	"before":          func(sep, s string) (string, error) { b, _, err := cut(sep, s); return b, err },
	"after":           func(sep, s string) (string, error) { _, a, err := cut(sep, s); return a, err },
	"replace":         func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
	"remove":          remove,
	"matches":         regexp.MatchString,
	"capitalize":      capitalize,
	"capitalizeAfter": capitalizeAfter,
	"wikitext":        dataset.Detokenise,
}

// cut is s before and after the first sep, which must be there.
func cut(sep, s string) (before, after string, err error) {
	before, after, ok := strings.Cut(s, sep)
	if !ok {
		err = fmt.Errorf("there is no %q in %.60q", sep, s)
	}
	return before, after, err
}

// remove is s without what matches a regular expression.
func remove(pattern, s string) (string, error) {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	return r.ReplaceAllLiteralString(s, ""), nil
}

// capitalize is Python's: the first letter in upper case, the others in lower case.
func capitalize(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToTitle(first)) + strings.ToLower(s[n:])
}

// capitalizeAfter capitalises what follows the last match of a regular expression, if there is one.
func capitalizeAfter(pattern, s string) (string, error) {
	r, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	matches := r.FindAllStringIndex(s, -1)
	if matches == nil {
		return s, nil
	}
	end := matches[len(matches)-1][1]
	return s[:end] + capitalize(s[end:]), nil
}

// compiled are the templates of a prompt.
type compiled struct {
	contexts, choices  []*template.Template
	gold, text, source *template.Template
}

func (p *Prompt) compile() error {
	asks := len(p.Contexts) > 0 || len(p.Choices) > 0 || p.Gold != "" || p.Delimiter != nil
	switch {
	case p.Text != "" && asks:
		return errors.New(`"text" goes without "context", "choices", "delimiter" and "gold"`)
	case p.Text != "":
		return p.compileText()
	case len(p.Contexts) == 0 || len(p.Choices) == 0 || p.Gold == "":
		return errors.New(`want "context", "choices" and "gold", or "text"`)
	case p.Source != "":
		return errors.New(`"source" goes with "text"`)
	}
	c := &compiled{}
	var errs [3]error
	c.contexts, errs[0] = parseAll("context", p.Contexts)
	c.choices, errs[1] = parseAll("choices", p.Choices)
	c.gold, errs[2] = parse("gold", p.Gold)
	p.compiled = c
	return errors.Join(errs[:]...)
}

func (p *Prompt) compileText() (err error) {
	c := &compiled{}
	var errs [2]error
	c.text, errs[0] = parse("text", p.Text)
	c.source, errs[1] = parse("source", cmp.Or(p.Source, p.Text))
	p.compiled = c
	return errors.Join(errs[:]...)
}

func parseAll(name string, texts Templates) (all []*template.Template, err error) {
	for _, text := range texts {
		t, err := parse(name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func parse(name, text string) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", name, reason(err))
	}
	return t, nil
}

// reason is what went wrong in a template, in a reader's words.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), "template: ")
	if _, rest, ok := strings.Cut(text, "map has no entry for key "); ok {
		return "there is no field " + rest
	}
	return text
}
