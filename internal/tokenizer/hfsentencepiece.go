package tokenizer

// The regular expressions of the normalisers by which HF writes SentencePiece's remove_extra_whitespaces.
const (
	blankRuns   = " {2,}"
	outerBlanks = `\A | \z`
)

// sentencePiece recognises the two ways HF writes SentencePiece's blanks: normaliser Prepend and
// Replace, or pre-tokeniser Metaspace.
func (f *hfTokenizer) sentencePiece(v *Vocab, steps []*component) error {
	if f.Model.IgnoreMerges {
		return unsupported("ignore_merges of a SentencePiece-like vocabulary (known: false)")
	}
	v.Model, v.Pre, v.SplitUnknown = "llama", "default", !f.Model.FuseUnk
	replaced := false
	for _, n := range f.Normalizer.steps() {
		switch {
		case n.Type == "Prepend" && n.Prepend == blank:
			v.AddSpacePrefix = true
		case n.Type == "Replace" && text(n.Pattern.String) == " " && n.Content == blank:
			replaced = true
		case n.Type == "Replace" && (text(n.Pattern.Regex) == blankRuns || text(n.Pattern.Regex) == outerBlanks):
			v.RemoveExtraSpaces = true
		case replaced || v.AddSpacePrefix || v.RemoveExtraSpaces:
			return unsupported("normalizer %q after the one that writes blanks as U+2581", n.Type)
		default:
			if err := v.addNormalizer(n); err != nil {
				return err
			}
		}
	}
	switch {
	case replaced && (len(steps) == 0 || len(steps) == 1 && steps[0].splitsNothing()):
		return nil
	case replaced || v.AddSpacePrefix || v.RemoveExtraSpaces || len(steps) != 1 || steps[0].Type != "Metaspace":
		return unsupported("pre-tokenizer %.200q: neither a ByteLevel nor a SentencePiece-like pipeline (Prepend and Replace, or Metaspace)", names(steps))
	}
	return v.metaspace(steps[0])
}

// splitsNothing tells Gemma's split at blanks, of which its normaliser leaves none.
func (c *component) splitsNothing() bool {
	return c.Type == "Split" && text(c.Pattern.String) == " " && !c.Invert
}

// metaspace reads both generations of its settings: add_prefix_space came before prepend_scheme,
// whose default is "always".
func (v *Vocab) metaspace(m *component) error {
	if m.Replacement != blank {
		return unsupported("Metaspace with replacement %q (known: U+2581)", m.Replacement)
	}
	v.Metaspace, v.SplitBlanks = m.PrependScheme, orTrue(m.Split)
	switch m.PrependScheme {
	case "first", "always", "never":
	case "":
		v.Metaspace = "always"
	default:
		return unsupported("Metaspace prepend_scheme %q (known: first, always, never)", m.PrependScheme)
	}
	if !orTrue(m.AddPrefixSpace) {
		v.Metaspace = "never"
	}
	v.AddSpacePrefix = v.Metaspace != "never"
	return nil
}
