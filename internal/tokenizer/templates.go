package tokenizer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Where GGUF files have chat templates (gguf-py, add_chat_template): the default, the names of the
// others, and behind a dot each of these.
const (
	ggufTemplate      = "tokenizer.chat_template"
	ggufTemplateNames = "tokenizer.chat_templates"
)

// maxName is the longest name of a template, in bytes.
const maxName = 64

// defaultTemplate is the name of the template for chats in a list of named ones.
const defaultTemplate = "default"

// namedTemplate is one of a list.
type namedTemplate struct {
	Name     string `json:"name"`
	Template string `json:"template"`
}

// templates takes what chat_template of a JSON file says, a text or a list of named ones, where
// nothing is known yet.
func (v *Vocab) templates(raw json.RawMessage) {
	text, _ := value[string](raw)
	v.template(defaultTemplate, text)
	named, _ := value[[]namedTemplate](raw)
	for _, t := range named {
		v.template(t.Name, t.Template)
	}
}

// template takes a template, unless one of its name is known.
func (v *Vocab) template(name, source string) {
	switch {
	case name == "" || len(name) > maxName || source == "":
	case name != defaultTemplate:
		if v.OtherTemplates == nil {
			v.OtherTemplates = map[string]string{}
		}
		if v.OtherTemplates[name] == "" {
			v.OtherTemplates[name] = source
		}
	case v.ChatTemplate == "":
		v.ChatTemplate = source
	}
}

// readTemplates takes templates from files of their own: chat_template.jinja and additional_chat_templates
// go before what tokenizer_config.json says, chat_template.json, of processors, behind it.
func (v *Vocab) readTemplates(dir string) error {
	said := *v
	v.ChatTemplate, v.OtherTemplates = "", nil
	files, err := fs.Glob(os.DirFS(dir), "additional_chat_templates/*.jinja")
	if err != nil {
		return err
	}
	for _, file := range append(files, "chat_template.jinja") {
		name := strings.TrimSuffix(filepath.Base(file), ".jinja")
		if file == "chat_template.jinja" {
			name = defaultTemplate
		}
		data, err := readFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		v.template(name, string(data))
	}
	v.template(defaultTemplate, said.ChatTemplate)
	for name, source := range said.OtherTemplates {
		v.template(name, source)
	}
	o, err := readObject(filepath.Join(dir, "chat_template.json"))
	v.templates(o["chat_template"])
	return err
}

// hfTemplates is chat_template of a tokenizer_config.json, nil for none.
func (v *Vocab) hfTemplates() any {
	if len(v.OtherTemplates) == 0 {
		if v.ChatTemplate == "" {
			return nil
		}
		return v.ChatTemplate
	}
	var list []namedTemplate
	if v.ChatTemplate != "" {
		list = append(list, namedTemplate{defaultTemplate, v.ChatTemplate})
	}
	for _, name := range slices.Sorted(maps.Keys(v.OtherTemplates)) {
		list = append(list, namedTemplate{name, v.OtherTemplates[name]})
	}
	return list
}

// otherTemplates reads the templates with names.
func (g *ggufReader) otherTemplates(v *Vocab) {
	for _, name := range get(g, ggufTemplateNames, []string(nil)) {
		v.template(name, get(g, ggufTemplate+"."+name, ""))
	}
}

// ggufTemplates are the entries of all templates. Names there have letters, digits and _ alone.
func (v *Vocab) ggufTemplates() (kv []KeyValue) {
	named := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(v.OtherTemplates)) {
		named[strings.Map(plainLetter, name)] = v.OtherTemplates[name]
	}
	names := slices.Sorted(maps.Keys(named))
	for _, name := range names {
		kv = append(kv, KeyValue{ggufTemplate + "." + name, named[name]})
	}
	if len(names) > 0 {
		kv = append(kv, KeyValue{ggufTemplateNames, names})
	}
	if v.ChatTemplate != "" {
		kv = append(kv, KeyValue{ggufTemplate, v.ChatTemplate})
	}
	return kv
}

func plainLetter(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}
