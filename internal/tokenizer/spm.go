package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// blank is how SentencePiece writes a space.
const blank = "\u2581"

// spm is SentencePiece BPE as llama.cpp's llm_tokenizer_spm computes it: the neighbours whose
// joined text has the highest score are merged first, what has no token becomes bytes.
type spm struct {
	vocab  *Vocab
	ids    map[string]int32
	merges map[pair]merge // nil: by score
	bytes  [256]int32     // -1: no byte token
	front  *front
}

func newSPM(v *Vocab) (*spm, error) {
	if v.Pre != "default" && v.Pre != "" {
		return nil, unsupported("pre-tokenizer %q of a llama vocabulary (known: default)", v.Pre)
	}
	t := &spm{vocab: v, ids: v.ids(), front: newFront(v)}
	for b := range t.bytes {
		t.bytes[b] = -1
		if id, ok := t.ids[byteToken(byte(b))]; ok && (v.Types == nil || v.Types[id] == Byte) {
			t.bytes[b] = id
		}
	}
	if len(v.Merges) == 0 {
		return t, nil
	}
	var err error
	t.merges, err = mergeTable(v, t.ids)
	return t, err
}

func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

func (t *spm) Vocab() *Vocab { return t.vocab }

func (t *spm) Encode(text string) []int {
	var ids []int
	m := &merger{}
	for _, s := range t.front.split(text) {
		if s.id >= 0 {
			ids = append(ids, int(s.id))
			continue
		}
		for _, word := range t.words(t.metaspace(s)) {
			ids = t.encode(m, word, ids)
		}
	}
	return ids
}

// metaspace writes blanks as HF's pre-tokeniser of that name does.
func (t *spm) metaspace(s section) string {
	if t.vocab.Metaspace == "" {
		return s.text
	}
	text := strings.ReplaceAll(s.text, " ", blank)
	prefix := t.vocab.Metaspace == "always" || t.vocab.Metaspace == "first" && s.first
	if prefix && !strings.HasPrefix(text, blank) {
		return blank + text
	}
	return text
}

// words cuts before each blank where the vocabulary wants that.
func (t *spm) words(text string) []string {
	if !t.vocab.SplitBlanks {
		return []string{text}
	}
	var words []string
	for text != "" {
		n := strings.Index(text[1:], blank) + 1
		if n == 0 {
			n = len(text)
		}
		words, text = append(words, text[:n]), text[n:]
	}
	return words
}

func (t *spm) encode(m *merger, text string, ids []int) []int {
	m.reset()
	m.join = t.joiner(text)
	for i := 0; i < len(text); {
		_, n := utf8.DecodeRuneInString(text[i:])
		m.add(i, i+n, t.lookup(text[i:i+n]))
		i += n
	}
	m.run()
	unknown := false
	for i := int32(0); i >= 0 && int(i) < len(m.syms); i = m.syms[i].next {
		s := m.syms[i]
		wasUnknown := unknown
		unknown = s.id < 0 && !t.hasBytes(text[s.start:s.end])
		switch {
		case s.id >= 0:
			ids = append(ids, int(s.id))
		case !unknown:
			ids = t.fallback(text[s.start:s.end], ids)
		case t.vocab.UNK >= 0 && (!wasUnknown || t.vocab.SplitUnknown):
			ids = append(ids, t.vocab.UNK)
		}
	}
	return ids
}

func (t *spm) lookup(text string) int32 {
	if id, ok := t.ids[text]; ok {
		return id
	}
	return -1
}

func (t *spm) joiner(text string) joiner {
	if t.merges != nil {
		return rankJoiner(t.merges)
	}
	return func(l, r symbol) (int32, float32, bool) {
		id, ok := t.ids[text[l.start:r.end]]
		if !ok {
			return 0, 0, false
		}
		return id, t.vocab.Scores[id], true
	}
}

func (t *spm) hasBytes(text string) bool {
	for i := range len(text) {
		if t.bytes[text[i]] < 0 {
			return false
		}
	}
	return true
}

// fallback gives the byte tokens of a character without token.
func (t *spm) fallback(text string, ids []int) []int {
	for i := range len(text) {
		ids = append(ids, int(t.bytes[text[i]]))
	}
	return ids
}

func (t *spm) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if id >= 0 && id < len(t.vocab.Tokens) {
			b.WriteString(t.text(id))
		}
	}
	return b.String()
}

func (t *spm) text(id int) string {
	text := t.vocab.Tokens[id]
	if t.vocab.Added[id].Normalized {
		return strings.ReplaceAll(t.vocab.normalize(text), blank, " ")
	}
	switch t.vocab.kind(id) {
	case Control, Unknown, Unused:
		return text
	case Byte:
		if b, ok := byteOf(text); ok {
			return string([]byte{b})
		}
	}
	return strings.ReplaceAll(text, blank, " ")
}

// byteOf reads "<0xXX>".
func byteOf(text string) (byte, bool) {
	if len(text) != 6 || text[:3] != "<0x" || text[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(text[3:5], 16, 8)
	return byte(b), err == nil
}
