package task

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
	"unicode/utf8"

	"moreau/internal/dataset"
)

// functions are what templates may call beside Go's own. The text comes last, for pipes.
var functions = template.FuncMap{
	"choice":          func(any) string { return "" }, // replaced while a template of choices runs
	"text":            pipedText,                      // put behind all that is printed, see printTexts
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

// pipedText is the text of what a pipeline gives.
func pipedText(pipe string, v any) (string, error) {
	s, err := text(v)
	if err != nil {
		err = fmt.Errorf("{{%s}}: %w", pipe, err)
	}
	return s, err
}

// text is what a template prints of a value: lists and objects have no text.
func text(v any) (string, error) {
	switch v.(type) {
	case nil:
		return "", errors.New("want text, there is null")
	case []any:
		return "", errors.New("want text, there is a list")
	case map[string]any:
		return "", errors.New("want text, there is an object")
	}
	return fmt.Sprint(v), nil
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
	c.gold, errs[2] = parsed("gold", p.Gold)
	p.compiled = c
	return errors.Join(errs[:]...)
}

func (p *Prompt) compileText() (err error) {
	c := &compiled{}
	var errs [2]error
	c.text, errs[0] = parsed("text", p.Text)
	c.source, errs[1] = parsed("source", cmp.Or(p.Source, p.Text))
	p.compiled = c
	return errors.Join(errs[:]...)
}

func parseAll(name string, texts Templates) (all []*template.Template, err error) {
	for _, text := range texts {
		t, err := parsed(name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func parsed(name, text string) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", name, reason(err))
	}
	printTexts(t.Root)
	return t, nil
}

// printTexts lets all that a template prints go through text.
func printTexts(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil { // there is no else
			return
		}
		for _, inner := range n.Nodes {
			printTexts(inner)
		}
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			pipe := n.Pipe.String()
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos,
				Args: []parse.Node{parse.NewIdentifier("text").SetPos(n.Pos), &parse.StringNode{NodeType: parse.NodeString, Pos: n.Pos, Quoted: strconv.Quote(pipe), Text: pipe}}})
		}
	case *parse.IfNode:
		printTexts(n.List)
		printTexts(n.ElseList)
	case *parse.RangeNode:
		printTexts(n.List)
		printTexts(n.ElseList)
	case *parse.WithNode:
		printTexts(n.List)
		printTexts(n.ElseList)
	}
}

// failed is where a template failed, and in which function, and why.
var failed = regexp.MustCompile(`(?s)^.* at <(.*?)>: (?:error calling \w+: )?(.*)$`)

// noField is why, where a field is missing or what should have it is none.
var noField = regexp.MustCompile(`map has no entry for key "(.*)"|can't evaluate field (\w+) in type`)

// reason is what went wrong in a template, in a reader's words.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), "template: ")
	where := failed.FindStringSubmatch(text)
	if where == nil {
		return text
	}
	if field := noField.FindStringSubmatch(where[2]); field != nil {
		return fmt.Sprintf("there is no field %q", field[1]+field[2])
	}
	switch {
	case strings.HasPrefix(where[1], "text "): // pipedText
		return where[2]
	case strings.Contains(where[2], "expected string"):
		return fmt.Sprintf("{{%s}}: want text", where[1])
	}
	return fmt.Sprintf("{{%s}}: %s", where[1], where[2])
}
