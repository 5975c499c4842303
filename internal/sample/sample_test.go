package sample

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// At a temperature tokens come by their softmax, whatever their place; at 0 the largest does.
func TestPick(t *testing.T) {
	logits := []float32{1, -2, 2, 0.5, 2}
	if got := New(Options{}).Pick(logits); got != 2 {
		t.Errorf("the largest is %d, want the first of the two", got)
	}
	for _, temperature := range []float64{0.1, 0.5, 1, 3} {
		matches(t, Options{Temperature: temperature, Seed: 1}, logits)
	}
}

// What is left out never comes, the others by their softmax at the temperature.
func TestLeftOut(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, o := range []Options{
		{TopK: 1}, {TopK: 3}, {TopK: 100}, {TopP: 0.5}, {TopP: 0.9}, {TopP: 1}, {TopP: 1e-9}, {MinP: 0.1}, {MinP: 1},
		{TopK: 5, TopP: 0.7}, {TopK: 6, MinP: 0.3}, {TopP: 0.9, MinP: 0.05}, {TopK: 8, TopP: 0.95, MinP: 0.1},
	} {
		for range 3 {
			logits := make([]float32, 12)
			for i := range logits {
				logits[i] = float32(random.IntN(9)) / 2 // some are equal
			}
			o.Temperature, o.Seed = 0.7, random.Uint64()
			matches(t, o, logits)
		}
	}
}

// matches compares how often tokens come with what naive says.
func matches(t *testing.T, o Options, logits []float32) {
	t.Helper()
	const draws = 20000
	counts, s := make([]float64, len(logits)), New(o)
	for range draws {
		counts[s.Pick(logits)] += 1. / draws
	}
	for i, p := range naive(o, logits) {
		if off := 5*math.Sqrt(p*(1-p)/draws) + 1e-9; math.Abs(counts[i]-p) > off || (p == 0) != (counts[i] == 0) && p*draws > 20 {
			t.Fatalf("%+v, %v: token %d comes %g of the time, want %g", o, logits, i, counts[i], p)
		}
	}
}

// naive are the probabilities of all tokens, by sorting them.
func naive(o Options, logits []float32) []float64 {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	if o.TopK > 0 {
		order = order[:min(o.TopK, len(order))]
	}
	p := softmax(logits, order, 1)
	if o.TopP > 0 && o.TopP < 1 {
		n, sum := 0, 0.0
		for ; n < len(order) && sum < o.TopP; n++ {
			sum += p[order[n]]
		}
		order = order[:n]
	}
	order = slices.DeleteFunc(order, func(id int) bool { return p[id] < o.MinP*p[order[0]] })
	return softmax(logits, order, o.Temperature)
}

// softmax is that of the tokens of order, 0 for others.
func softmax(logits []float32, order []int, temperature float64) []float64 {
	p, sum := make([]float64, len(logits)), 0.0
	for _, id := range order {
		p[id] = math.Exp(float64(logits[id]) / temperature)
		sum += p[id]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// Without options that leave tokens out, all are left, and a seed gives its draws again.
func TestSeed(t *testing.T) {
	logits := make([]float32, 50)
	draws := func(o Options) (ids []int) {
		s := New(o)
		for range 20 {
			ids = append(ids, s.Pick(logits))
		}
		return ids
	}
	one := draws(Options{Temperature: 1, Seed: 1})
	if !slices.Equal(one, draws(Options{Temperature: 1, Seed: 1, TopP: 1, TopK: 50})) {
		t.Error("options that leave nothing out change what is drawn")
	}
	if slices.Equal(one, draws(Options{Temperature: 1, Seed: 2})) {
		t.Error("two seeds give the same draws")
	}
}

func TestCheck(t *testing.T) {
	for _, o := range []Options{{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05}, {}, {TopP: 1}} {
		if err := o.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, o := range []Options{{TopK: 40}, {TopP: 0.95}, {MinP: 0.05}} { // nothing would be drawn
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), "go with --temperature") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for want, o := range map[string]Options{
		"--temperature -1": {Temperature: -1}, "--temperature NaN": {Temperature: math.NaN()}, "--temperature +Inf": {Temperature: math.Inf(1)},
		"--top-k -1": {TopK: -1}, "--top-p 1.5": {TopP: 1.5}, "--top-p NaN": {TopP: math.NaN()}, "--min-p -0.5": {MinP: -0.5}, "--min-p NaN": {MinP: math.NaN()},
	} {
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), want+": want ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// BenchmarkPick: a vocabulary of 128 thousand, with all that leaves tokens out.
func BenchmarkPick(b *testing.B) {
	random := rand.New(rand.NewPCG(7, 8))
	logits := make([]float32, 128<<10)
	for i := range logits {
		logits[i] = float32(random.NormFloat64() * 3)
	}
	s := New(Options{Temperature: 1, TopK: 40, TopP: 0.95, MinP: 0.05})
	for b.Loop() {
		s.Pick(logits)
	}
}
