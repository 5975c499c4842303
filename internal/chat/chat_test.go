package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// golden is testdata/golden.json, made by golden.py with transformers.
type golden struct {
	Now           time.Time
	Tokens        map[string]string
	Conversations map[string][]Message
	Templates     map[string][]struct {
		Conversation, Text, Refusal string
		Answer                      bool
	}
	Snippets []struct {
		Name, Source string
		Text         *string
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Every template gives every conversation what transformers makes of it, or refuses it in the same words.
func TestTemplates(t *testing.T) {
	g := readGolden(t)
	files, err := filepath.Glob("testdata/templates/*.jinja")
	if err != nil || len(files) != len(g.Templates) {
		t.Fatalf("%d templates, %d in golden.json, %v", len(files), len(g.Templates), err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		template, err := New(string(source))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, c := range g.Templates[filepath.Base(file)] {
			text, err := template.Render(g.Conversations[c.Conversation], Options{g.Tokens, c.Answer, g.Now})
			refused, ok := errors.AsType[*Refusal](err)
			switch {
			case c.Refusal != "" && (!ok || refused.Message != c.Refusal):
				t.Errorf("%s, %s: %q, %v, want the refusal %q", file, c.Conversation, text, err, c.Refusal)
			case c.Refusal == "" && (err != nil || text != c.Text):
				t.Errorf("%s, %s, answer %v: %v\ngot  %q\nwant %q", file, c.Conversation, c.Answer, err, text, c.Text)
			}
		}
	}
}

// otherwise are the snippets of which the library makes something else than Jinja; none of
// the templates at hand needs them (docs/formats/chat.md).
var otherwise = map[string]string{
	"no lstrip plus": "{%+", "no trim plus": "+%}", "with": "with blocks", "loop recursive": "recursive loops",
	"set tuple": "several names set at once", "string concat literals": "literals side by side", "escapes": `\x and \u in literals`,
	"print": "1e3", "math": "floats without fraction", "concat": "none and floats without fraction", "rounding": "half to even",
	"split none": "split with a maximum", "join": "join of a literal", "rsplit": "rsplit", "isdigit": "isdigit", "splitlines": "splitlines", "format": "%",
	"select": "select without argument", "tests": "divisibleby", "dict": "tojson with indent", "tojson sort": "tojson with sort_keys", "unicode idents": "case of special letters",
	"do": "lists that change", "getattr of undefined": "attributes of nothing", "add none": "sums of text and nothing", "add int": "sums of text and number",
}

// What Jinja makes of the environment's parts: blanks around blocks, loop controls, functions, filters.
func TestSnippets(t *testing.T) {
	g := readGolden(t)
	messages := []Message{{"user", "Hello world"}, {"assistant", "Hi"}}
	left := len(otherwise)
	for _, s := range g.Snippets {
		var text string
		template, err := New(s.Source)
		if err == nil {
			text, err = template.Render(messages, Options{g.Tokens, true, g.Now})
		}
		same := err == nil && s.Text != nil && text == *s.Text || err != nil && s.Text == nil
		if why, listed := otherwise[s.Name]; listed {
			left--
			if same {
				t.Errorf("%s is as Jinja has it now: take %q off the list", s.Name, why)
			}
		} else if !same {
			t.Errorf("%s: %q gives %q, %v; want %v", s.Name, s.Source, text, err, s.Text)
		}
	}
	if left != 0 {
		t.Errorf("%d names of the list are no snippets", left)
	}
}

// Programs that go wrong end in an error.
func TestHostile(t *testing.T) {
	for name, source := range map[string]string{
		"too long":   strings.Repeat("x", maxTemplate+1),
		"nested":     "{{ " + strings.Repeat("(", maxTemplate-10),
		"nots":       "{{ " + strings.Repeat("not ", maxTemplate/4-10),
		"blocks":     strings.Repeat("{% if 1 %}", maxTemplate/10),
		"a panic":    "{{ [1] | select | list }}",
		"range":      "{% for i in range(1000000000000) %}{% endfor %}",
		"no step":    "{{ range(1, 2, 0) }}",
		"no numbers": "{{ range('a') }}",
		"unknown":    "{{ nothing('x') }}",
		"recursion":  "{%- macro f(x, y='%}') -%} {% if true %}{% for i in [1] %}{{ f(1) }}{% endfor %}{% endif %}{% endmacro %}{{ f(2) }}",
		"each other": "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{% call f() %}x{% endcall %}{% endmacro %}{% set h = g %}{{ h() }}",
	} {
		template, err := New(source)
		if err == nil {
			_, err = template.Render([]Message{{"user", "x"}}, Options{})
		}
		if !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	template, err := New("{{ messages[0].role }}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := template.Render(nil, Options{}); !errors.Is(err, ErrTemplate) {
		t.Errorf("no messages: %v", err)
	}
}
