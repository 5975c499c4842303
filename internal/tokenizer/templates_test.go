package tokenizer

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// Templates stand in tokenizer_config.json or in files of their own, by name; they come back from all that is written.
func TestTemplates(t *testing.T) {
	made, err := small().HF()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
		other map[string]string
	}{
		"none":      {map[string]string{"tokenizer_config.json": `{}`}, "", nil},
		"config":    {map[string]string{"tokenizer_config.json": `{"chat_template": "C"}`, "chat_template.json": `{"chat_template": "P"}`}, "C", nil},
		"jinja":     {map[string]string{"tokenizer_config.json": `{"chat_template": "C"}`, "chat_template.jinja": "J", "chat_template.json": `{"chat_template": "P"}`}, "J", nil},
		"processor": {map[string]string{"tokenizer_config.json": `{}`, "chat_template.json": `{"chat_template": "P"}`}, "P", nil},
		"list":      {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}, {"name": "", "template": "x"}]}`}, "D", map[string]string{"tool_use": "T"}},
		"no default": {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "rag", "template": "R"}, {"name": "tool_use", "template": "T"}]}`}, "",
			map[string]string{"rag": "R", "tool_use": "T"}},
		"folder": {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "default", "template": "D"}, {"name": "rag", "template": "R"}]}`, "chat_template.jinja": "J",
			"additional_chat_templates/rag.jinja": "A", "additional_chat_templates/chat_template.jinja": "X"}, "J", map[string]string{"rag": "A", "chat_template": "X"}},
	} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "additional_chat_templates"), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "tokenizer.json"), string(made["tokenizer.json"]))
		for file, text := range c.files {
			write(t, filepath.Join(dir, file), text)
		}
		v, err := FromHF(dir)
		if err != nil {
			t.Fatal(err)
		}
		kv := map[string]any{}
		for _, e := range mustGGUF(t, v) {
			kv[e.Key] = e.Value
		}
		fromGGUF, err := FromGGUF(kv)
		if err != nil {
			t.Fatal(err)
		}
		for from, v := range map[string]*Vocab{"a folder": v, "GGUF": fromGGUF, "a folder made from it": rewritten(t, fromGGUF)} {
			if v.ChatTemplate != c.want || !maps.Equal(v.OtherTemplates, c.other) {
				t.Errorf("%s, from %s: %q, %q", name, from, v.ChatTemplate, v.OtherTemplates)
			}
		}
	}
}
