package chat

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// Refusal is what a template says of a conversation that it does not take (raise_exception).
type Refusal struct{ Message string }

func (r *Refusal) Error() string { return "chat template: " + r.Message }

// variables are the names that a template sees beside those of Jinja, as transformers gives them:
// no tools and no documents.
func (o Options) variables(messages []Message) map[string]jinja.Value {
	list := make([]any, len(messages))
	for i, m := range messages {
		list[i] = map[string]any{"role": m.Role, "content": m.Content}
	}
	v := map[string]jinja.Value{
		"messages":              jinja.FromGoValue(list),
		"tools":                 jinja.None(),
		"documents":             jinja.None(),
		"add_generation_prompt": jinja.NewBool(o.Answer),
	}
	for name, token := range o.Tokens {
		v[name] = jinja.NewString(token)
	}
	maps.Copy(v, functions(o.Now))
	return v
}

// countCall is what every macro calls, and maxCalls how often in a rendering.
const (
	countCall = "moreau_call"
	maxCalls  = 20_000
)

// functions stand before the library's own of the same names: one whose refusals are known from
// other errors, one with all directives and a given time, one with the limit of Jinja's sandbox.
func functions(now time.Time) map[string]jinja.Value {
	calls := 0
	table := map[string]func(args []jinja.Value) (jinja.Value, error){
		"raise_exception": func(args []jinja.Value) (jinja.Value, error) {
			return jinja.Undefined(), &Refusal{text(args)}
		},
		"strftime_now": func(args []jinja.Value) (jinja.Value, error) {
			return jinja.NewString(strftime(text(args), now)), nil
		},
		"range": steps,
		countCall: func([]jinja.Value) (jinja.Value, error) {
			if calls++; calls > maxCalls {
				return jinja.Undefined(), fmt.Errorf("more than %d calls of macros", maxCalls)
			}
			return jinja.None(), nil
		},
	}
	functions := map[string]jinja.Value{}
	for name, do := range table {
		functions[name] = jinja.NewCallable(name, func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) { return do(args) })
	}
	return functions
}

// text is the first argument, a string.
func text(args []jinja.Value) string {
	if len(args) == 0 || !args[0].IsString() {
		return ""
	}
	return args[0].AsString()
}

// maxRange is the most that range gives (jinja2.sandbox.MAX_RANGE).
const maxRange = 100_000

// steps is range(stop), range(start, stop) or range(start, stop, step).
func steps(args []jinja.Value) (jinja.Value, error) {
	numbers := []int64{0, 0, 1}
	for _, a := range args {
		if !a.IsInt() {
			return jinja.Undefined(), errors.New("range: want whole numbers")
		}
	}
	switch len(args) {
	case 1:
		numbers[1] = args[0].AsInt()
	case 2, 3:
		for i, a := range args {
			numbers[i] = a.AsInt()
		}
	default:
		return jinja.Undefined(), fmt.Errorf("range: %d arguments, want 1 to 3", len(args))
	}
	start, stop, step := numbers[0], numbers[1], numbers[2]
	if step == 0 {
		return jinja.Undefined(), errors.New("range: the step is 0")
	}
	var items []jinja.Value
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(items) == maxRange {
			return jinja.Undefined(), fmt.Errorf("range: more than %d numbers", maxRange)
		}
		items = append(items, jinja.NewInt(i))
	}
	return jinja.NewList(items), nil
}

// directives are those of C's strftime in its own locale, in Go's words.
var directives = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02",
	'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006",
}

// unpadded are the directives behind %-, as glibc has them.
var unpadded = map[byte]string{'d': "2", 'H': "15", 'I': "3", 'm': "1", 'M': "4", 'S': "5"}

// strftime writes t by a format of C; what it does not know stays as it is.
func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		rest := format[i:]
		switch {
		case len(rest) >= 2 && rest[0] == '%' && directives[rest[1]] != "":
			b.WriteString(t.Format(directives[rest[1]]))
			i++
		case len(rest) >= 3 && rest[:2] == "%-" && unpadded[rest[2]] != "":
			b.WriteString(strings.TrimPrefix(t.Format(unpadded[rest[2]]), "0"))
			i += 2
		case strings.HasPrefix(rest, "%%"):
			b.WriteByte('%')
			i++
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}
