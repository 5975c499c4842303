// Package sample draws the next token from logits.
package sample

import (
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// Options of a draw. The zero value takes the most likely token. Tokens are left out in the
// order of llama.cpp: by TopK, then TopP, then MinP, of probabilities at temperature 1.
type Options struct {
	Temperature float64 // of the softmax that is drawn from; 0: always the most likely token
	TopK        int     // only so many of the most likely tokens; 0: all
	TopP        float64 // only the fewest most likely whose probabilities reach that share of what TopK left (Holtzman et al., arXiv 1904.09751); 0 and 1: all
	MinP        float64 // only tokens at least so likely beside the most likely (Nguyen et al., arXiv 2407.01082); 0: all
	Seed        uint64
}

// Check says what of o is out of range, by the names of the command's flags.
func (o Options) Check() error {
	switch {
	case !(o.Temperature >= 0) || math.IsInf(o.Temperature, 1):
		return fmt.Errorf("--temperature %g: want at least 0", o.Temperature)
	case o.TopK < 0:
		return fmt.Errorf("--top-k %d: want at least 0", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fmt.Errorf("--top-p %g: want 0 to 1", o.TopP)
	case !(o.MinP >= 0 && o.MinP <= 1):
		return fmt.Errorf("--min-p %g: want 0 to 1", o.MinP)
	case o.Temperature == 0 && (o.TopK > 0 || !o.allMass() || o.MinP > 0):
		return errors.New("--top-k, --top-p and --min-p go with --temperature: without it the most likely token is taken")
	}
	return nil
}

// Sampler draws one token after the other.
type Sampler struct {
	o   Options
	rng *rand.Rand
}

// New begins with the seed of o, which is checked.
func New(o Options) *Sampler { return &Sampler{o, rand.New(rand.NewPCG(o.Seed, 0))} }

// Pick draws from softmax(logits/temperature) over the tokens that are left, or takes the most
// likely, the lowest of equals, at temperature 0. Logits are finite.
func (s *Sampler) Pick(logits []float32) int {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	if s.o.Temperature == 0 {
		return best
	}
	ids := s.left(logits, logits[best])
	weights := make([]float64, len(ids))
	var sum float64
	for i, id := range ids {
		weights[i] = math.Exp(float64(logits[id]-logits[best]) / s.o.Temperature)
		sum += weights[i]
	}
	at := s.rng.Float64() * sum
	for i, p := range weights {
		if at -= p; at < 0 {
			return ids[i]
		}
	}
	return best
}

// left are the tokens that may be drawn, in order.
func (s *Sampler) left(logits []float32, top float32) (ids []int) {
	if s.o.TopK == 0 && s.o.MinP == 0 && s.o.allMass() {
		for i := range logits {
			ids = append(ids, i)
		}
		return ids
	}
	ranked, enough, mass := s.mostLikely(logits), math.Inf(1), 0.0
	if s.o.TopK > 0 {
		ranked = slices.Values(slices.Collect(ranked))
	}
	if !s.o.allMass() {
		enough = s.o.TopP * s.mass(logits, top, ranked)
	}
	for id := range ranked {
		p := math.Exp(float64(logits[id] - top))
		if p < s.o.MinP || mass >= enough {
			break
		}
		ids, mass = append(ids, id), mass+p
	}
	slices.Sort(ids)
	return ids
}

// allMass says that TopP leaves nothing out.
func (o Options) allMass() bool { return o.TopP == 0 || o.TopP == 1 }

// mass is the sum of exp(logit - top) over what TopK leaves, which is ranked.
func (s *Sampler) mass(logits []float32, top float32, ranked iter.Seq[int]) (sum float64) {
	if s.o.TopK == 0 { // the order does not matter
		for _, v := range logits {
			sum += math.Exp(float64(v - top))
		}
		return sum
	}
	for id := range ranked {
		sum += math.Exp(float64(logits[id] - top))
	}
	return sum
}

// mostLikely are the TopK most likely tokens, the lowest of equals first.
func (s *Sampler) mostLikely(logits []float32) iter.Seq[int] {
	return func(yield func(id int) bool) {
		h := &byLogit{logits: logits, ids: make([]int, len(logits))}
		for i := range h.ids {
			h.ids[i] = i
		}
		heap.Init(h)
		for n := 0; h.Len() > 0 && (s.o.TopK == 0 || n < s.o.TopK); n++ {
			if !yield(heap.Pop(h).(int)) {
				return
			}
		}
	}
}

// byLogit is a heap of ids: few are taken of many, which need not be sorted for that.
type byLogit struct {
	logits []float32
	ids    []int
}

func (h *byLogit) Len() int { return len(h.ids) }

func (h *byLogit) Less(i, j int) bool {
	a, b := h.ids[i], h.ids[j]
	return h.logits[a] > h.logits[b] || h.logits[a] == h.logits[b] && a < b
}

func (h *byLogit) Swap(i, j int) { h.ids[i], h.ids[j] = h.ids[j], h.ids[i] }

// Push is not used.
func (h *byLogit) Push(any) { panic("sample: nothing is added") }

// Pop takes the last id.
func (h *byLogit) Pop() any {
	last := len(h.ids) - 1
	id := h.ids[last]
	h.ids = h.ids[:last]
	return id
}
