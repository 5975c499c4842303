// Package chat puts a conversation into the text that a model was trained on, by the model's own
// chat template: a Jinja program that its files bring along. Its results are those of
// transformers' apply_chat_template (docs/formats/chat.md).
package chat

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// ErrTemplate marks a template that cannot be read or run.
var ErrTemplate = errors.New("chat template")

// maxTemplate is the largest template, in bytes; known ones have up to some 20,000. What is
// nested deeper than that many bytes allow would overflow the stack.
const maxTemplate = 128 << 10

// Message is what one side says. Roles are system, user, assistant, and what else the template knows.
type Message struct{ Role, Content string }

// Template is a model's.
type Template struct{ program *jinja.Template }

// New compiles the source of a template. Errors are ErrTemplate.
func New(source string) (t *Template, err error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTemplate, len(source), maxTemplate)
	}
	if strings.Contains(source, "{%+") || strings.Contains(source, "+%}") { // the library would pass over it
		return nil, fmt.Errorf("%w: blocks that keep blanks ({%%+) are not read", ErrTemplate)
	}
	defer catch(&err)
	program, err := jinja.Compile(counted(lines(source)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	return &Template{program}, nil
}

// lines does to line ends what Jinja does before it looks for tags, and the library does not:
// all become \n, and one at the very end is dropped.
func lines(source string) string {
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	return strings.TrimSuffix(source, "\n")
}

// macroTag is the beginning of a macro, and how it ends: -%} or %}.
var macroTag = regexp.MustCompile(`\{%-?\s*macro\b(?:[^'"%]|%[^}]|'[^']*'|"[^"]*")*?(-?)%\}`)

// counted makes each macro call countCall first: one that calls itself without end would
// overflow the stack, which ends a program of Go. A block behind a block changes no blanks.
func counted(source string) string {
	return macroTag.ReplaceAllString(source, "${0}{% set "+countCall+"ed = "+countCall+"() ${1}%}")
}

// Options of a rendering.
type Options struct {
	Tokens map[string]string // special tokens by the templates' names for them: bos_token, eos_token, ...
	Answer bool              // the assistant's turn is begun (add_generation_prompt)
	Now    time.Time         // what strftime_now tells
}

// Render gives the text of a conversation of at least one message, special tokens written out,
// so that nothing has to be put before or behind it. What the template refuses is a *Refusal.
func (t *Template) Render(messages []Message, o Options) (text string, err error) {
	if len(messages) == 0 {
		return "", fmt.Errorf("%w: a conversation without messages", ErrTemplate)
	}
	defer catch(&err)
	text, err = t.program.RenderValues(o.variables(messages))
	if refused, ok := errors.AsType[*Refusal](err); ok {
		return "", refused
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	return text, nil
}

// catch makes an error of a panic: templates are programs that nobody has checked, and the
// library has indexing that it does not.
func catch(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrTemplate, p)
	}
}
