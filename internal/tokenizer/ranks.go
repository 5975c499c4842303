package tokenizer

import "strings"

// pair is two neighbouring tokens.
type pair struct{ left, right int32 }

// merge is what a pair becomes, and its place in the list of merges.
type merge struct{ rank, id int32 }

// mergeTable resolves the merges of v to ids. Where a pair occurs twice the later one counts, as in HF.
func mergeTable(v *Vocab, ids map[string]int32) (map[pair]merge, error) {
	table := make(map[pair]merge, len(v.Merges))
	for rank, text := range v.Merges {
		left, right, ok := cutMerge(text)
		if !ok {
			return nil, corrupt("merge %d %.60q is not two tokens with a blank between", rank, text)
		}
		l, okL := ids[left]
		r, okR := ids[right]
		both, ok := ids[left+right]
		if !okL || !okR || !ok {
			return nil, corrupt("merge %d %.60q: a token of it is not in the vocabulary", rank, text)
		}
		table[pair{l, r}] = merge{int32(rank), both}
	}
	return table, nil
}

func cutMerge(text string) (left, right string, ok bool) {
	left, right, ok = strings.Cut(text, " ")
	return left, right, ok && left != "" && right != "" && !strings.Contains(right, " ")
}

func rankJoiner(table map[pair]merge) joiner {
	return func(l, r symbol) (int32, float32, bool) {
		m, ok := table[pair{l.id, r.id}]
		return m.id, -float32(m.rank), ok
	}
}
