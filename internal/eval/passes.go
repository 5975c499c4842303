package eval

// Pass is one run of some rows through the model: B sequences padded to T tokens.
type Pass struct{ B, T int }

// Passes are those that Perplexity makes of rows.
func Passes(rows [][]int32) []Pass {
	var passes []Pass
	for lo := 0; lo < len(rows); {
		n := together(rows[lo:])
		p := Pass{B: n}
		for _, r := range rows[lo : lo+n] {
			p.T = max(p.T, len(r))
		}
		passes = append(passes, p)
		lo += n
	}
	return passes
}
