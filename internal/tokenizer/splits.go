package tokenizer

import (
	"cmp"
	"slices"
)

// maxSplits is how many times the bytes of all tokens the ways to make them of two others may have.
const maxSplits = 64

// splits lists every way to make a Normal token of two others, best token first: the merges that
// HF and llama.cpp's converter derive from a vocabulary that has only an order of tokens. Among
// the splits of one token the parts with lower ids come first. Their text is limited to a multiple
// of the vocabulary's (2 to 3 in real ones), since a file of runs of one letter has the square of it.
func (v *Vocab) splits(score func(id int) float32) ([]string, error) {
	type split struct {
		text        string
		score       float32
		left, right int32
	}
	ids := v.ids()
	size, limit := 0, maxSplits<<14
	for _, t := range v.Tokens {
		limit += maxSplits * len(t)
	}
	var all []split
	for id, t := range v.Tokens {
		if v.kind(id) != Normal {
			continue
		}
		for i := range t {
			l, okL := ids[t[:i]]
			r, okR := ids[t[i:]]
			if i > 0 && okL && okR {
				if size += len(t); size > limit {
					return nil, corrupt("more than %d bytes of ways to make tokens of two others", limit)
				}
				all = append(all, split{t[:i] + " " + t[i:], score(id), l, r})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b split) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.left, b.left), cmp.Compare(a.right, b.right))
	})
	merges := make([]string, len(all))
	for i, s := range all {
		merges[i] = s.text
	}
	return merges, nil
}
