package job

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/load"
)

func TestSpreadOf(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{{[]float64{3}, Spread{3, 3, 3}}, {[]float64{9, 1, 4}, Spread{4, 1, 9}}, {[]float64{4, 1, 2, 8}, Spread{3, 1, 8}}} {
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.values, got, c.want)
		}
	}
}

// Ratios are those of the same round.
func TestRatios(t *testing.T) {
	first, other := Rates{Rounds: []float64{10, 2, 5}}, Rates{Rounds: []float64{20, 3, 20}}
	first.sumUp(first, false)
	other.sumUp(first, true)
	if first.Ratio != nil || first.Spread != (Spread{5, 2, 10}) || *other.Ratio != (Spread{2, 1.5, 4}) {
		t.Errorf("%+v, %+v", first, other)
	}
}

// Every model is timed as often as it should be, alone or beside what else is measured; times themselves are not looked at.
func TestSpeed(t *testing.T) {
	be, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, texts := range []*TextOptions{nil, {Seq: 64, Chunks: 1}} {
		j, err := NewEval([]string{load.Builtin, load.Builtin}, be, EvalOptions{Texts: texts, Speed: &SpeedOptions{Prompt: 9, Tokens: 4, Rounds: 3}, Mean: "papers"})
		if err != nil {
			t.Fatal(err)
		}
		h := &heard{}
		p := j.Plan()
		r, err := j.Execute(context.Background(), p, h)
		if err != nil {
			t.Fatal(err)
		}
		if (r.Differences != nil) != (texts != nil) || (r.Models[1].Perplexity != nil) != (texts != nil) {
			t.Errorf("%+v", r)
		}
		if len(h.done) < 6 || !slices.Equal(h.done[len(h.done)-6:], []int64{1, 2, 3, 4, 5, 6}) || h.total != 6 {
			t.Errorf("progress %v of %d", h.done, h.total)
		}
		a, b := r.Models[0].Speed, r.Models[1].Speed
		for _, s := range []*Speed{a, b} {
			if s.Prompt != 9 || s.Tokens != 4 || len(s.Reading.Rounds) != 3 || len(s.Generation.Rounds) != 3 || s.Reading.Least <= 0 || s.Generation.Least <= 0 || s.Bytes <= 0 {
				t.Errorf("%+v", s)
			}
		}
		if a.Reading.Ratio != nil || a.Generation.Ratio != nil || b.Reading.Ratio == nil || b.Generation.Ratio == nil {
			t.Errorf("ratios of %+v, %+v", a, b)
		}
		if p.RAM < a.Memory+b.Memory || a.Memory != b.Memory || a.Memory <= a.Bytes {
			t.Errorf("%d bytes of RAM for %d and %d", p.RAM, a.Memory, b.Memory)
		}
		j.Close()
	}
}

// What cannot be timed is refused.
func TestSpeedIsRefused(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		o    EvalOptions
		want string
	}{
		"too long":       {EvalOptions{Speed: &SpeedOptions{Prompt: 500, Tokens: 12, Rounds: 1}}, "context is 512"},
		"no tokens":      {EvalOptions{Speed: &SpeedOptions{Prompt: 5, Tokens: 0, Rounds: 1}}, "--new-tokens 0"},
		"no rounds":      {EvalOptions{Speed: &SpeedOptions{Prompt: 5, Tokens: 1}}, "--rounds 0"},
		"a results file": {EvalOptions{Speed: &SpeedOptions{Prompt: 5, Tokens: 1, Rounds: 1}, Out: filepath.Join(t.TempDir(), "r.json")}, "without --out"},
	} {
		c.o.Mean = "papers"
		if _, err := NewEval([]string{load.Builtin}, be, c.o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
