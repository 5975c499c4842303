package imatrix

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

// The tensors that a file has of each matrix NAME: NAME.in_sum2 [1, columns] and NAME.counts [1, 1].
const sumSuffix, countSuffix = ".in_sum2", ".counts"

// Header is what a file says of the text.
type Header struct {
	Sources      []string
	Rows, SeqLen int // chunks, and their length
}

// Write writes a GGUF file as llama-imatrix does.
func Write(w io.Writer, h Header, entries []Entry) error {
	kv := []checkpoint.KeyValue{{Key: "general.type", Value: "imatrix"}, {Key: "imatrix.datasets", Value: h.Sources},
		{Key: "imatrix.chunk_count", Value: uint32(h.Rows)}, {Key: "imatrix.chunk_size", Value: uint32(h.SeqLen)}}
	tensors, infos := checkpoint.Memory{}, []checkpoint.Info{}
	add := func(name string, values []float32) {
		t := tensor.FromFloat32(tensor.F32, []int{1, len(values)}, values)
		tensors[name], infos = t, append(infos, checkpoint.Info{Name: name, DType: t.DType, Shape: t.Shape})
	}
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.Tensor, b.Tensor) }) {
		sums := make([]float32, len(e.Squares))
		for i, v := range e.Squares {
			sums[i] = float32(v)
		}
		add(e.Tensor+sumSuffix, sums)
		add(e.Tensor+countSuffix, []float32{float32(e.Tokens)})
	}
	return checkpoint.WriteGGUF(w, kv, infos, tensors.Read)
}

// Read gives the mean squares of a file, moreau's or llama-imatrix's, by the GGUF names of matrices. It
// refuses what is not finite, and statistics of experts.
func Read(path string) (map[string][]float32, error) {
	g, err := checkpoint.OpenGGUF(path)
	if err != nil {
		return nil, fmt.Errorf("%w; an importance matrix is a GGUF file of moreau imatrix or llama-imatrix, which makes one of an old .dat file: --in-file OLD -o NEW.gguf", err)
	}
	defer g.Close()
	means := map[string][]float32{}
	for _, info := range g.Tensors() {
		name, ok := strings.CutSuffix(info.Name, sumSuffix)
		if !ok {
			continue
		}
		if means[name], err = readMeans(g, name); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
	}
	if len(means) == 0 {
		return nil, fmt.Errorf("%s: not an importance matrix: it has no tensors NAME%s; make one with moreau imatrix", path, sumSuffix)
	}
	return means, nil
}

func readMeans(g *checkpoint.GGUF, name string) ([]float32, error) {
	sums, err := g.Read(name + sumSuffix)
	if err != nil {
		return nil, err
	}
	counts, err := g.Read(name + countSuffix)
	if err != nil {
		return nil, err
	}
	if sums.DType != tensor.F32 || counts.DType != tensor.F32 || counts.Len() != 1 {
		return nil, fmt.Errorf("sums are %s, counts %d of %s; want F32 and one count", sums.DType, counts.Len(), counts.DType)
	}
	means, n := sums.Float32(), counts.Float32()[0]
	for i := range means {
		means[i] /= n
		if v := float64(means[i]); !(v >= 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("column %d has mean square %g", i, v)
		}
	}
	return means, nil
}
