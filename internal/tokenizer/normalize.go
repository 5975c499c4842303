package tokenizer

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Normalizer is a step of a tokenizer.json's normaliser that changes the text itself; how blanks
// are written is said by the fields of Vocab.
type Normalizer struct {
	Type             string // NFC, NFD, NFKC, NFKD, Lowercase, Strip or Replace
	Pattern, Content string // Replace: a string, and what takes its place
	Left, Right      bool   // Strip: at which ends
}

const knownNormalizers = "NFC, NFD, NFKC, NFKD, Lowercase, Strip, Replace of a string"

var forms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

func (n Normalizer) apply(text string) string {
	switch n.Type {
	case "Lowercase":
		return lower(text)
	case "Strip":
		if n.Left {
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
		}
		if n.Right {
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		}
		return text
	case "Replace":
		return strings.ReplaceAll(text, n.Pattern, n.Content)
	}
	return forms[n.Type].String(text)
}

// lower is Unicode's full lower case, character by character: U+0130 is the only one that becomes two.
func lower(text string) string {
	return strings.ToLower(strings.ReplaceAll(text, "\u0130", "i\u0307"))
}

// validate refuses what apply does not do.
func (n Normalizer) validate() error {
	_, form := forms[n.Type]
	if form || n.Type == "Lowercase" || n.Type == "Strip" || n.Type == "Replace" && n.Pattern != "" {
		return nil
	}
	return unsupported("normalizer %q (known: %s)", n.Type, knownNormalizers)
}

// normalize takes all steps, and writes the blanks where a normaliser does that (no Metaspace).
func (v *Vocab) normalize(text string) string {
	for _, n := range v.Normalizers {
		text = n.apply(text)
	}
	if v.Model != "llama" || v.Metaspace != "" {
		return text
	}
	if v.RemoveExtraSpaces {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
	}
	text = strings.ReplaceAll(text, " ", blank)
	if v.AddSpacePrefix && text != "" {
		return blank + text
	}
	return text
}
