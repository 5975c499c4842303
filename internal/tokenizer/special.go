package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Match is how Hugging Face looks for an added token.
type Match struct {
	LStrip     bool `json:"lstrip"`      // the blanks before it belong to it
	RStrip     bool `json:"rstrip"`      // the blanks after it belong to it
	SingleWord bool `json:"single_word"` // no letter, digit or mark may touch it
	Normalized bool `json:"normalized"`  // its normalised text is looked for in the normalised text
}

// section is a stretch of text, or a token that stood there literally.
type section struct {
	text  string
	id    int32 // -1: text
	first bool  // it begins the text
}

// front is what every tokenizer does before it merges: it finds the literal tokens, normalises
// what is between them, and finds there the literal tokens that are matched normalised.
type front struct {
	vocab       *Vocab
	raw, normal *specials
}

func newFront(v *Vocab) *front {
	f := &front{v, newSpecials(), newSpecials()}
	for id, text := range v.Tokens {
		how, added := v.Added[id]
		switch {
		case v.Added == nil && !v.literal(id) || v.Added != nil && !added:
		case how.Normalized:
			f.normal.add(v.normalize(text), int32(id), how)
		default:
			f.raw.add(text, int32(id), how)
		}
	}
	return f
}

// split cuts the text at literal tokens; no section of text is empty.
func (f *front) split(text string) []section {
	var out []section
	for _, s := range f.raw.split(text) {
		if s.id >= 0 {
			out = append(out, s)
			continue
		}
		for _, part := range f.normal.split(f.vocab.normalize(s.text)) {
			part.first = part.first && s.first
			out = append(out, part)
		}
	}
	return out
}

// specials finds literal tokens: leftmost first, longest first.
type specials struct {
	tokens  map[string]special
	lengths [256][]int // of the tokens with this first byte, longest first
}

type special struct {
	id  int32
	how Match
}

func newSpecials() *specials { return &specials{tokens: map[string]special{}} }

func (s *specials) add(text string, id int32, how Match) {
	if _, twice := s.tokens[text]; twice || text == "" {
		return
	}
	s.tokens[text] = special{id, how}
	lengths := &s.lengths[text[0]]
	at, there := slices.BinarySearchFunc(*lengths, len(text), func(have, want int) int { return want - have })
	if !there {
		*lengths = slices.Insert(*lengths, at, len(text))
	}
}

// split cuts the text at literal tokens; no section of text is empty.
func (s *specials) split(text string) []section {
	var out []section
	from := 0
	for i := 0; i < len(text); {
		n := s.at(text[i:])
		if n == 0 {
			i++
			continue
		}
		found, start, stop := s.tokens[text[i:i+n]], i, i+n
		i = stop
		if found.how.SingleWord && (endsInWord(text[:start]) || beginsWord(text[stop:])) {
			continue
		}
		if found.how.LStrip {
			start = max(from, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if found.how.RStrip {
			stop = len(text) - len(strings.TrimLeftFunc(text[stop:], unicode.IsSpace))
		}
		if from < start {
			out = append(out, section{text[from:start], -1, from == 0})
		}
		out = append(out, section{"", found.id, start == 0})
		i, from = stop, stop
	}
	if from < len(text) {
		out = append(out, section{text[from:], -1, from == 0})
	}
	return out
}

// at gives the length in bytes of the literal token at the start of the text, 0 where there is none.
func (s *specials) at(text string) int {
	for _, n := range s.lengths[text[0]] {
		if n <= len(text) {
			if _, ok := s.tokens[text[:n]]; ok {
				return n
			}
		}
	}
	return 0
}

func endsInWord(text string) bool {
	r, n := utf8.DecodeLastRuneInString(text)
	return n > 0 && inWord(r)
}

func beginsWord(text string) bool {
	r, n := utf8.DecodeRuneInString(text)
	return n > 0 && inWord(r)
}

// inWord is \w of Unicode's regular expressions (UTS 18, annex C).
func inWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
