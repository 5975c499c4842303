package generate

import (
	"context"
	"slices"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/transformer"
)

// What follows a prompt is the same whatever was continued before, and only what is new of it is computed.
func TestGeneratorContinues(t *testing.T) {
	for _, family := range []string{"llama_mha", "gemma3", "llama_dynamic"} { // plain, windows, RoPE by length
		be, err := cpu.New(2)
		if err != nil {
			t.Fatal(err)
		}
		m := goldentest.Open(t, family)
		tr, w := transformer.New(be, m.Config), transformer.NewStreamed(be, m.Weights)
		byLength := family == "llama_dynamic"
		m.Config.MaxPositions = 64
		g := New(tr, w)
		var said []int32
		grow := func(prompt []int32, kept, keptByLength int) {
			t.Helper()
			var got, want []int
			n, err := g.Tokens(context.Background(), prompt, nil, Options{Tokens: 3}, func(id int) bool { got = append(got, id); return true })
			if err != nil || n != 3 {
				t.Fatal(n, err)
			}
			if byLength {
				kept = keptByLength
			}
			if g.Kept() != kept {
				t.Errorf("%s: %d of %v are known, want %d", family, g.Kept(), prompt, kept)
			}
			if _, err := Tokens(context.Background(), tr, w, prompt, nil, Options{Tokens: 3}, func(id int) bool { want = append(want, id); return true }); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v after %v, want %v, %v", family, got, prompt, want, err)
			}
			said = slices.Clone(prompt)
			for _, id := range got {
				said = append(said, int32(id))
			}
		}
		grow([]int32{1, 17, 39}, 0, 0)
		grow(append(said, 5), 0, 0)    // outgrows the first session; the next has room for 20, but by length for 10 alone
		grow(append(said, 7), 9, 0)    // all but the token that was drawn last
		grow(said[:8], 7, 7)           // all of it is known: the last is seen again
		grow([]int32{1, 17, 38}, 2, 2) // another way
		grow(slices.Repeat([]int32{1, 17}, 8), 2, 0)
		grow(append(said, 5), 0, 0)
		grow(said[:5], 4, 0)
		g.Close()
	}
}
