package tokenizer

import "strings"

// bpe is byte-level BPE as GPT-2 introduced it: the text is cut into words, each word's bytes
// are merged by rank.
type bpe struct {
	vocab  *Vocab
	pre    pre
	texts  []string // bytes of each token
	words  map[string]int32
	bytes  [256]int32 // -1: no token
	merges map[pair]merge
	front  *front
}

func newBPE(v *Vocab) (*bpe, error) {
	p, ok := pres[v.Pre]
	if !ok {
		return nil, unsupported("pre-tokenizer %q (known: %s)", v.Pre, knownPres())
	}
	ids := v.ids()
	merges, err := mergeTable(v, ids)
	if err != nil {
		return nil, err
	}
	t := &bpe{vocab: v, pre: p, merges: merges, front: newFront(v), words: make(map[string]int32, len(v.Tokens))}
	for id, text := range v.Tokens {
		if !v.literal(id) {
			text = fromByteLevel(text)
			t.words[text] = int32(id)
		} else if v.Added[id].Normalized {
			text = v.normalize(text)
		}
		t.texts = append(t.texts, text)
	}
	for b := range t.bytes {
		t.bytes[b] = -1
		if id, ok := ids[string(byteLetters[b])]; ok {
			t.bytes[b] = id
		}
	}
	return t, nil
}

func (t *bpe) Vocab() *Vocab { return t.vocab }

func (t *bpe) Encode(text string) []int {
	ids := make([]int, 0, len(text)/4+1)
	m := &merger{join: rankJoiner(t.merges)}
	for _, s := range t.front.split(text) {
		if s.id >= 0 {
			ids = append(ids, int(s.id))
			continue
		}
		t.pre.split(s.text, func(word string) { ids = t.word(m, word, ids) })
	}
	return ids
}

// word merges the bytes of one word.
func (t *bpe) word(m *merger, word string, ids []int) []int {
	if t.vocab.IgnoreMerges {
		if id, ok := t.words[word]; ok {
			return append(ids, int(id))
		}
	}
	m.reset()
	for i := 0; i < len(word); i++ {
		if id := t.bytes[word[i]]; id >= 0 || t.vocab.UNK >= 0 {
			m.add(i, i+1, id)
		}
	}
	m.run()
	for i := int32(0); i >= 0 && int(i) < len(m.syms); i = m.syms[i].next {
		if id := m.syms[i].id; id >= 0 {
			ids = append(ids, int(id))
		} else {
			ids = append(ids, t.vocab.UNK)
		}
	}
	return ids
}

func (t *bpe) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if id >= 0 && id < len(t.texts) {
			b.WriteString(t.texts[id])
		}
	}
	return b.String()
}
