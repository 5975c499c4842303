package job

import (
	"errors"
	"slices"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/load"
	"moreau/internal/prune"
	"moreau/internal/tensor"
)

// Layers to drop are named in any order, by spans too, each once.
func TestParseLayers(t *testing.T) {
	cfg := layers(t, 8, 8, 8, 8, 8, 8, 8, 8)
	for text, want := range map[string]prune.Drop{
		"": nil, "3": {3}, "0": {0}, "7": {7}, "2..4": {2, 3, 4}, "5,1": {1, 5}, "6..7, 0..1,3": {0, 1, 3, 6, 7},
	} {
		if got, err := parseLayers(cfg, text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"8", "-1", "a", "1..", "2..1", "1,1", "1..3,2", "0..7", ","} {
		if got, err := parseLayers(cfg, text); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// Where given scores come from: their file, what a plan says of them, or the plan itself.
func TestScoresFrom(t *testing.T) {
	for _, c := range []struct {
		j    Prune
		want string
	}{
		{Prune{}, ""},
		{Prune{o: PruneOptions{Scores: "s.json"}}, "s.json"},
		{Prune{o: PruneOptions{Plan: "p.json"}, again: &prune.Record{Scores: "s.json (by moreau)"}}, "s.json (by moreau)"},
		{Prune{o: PruneOptions{Plan: "p.json"}, again: &prune.Record{}}, "p.json"},
	} {
		if got := c.j.scoresFrom(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.j, got, c.want)
		}
	}
}

// announced is a checkpoint whose tensors say that they are large, and hold a byte each.
type announced struct {
	checkpoint.Memory
	infos []checkpoint.Info
}

func (a announced) Tensors() []checkpoint.Info { return slices.Clone(a.infos) }

// Hashing large weights is told: bytes rise to the total. Of small ones it is not.
func TestHashingOfWeightsIsTold(t *testing.T) {
	m := builtinModel(t)
	small := &heard{}
	if _, err := hashModel(t.Context(), m, 2, small); err != nil || len(small.phases) != 0 {
		t.Errorf("small weights: %v, %v", err, small.phases)
	}
	w := announced{Memory: checkpoint.Memory{}}
	for _, p := range m.Config.Params()[:4] {
		w.Memory[p.Name] = tensor.New(tensor.F16, []int{1}, []byte{1, 2})
		w.infos = append(w.infos, checkpoint.Info{Name: p.Name, DType: tensor.F32, Shape: []int{1 << 26}})
	}
	large := *m
	large.Weights = w
	for _, threads := range []int{0, 1, 3} {
		h := &heard{}
		if _, err := hashModel(t.Context(), &large, threads, h); err != nil {
			t.Fatal(err)
		}
		if want := []int64{1 << 28, 2 << 28, 3 << 28, 4 << 28}; h.total != 1<<30 || !slices.Equal(h.done, want) || !slices.Equal(h.phases, []Phase{Hashing}) || len(h.ends) != 1 {
			t.Errorf("%d threads: %v of %d, %v", threads, h.done, h.total, h.phases)
		}
	}
	w.infos[0].Shape[0]-- // less than a GiB
	h := &heard{}
	if _, err := hashModel(t.Context(), &load.Model{Config: m.Config, Weights: w}, 1, h); err != nil || len(h.phases) != 0 {
		t.Errorf("just below: %v, %v", err, h.phases)
	}
}
