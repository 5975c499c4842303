package transformer_test

import (
	"context"
	"slices"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// fiveRows are more sequences than a power of two, so that the tree has a lonely leaf.
func fiveRows(t *testing.T, g *goldentest.Golden) transformer.Batch {
	t.Helper()
	rows := make([][]int32, 5)
	for i := range rows {
		for j := range 7 + i {
			rows[i] = append(rows[i], int32((i*31+j*17)%g.Config.VocabSize))
		}
	}
	b, err := transformer.NewBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gradientsInBlocks(t *testing.T, be backend.Backend, g *goldentest.Golden, b transformer.Batch, blocks int) map[string][]float32 {
	t.Helper()
	sink, tr := &collect{be: be, grads: map[string][]float32{}}, transformer.New(be, g.Config)
	tr.Blocks = blocks
	if _, err := tr.LossAndGrad(context.Background(), b, transformer.NewStreamed(be, g.Weights), sink); err != nil {
		t.Fatal(err)
	}
	return sink.grads
}

func sameBits(t *testing.T, what string, got, want map[string][]float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d gradients, want %d", what, len(got), len(want))
	}
	for name, x := range want {
		if !slices.Equal(got[name], x) {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// One block is what a pass without blocks gives, to the bit; several are near it.
func TestOneBlockIsThePassItself(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		want := gradientsInBlocks(t, be, g, fiveRows(t, g), 0)
		sameBits(t, family, gradientsInBlocks(t, be, g, fiveRows(t, g), 1), want)
		for name, x := range gradientsInBlocks(t, be, g, fiveRows(t, g), 3) {
			if e := goldentest.RelL2(x, want[name]); !(e <= 1e-4) {
				t.Errorf("%s in 3 blocks: %s: relative L2 error %g > 1e-4", family, name, e)
			}
		}
	}
}

func TestBlocksThreads(t *testing.T) {
	g := goldentest.Open(t, "qwen2_bias")
	for _, blocks := range []int{2, 5, 9} {
		want := gradientsInBlocks(t, newBackend(t, 1), g, fiveRows(t, g), blocks)
		for _, threads := range []int{2, 3, 8} {
			sameBits(t, "threads", gradientsInBlocks(t, newBackend(t, threads), g, fiveRows(t, g), blocks), want)
		}
	}
}

// Machines that make the gradients of a block each, and add them up in the tree, have the
// bits of one machine: ((0+1)+(2+3))+4. So have the shares of sequences.
func TestBlocksAreThoseOfMachines(t *testing.T) {
	be := newBackend(t, 2)
	for _, family := range []string{"llama_mha", "qwen3_qknorm", "gemma2_softcap"} {
		g := goldentest.Open(t, family)
		b := fiveRows(t, g)
		want := gradientsInBlocks(t, be, g, b, 5)
		if g.Config.Tied { // head and embedding have a tree each
			delete(want, g.Config.HeadParam().Name)
		}
		shares := sharesOf(t, be, g, b)
		var parts []map[string][]float32
		for i := range b.B {
			parts = append(parts, gradientsInBlocks(t, be, g, b.Sequence(i).PartOf(b.Targets()), 0))
			for name, x := range shares[i] {
				if !slices.Equal(x, parts[i][name]) {
					t.Errorf("%s: the share of sequence %d in %s is not its gradient", family, i, name)
				}
			}
		}
		for name, x := range want {
			left := plus(plus(parts[0][name], parts[1][name]), plus(parts[2][name], parts[3][name]))
			if !slices.Equal(plus(left, parts[4][name]), x) {
				t.Errorf("%s: %s differs", family, name)
			}
		}
	}
}

func plus(x, y []float32) []float32 {
	sum := slices.Clone(x)
	for i, v := range y {
		sum[i] += v
	}
	return sum
}

// sharing keeps the shares of each sequence.
type sharing struct {
	collect
	shares []map[string][]float32
}

func (s *sharing) Share(p model.Param, sequence int, grad backend.Buffer) error {
	if s.grads[p.Name] != nil {
		panic(p.Name + ": a share after the gradient")
	}
	if len(s.shares) <= sequence {
		s.shares = append(s.shares, map[string][]float32{})
	}
	s.shares[sequence][p.Name] = goldentest.Host(s.be, grad)
	return nil
}

func sharesOf(t *testing.T, be backend.Backend, g *goldentest.Golden, b transformer.Batch) []map[string][]float32 {
	t.Helper()
	sink := &sharing{collect: collect{be: be, grads: map[string][]float32{}, wants: model.Param.Projection}}
	if _, err := transformer.New(be, g.Config).LossAndGrad(context.Background(), b, transformer.NewStreamed(be, g.Weights), sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.shares) != b.B || len(sink.shares[0]) != 7*len(g.Config.Layers) {
		t.Errorf("shares of %d sequences, of %d parameters", len(sink.shares), len(sink.shares[0]))
	}
	return sink.shares
}
