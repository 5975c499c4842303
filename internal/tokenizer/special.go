package tokenizer

import "sort"

// section is a stretch of text, or a token that stood there literally.
type section struct {
	text string
	id   int32 // -1: text
}

// specials finds the tokens that are recognised literally: by first byte, longest first.
type specials struct {
	tokens []string
	first  [256][]int32
}

func newSpecials(v *Vocab) *specials {
	s := &specials{tokens: v.Tokens}
	for id, t := range v.Tokens {
		if t != "" && v.literal(id) {
			s.first[t[0]] = append(s.first[t[0]], int32(id))
		}
	}
	for _, ids := range s.first {
		sort.SliceStable(ids, func(a, b int) bool { return len(v.Tokens[ids[a]]) > len(v.Tokens[ids[b]]) })
	}
	return s
}

// split cuts the text at literal tokens; no section of text is empty.
func (s *specials) split(text string) []section {
	var out []section
	from := 0
	for i := 0; i < len(text); {
		id := s.at(text[i:])
		if id < 0 {
			i++
			continue
		}
		if from < i {
			out = append(out, section{text[from:i], -1})
		}
		out = append(out, section{"", id})
		i += len(s.tokens[id])
		from = i
	}
	if from < len(text) {
		out = append(out, section{text[from:], -1})
	}
	return out
}

func (s *specials) at(text string) int32 {
	for _, id := range s.first[text[0]] {
		t := s.tokens[id]
		if len(t) <= len(text) && text[:len(t)] == t {
			return id
		}
	}
	return -1
}
