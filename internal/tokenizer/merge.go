package tokenizer

// symbol is a part text[start:end] of the text while neighbours are being merged.
type symbol struct {
	start, end int32
	prev, next int32 // neighbours still alive, -1 at the ends
	id         int32 // token, -1: none
}

// merged marks a symbol that was joined to its left neighbour; no candidate has such a right side.
const merged = -2

// joiner says whether two neighbours may become one, as which token, and how urgently.
type joiner func(left, right symbol) (id int32, priority float32, ok bool)

type candidate struct {
	priority    float32
	left, right int32
	end         int32 // of the right symbol when the candidate was made: tells a stale one
	id          int32
}

// before is the order of merging: higher priority first, then from the left.
func (c candidate) before(d candidate) bool {
	return c.priority > d.priority || c.priority == d.priority && c.left < d.left
}

// merger joins neighbours in order of priority until none can be joined: both SentencePiece BPE
// and byte-level BPE, which differ in the joiner only. Its memory is reused from word to word.
type merger struct {
	syms []symbol
	heap []candidate
	join joiner
}

func (m *merger) reset() { m.syms = m.syms[:0] }

// add appends the next symbol of the text.
func (m *merger) add(start, end int, id int32) {
	n := int32(len(m.syms))
	m.syms = append(m.syms, symbol{int32(start), int32(end), n - 1, n + 1, id})
}

// run merges; afterwards the symbols alive are those met from syms[0] along next.
func (m *merger) run() {
	if len(m.syms) == 0 {
		return
	}
	m.syms[len(m.syms)-1].next = -1
	for i := int32(1); i < int32(len(m.syms)); i++ {
		m.offer(i-1, i)
	}
	for len(m.heap) > 0 {
		c := m.pop()
		l, r := &m.syms[c.left], &m.syms[c.right]
		if l.next != c.right || r.end != c.end {
			continue
		}
		l.end, l.id, l.next = r.end, c.id, r.next
		r.next = merged
		if l.next >= 0 {
			m.syms[l.next].prev = c.left
			m.offer(c.left, l.next)
		}
		if l.prev >= 0 {
			m.offer(l.prev, c.left)
		}
	}
}

func (m *merger) offer(left, right int32) {
	l, r := m.syms[left], m.syms[right]
	if id, p, ok := m.join(l, r); ok {
		m.push(candidate{p, left, right, r.end, id})
	}
}

func (m *merger) push(c candidate) {
	m.heap = append(m.heap, c)
	i := len(m.heap) - 1
	for i > 0 && c.before(m.heap[(i-1)/2]) {
		m.heap[i] = m.heap[(i-1)/2]
		i = (i - 1) / 2
	}
	m.heap[i] = c
}

func (m *merger) pop() candidate {
	h := m.heap
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	m.heap = h
	i := 0
	for {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if child >= len(h) || !h[child].before(last) {
			break
		}
		h[i] = h[child]
		i = child
	}
	if len(h) > 0 {
		h[i] = last
	}
	return top
}
