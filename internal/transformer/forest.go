package transformer

import "fmt"

// leastRows is how many rows an op gets at least: backends may compute few rows in another
// order than many.
const leastRows = 8

// segment is a run of rows that are tokens in a row, read of all texts that go through it.
type segment struct {
	lo, n  int                // rows [lo, lo+n)
	first  int                // position of the first
	before *segment           // what comes before it; nil: nothing
	next   map[int32]*segment // what may come behind it, by the first token
}

// forest is texts as rows, each beginning that they share once: a tree of segments, of which a
// text is a way from the root.
type forest struct {
	root     segment // of no rows
	ids      []int32
	segments []*segment
	rows     []int   // that predict something, text by text
	targets  []int32 // what
	longest  int     // tokens that are read of a text
}

func newForest(groups [][]Text) (*forest, error) {
	f := &forest{}
	for _, g := range groups {
		for _, t := range g {
			if t.From < 1 || t.From >= len(t.IDs) {
				return nil, fmt.Errorf("a text of %d tokens has none to predict from %d on", len(t.IDs), t.From)
			}
			f.grow(t)
		}
	}
	if len(f.rows) == 0 {
		return nil, fmt.Errorf("no tokens: there is no text")
	}
	for len(f.ids) < leastRows {
		f.ids = append(f.ids, 0)
	}
	return f, nil
}

// grow adds a text. Its last token predicts nothing and is not read.
func (f *forest) grow(t Text) {
	read := t.IDs[:len(t.IDs)-1]
	f.longest = max(f.longest, len(read))
	at := &f.root
	for i := 0; i < len(read); {
		s := at.next[read[i]]
		if s == nil {
			s = f.add(at, read[i:], i)
		}
		n := f.common(s, read[i:])
		if n < s.n && i+n < len(read) {
			f.split(s, n)
		}
		for ; n > 0; n-- {
			if i >= t.From-1 {
				f.rows, f.targets = append(f.rows, s.lo+i-s.first), append(f.targets, t.IDs[i+1])
			}
			i++
		}
		at = s
	}
}

// add makes rows of ids, which begin at position first, behind a segment.
func (f *forest) add(before *segment, ids []int32, first int) *segment {
	s := &segment{lo: len(f.ids), n: len(ids), first: first, before: before}
	f.ids = append(f.ids, ids...)
	f.segments = append(f.segments, s)
	before.link(f, s)
	return s
}

// split makes two segments of one, the first of so many rows.
func (f *forest) split(s *segment, n int) {
	rest := &segment{lo: s.lo + n, n: s.n - n, first: s.first + n, before: s, next: s.next}
	for _, after := range rest.next {
		after.before = rest
	}
	s.n, s.next = n, nil
	f.segments = append(f.segments, rest)
	s.link(f, rest)
}

// link makes after one of those behind s.
func (s *segment) link(f *forest, after *segment) {
	if s.next == nil {
		s.next = map[int32]*segment{}
	}
	s.next[f.ids[after.lo]] = after
}

// common is how many of ids the segment begins with.
func (f *forest) common(s *segment, ids []int32) int {
	n := 0
	for n < min(s.n, len(ids)) && f.ids[s.lo+n] == ids[n] {
		n++
	}
	return n
}

// share gives each text what all say of its tokens.
func (f *forest) share(groups [][]Text, all Predictions) [][]Predictions {
	results := make([][]Predictions, len(groups))
	lo := 0
	for g, group := range groups {
		for _, t := range group {
			hi := lo + len(t.IDs) - t.From
			results[g] = append(results[g], Predictions{NLL: all.NLL[lo:hi], Best: all.Best[lo:hi]})
			lo = hi
		}
	}
	return results
}
