package tokenizer

import (
	"encoding/json"
	"slices"
)

// component is a normaliser, pre-tokeniser or post-processor of a tokenizer.json with the
// settings that matter here.
type component struct {
	Type          string       `json:"type"`
	Normalizers   []*component `json:"normalizers"`
	PreTokenizers []*component `json:"pretokenizers"`
	Processors    []*component `json:"processors"`

	Prepend          string                          `json:"prepend"`
	Pattern          struct{ String, Regex *string } `json:"pattern"`
	Content          string                          `json:"content"`
	Behavior         string                          `json:"behavior"`
	Invert           bool                            `json:"invert"`
	IndividualDigits bool                            `json:"individual_digits"`
	AddPrefixSpace   *bool                           `json:"add_prefix_space"`
	UseRegex         *bool                           `json:"use_regex"`
	Replacement      string                          `json:"replacement"`
	PrependScheme    string                          `json:"prepend_scheme"`
	Split            *bool                           `json:"split"`
	Left             bool                            `json:"strip_left"`
	Right            bool                            `json:"strip_right"`
	Single           []json.RawMessage               `json:"single"`
}

// steps lists the components of nested sequences in order.
func (c *component) steps() []*component {
	if c == nil {
		return nil
	}
	if c.Type != "Sequence" {
		return []*component{c}
	}
	var all []*component
	for _, part := range slices.Concat(c.Normalizers, c.PreTokenizers, c.Processors) {
		all = append(all, part.steps()...)
	}
	return all
}

func (c *component) name() string {
	switch {
	case c == nil:
		return "null"
	case c.Type == "Split" && c.Pattern.Regex != nil:
		return "Split " + text(c.Pattern.Regex)
	}
	return c.Type
}

func orTrue(b *bool) bool { return b == nil || *b }

// pipeline sets Model, Pre and the blank rules from normalizer and pre_tokenizer.
func (f *hfTokenizer) pipeline(v *Vocab) error {
	steps := f.PreTokenizer.steps()
	if len(steps) > 0 && steps[len(steps)-1].Type == "ByteLevel" {
		return f.byteLevel(v, steps)
	}
	return f.sentencePiece(v, steps)
}

// byteLevel recognises the pre-tokenisers of pres and nothing else: another regular expression
// gives other ids.
func (f *hfTokenizer) byteLevel(v *Vocab, steps []*component) error {
	last := steps[len(steps)-1]
	if orTrue(last.AddPrefixSpace) {
		return unsupported("ByteLevel pre-tokenizer with add_prefix_space")
	}
	for _, n := range f.Normalizer.steps() {
		if err := v.addNormalizer(n); err != nil {
			return err
		}
	}
	for name, p := range pres {
		if p.matches(steps[:len(steps)-1], orTrue(last.UseRegex)) {
			v.Model, v.Pre, v.IgnoreMerges = "gpt2", name, f.Model.IgnoreMerges
			return nil
		}
	}
	return unsupported("pre-tokenizer %.200q (known: those of %s)", names(steps), knownPres())
}

func names(steps []*component) []string {
	var all []string
	for _, s := range steps {
		all = append(all, s.name())
	}
	return all
}

// addNormalizer takes a step that changes the text itself.
func (v *Vocab) addNormalizer(n *component) error {
	if n.Type == "Replace" && n.Pattern.String == nil {
		return unsupported("normalizer Replace of the regular expression %.100q (known: %s)", text(n.Pattern.Regex), knownNormalizers)
	}
	v.Normalizers = append(v.Normalizers, Normalizer{n.Type, text(n.Pattern.String), n.Content, n.Left, n.Right})
	return v.Normalizers[len(v.Normalizers)-1].validate()
}

// matches compares with the steps before ByteLevel and with its use_regex.
func (p pre) matches(steps []*component, ownRegex bool) bool {
	if p.regex == "" && !p.digits {
		return len(steps) == 0 && ownRegex
	}
	if len(steps) != 1 {
		return false
	}
	s := steps[0]
	if p.digits {
		return s.Type == "Digits" && s.IndividualDigits && ownRegex
	}
	return s.Type == "Split" && s.Behavior == "Isolated" && !s.Invert && text(s.Pattern.Regex) == p.regex && !ownRegex
}

// template sets AddBOS and AddEOS, and finds both ids, from the post-processor: tokens before
// and after the sequence.
func (f *hfTokenizer) template(v *Vocab) error {
	for _, p := range f.PostProcessor.steps() {
		switch p.name() {
		case "TemplateProcessing":
			v.around(p.Single)
		case "ByteLevel": // moves offsets, not ids
		default:
			return unsupported("post-processor %q (known: TemplateProcessing, ByteLevel)", p.name())
		}
	}
	return nil
}

func (v *Vocab) around(template []json.RawMessage) {
	after := false
	for _, raw := range template {
		item, _ := value[struct {
			SpecialToken *struct{ ID string }
		}](raw)
		switch {
		case item.SpecialToken == nil:
			after = true
		case after:
			v.AddEOS, v.EOS = true, v.id(item.SpecialToken.ID)
		default:
			v.AddBOS, v.BOS = true, v.id(item.SpecialToken.ID)
		}
	}
}
