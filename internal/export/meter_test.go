package export

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// Progress rises, always of the same total, and is all of it only at the end: of a file,
// of a folder, of several shards.
func TestProgress(t *testing.T) {
	for name, shard := range map[string]int64{"out.gguf": 0, "out": 0, "shards": 200_000} {
		p, err := NewPlan(stories(t), filepath.Join(t.TempDir(), name), Options{ShardBytes: shard})
		if err != nil {
			t.Fatal(err)
		}
		var told []int64
		if err := p.Write(context.Background(), func(done, total int64) {
			if total != p.Bytes {
				t.Errorf("%s: %d bytes in all, the plan has %d", name, total, p.Bytes)
			}
			told = append(told, done)
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(told) || slices.Index(told, p.Bytes) != len(told)-1 || told[0] >= p.Bytes/2 {
			t.Errorf("%s: progress %v of %d", name, told, p.Bytes)
		}
	}
}

// A large tensor is written in pieces, so that progress moves and an interruption does
// not wait for its end.
func TestPieces(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var told []int64
	m := &meter{stop: ctx.Err, total: 20 << 20, progress: func(done, _ int64) {
		if told = append(told, done); len(told) == 3 {
			cancel()
		}
	}}
	var out bytes.Buffer
	err := m.through(func(w io.Writer) error {
		n, err := w.Write(make([]byte, 20<<20))
		if n != out.Len() {
			t.Errorf("%d bytes are said to be written, %d are", n, out.Len())
		}
		return err
	})(&out)
	if !errors.Is(err, context.Canceled) || !slices.Equal(told, []int64{4 << 20, 8 << 20, 12 << 20}) || out.Len() != 12<<20 {
		t.Errorf("%v, progress %v, %d bytes", err, told, out.Len())
	}
}

// A shard takes tensors up to just its limit.
func TestSplit(t *testing.T) {
	var infos []checkpoint.Info
	for _, n := range []int{10, 20, 5, 100, 1, 1} {
		infos = append(infos, checkpoint.Info{DType: tensor.F16, Shape: []int{n}})
	}
	for most, want := range map[int64][][]int{
		1000: {{10, 20, 5, 100, 1, 1}},
		274:  {{10, 20, 5, 100, 1, 1}},
		273:  {{10, 20, 5, 100, 1}, {1}},
		60:   {{10, 20}, {5}, {100}, {1, 1}},
		59:   {{10}, {20, 5}, {100}, {1, 1}},
		70:   {{10, 20, 5}, {100}, {1, 1}},
		1:    {{10}, {20}, {5}, {100}, {1}, {1}},
	} {
		var got [][]int
		for _, group := range shardsOf(infos, most) {
			var sizes []int
			for _, i := range group {
				sizes = append(sizes, i.Shape[0])
			}
			got = append(got, sizes)
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("at most %d bytes: %v, want %v", most, got, want)
		}
	}
}
