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
	if c.Type == "Split" {
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
	nfc := false
	for _, n := range f.Normalizer.steps() {
		if n.Type != "NFC" {
			return unsupported("normalizer %q of a byte-level vocabulary (known: NFC, none)", n.Type)
		}
		nfc = true
	}
	for name, p := range pres {
		if p.nfc == nfc && p.matches(steps[:len(steps)-1], orTrue(last.UseRegex)) {
			v.Model, v.Pre = "gpt2", name
			return nil
		}
	}
	var names []string
	for _, s := range steps {
		names = append(names, s.name())
	}
	return unsupported("pre-tokenizer %.200q (known: those of %s)", names, knownPres())
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

// The regular expressions of the normalisers by which HF writes SentencePiece's remove_extra_whitespaces.
const (
	blankRuns   = " {2,}"
	outerBlanks = `\A | \z`
)

// sentencePiece recognises the two ways HF writes SentencePiece's blanks: normaliser Prepend and
// Replace, or pre-tokeniser Metaspace.
func (f *hfTokenizer) sentencePiece(v *Vocab, steps []*component) error {
	v.Model, v.Pre = "llama", "default"
	replaced := false
	for _, n := range f.Normalizer.steps() {
		switch {
		case n.Type == "Prepend" && n.Prepend == blank:
			v.AddSpacePrefix = true
		case n.Type == "Replace" && text(n.Pattern.String) == " " && n.Content == blank:
			replaced = true
		case n.Type == "Replace" && (text(n.Pattern.Regex) == blankRuns || text(n.Pattern.Regex) == outerBlanks):
			v.RemoveExtraSpaces = true
		default:
			return unsupported("normalizer %q of a SentencePiece-like vocabulary (known: Prepend and Replace with U+2581)", n.Type)
		}
	}
	if replaced && (len(steps) == 0 || len(steps) == 1 && steps[0].atBlanks()) {
		return nil // Gemma splits at blanks too, of which none is left then
	}
	if len(steps) != 1 || steps[0].Type != "Metaspace" || f.Normalizer != nil {
		return unsupported("neither a ByteLevel nor a SentencePiece-like pipeline (Prepend and Replace, or Metaspace)")
	}
	return v.metaspace(steps[0])
}

// atBlanks says that the step cuts a text at blanks and does nothing else.
func (c *component) atBlanks() bool {
	return c.Type == "Split" && text(c.Pattern.String) == " " && c.Behavior == "MergedWithPrevious"
}

func (v *Vocab) metaspace(m *component) error {
	if m.Replacement != blank || orTrue(m.Split) {
		return unsupported("Metaspace with replacement %q, split %v (known: U+2581, false)", m.Replacement, orTrue(m.Split))
	}
	switch m.PrependScheme {
	case "first", "always":
		v.AddSpacePrefix, v.Metaspace = true, m.PrependScheme
	case "never":
	default:
		return unsupported("Metaspace prepend_scheme %q (known: first, always, never)", m.PrependScheme)
	}
	return nil
}

// template sets AddBOS and AddEOS, and finds both ids, from the post-processor: tokens before
// and after the sequence.
func (f *hfTokenizer) template(v *Vocab) {
	for _, p := range f.PostProcessor.steps() {
		after := false
		for _, raw := range p.Single {
			var item struct {
				SpecialToken *struct{ ID string }
			}
			if json.Unmarshal(raw, &item) != nil {
				continue
			}
			switch {
			case item.SpecialToken == nil:
				after = true
			case after:
				v.AddEOS = true
			default:
				v.AddBOS = true
			}
		}
	}
}
