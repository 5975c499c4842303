package prune

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"moreau/internal/model"
)

// channels is a budget of MLP channels of layers 2 to 5 of SmolLM2, and what one is.
func channels(t *testing.T) (cfg *model.Config, b Budget, unit int64) {
	t.Helper()
	cfg = config(t, "smollm2-135m")
	b = Budget{Layers: model.Range{First: 2, Last: 5}, Kinds: []model.Kind{model.MLP}, Selection: Local}
	return cfg, b, cfg.UnitParams(cfg.Dim(2, model.MLP))
}

// gone is how many units of a kind each layer of the budget's range loses.
func gone(p *Plan, kind model.Kind) (n []int) {
	if p == nil {
		return nil
	}
	for l := p.Budget.Layers.First; l <= p.Budget.Layers.Last; l++ {
		n = append(n, len(p.Pruned[p.Before.Dim(l, kind)]))
	}
	return n
}

// A number of parameters that whole units make up is met to the parameter, and the first
// layers keep what the others lose more.
func TestExactFit(t *testing.T) {
	cfg, b, unit := channels(t)
	for n, want := range map[int64][]int{1: {0, 0, 0, 1}, 2: {0, 0, 1, 1}, 3: {0, 1, 1, 1}, 4: {1, 1, 1, 1}, 7: {1, 2, 2, 2}, 400: {100, 100, 100, 100}} {
		b.Params = cfg.ParamCount() - n*unit
		p, err := NewPlan(cfg, nil, b)
		if err != nil || p.Removed() != n*unit || !slices.Equal(gone(p, model.MLP), want) {
			t.Errorf("%d channels: %v of them go (%v), want %v", n, gone(p, model.MLP), err, want)
		}
		b.Params-- // one parameter more goes as one channel more
		if p, err = NewPlan(cfg, nil, b); err != nil || p.Removed() != (n+1)*unit {
			t.Errorf("%d channels and a parameter: %d parameters go (%v)", n, p.Removed(), err)
		}
	}
	b.Align, b.Params = 64, cfg.ParamCount()-3*64*unit
	if p, err := NewPlan(cfg, nil, b); err != nil || !slices.Equal(gone(p, model.MLP), []int{0, 64, 64, 64}) {
		t.Errorf("aligned: %v (%v)", gone(p, model.MLP), err)
	}
	b.Uniform = true
	if p, err := NewPlan(cfg, nil, b); err != nil || !slices.Equal(gone(p, model.MLP), []int{64, 64, 64, 64}) {
		t.Errorf("uniform: %v (%v)", gone(p, model.MLP), err)
	}
}

func TestExactFitOfHeads(t *testing.T) {
	cfg, b, _ := channels(t)
	b.Kinds = []model.Kind{model.Heads}
	unit := cfg.UnitParams(cfg.Dim(2, model.Heads))
	for n, want := range map[int64][]int{1: {0, 0, 0, 1}, 3: {0, 1, 1, 1}, 5: {1, 1, 1, 2}, 8: {2, 2, 2, 2}} {
		b.Params = cfg.ParamCount() - n*unit
		if p, err := NewPlan(cfg, nil, b); err != nil || p.Removed() != n*unit || !slices.Equal(gone(p, model.Heads), want) {
			t.Errorf("%d KV groups: %v (%v), want %v", n, gone(p, model.Heads), err, want)
		}
	}
	b.Params = cfg.ParamCount() - 9*unit // one of three stays everywhere
	if _, err := NewPlan(cfg, nil, b); !errors.Is(err, ErrBudget) {
		t.Errorf("9 of 12 KV groups: %v", err)
	}
}

// Query heads go by ranks: one of each of three KV groups.
func TestExactFitOfQueryHeads(t *testing.T) {
	cfg, b, _ := channels(t)
	cfg, b.Kinds = cfg.ByQueryHead(), []model.Kind{model.QueryHeads}
	rank := 3 * cfg.UnitParams(cfg.Dim(2, model.QueryHeads))
	for n, want := range map[int64][]int{1: {0, 0, 0, 3}, 4: {3, 3, 3, 3}, 7: {3, 6, 6, 6}} {
		b.Params = cfg.ParamCount() - n*rank
		if p, err := NewPlan(cfg, nil, b); err != nil || p.Removed() != n*rank || !slices.Equal(gone(p, model.QueryHeads), want) {
			t.Errorf("%d ranks: %v (%v), want %v", n, gone(p, model.QueryHeads), err, want)
		}
	}
}

// A share that is no whole number of parameters is rounded up.
func TestRatioRoundsUp(t *testing.T) {
	cfg, b, unit := channels(t)
	for _, c := range []struct {
		params float64 // that the ratio is of
		want   int64   // channels
	}{{8 * float64(unit), 8}, {8*float64(unit) + 0.5, 9}, {8*float64(unit) - 0.5, 8}} {
		b.Ratio = c.params / float64(cfg.ParamCount())
		if p, err := NewPlan(cfg, nil, b); err != nil || p.Removed() != c.want*unit || float64(p.Removed()) < b.Ratio*float64(cfg.ParamCount()) {
			t.Errorf("%g parameters: %d go, want %d (%v)", c.params, p.Removed(), c.want*unit, err)
		}
	}
}

// All but one unit a layer can go, and what is more than that is refused with how much
// can.
func TestMostThatCanGo(t *testing.T) {
	cfg, b, unit := channels(t)
	most := 4 * (1536 - 1) * unit
	b.Params = cfg.ParamCount() - most
	if p, err := NewPlan(cfg, nil, b); err != nil || p.Removed() != most {
		t.Errorf("all but one: %v", err)
	}
	b.Params--
	_, err := NewPlan(cfg, nil, b)
	if !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "at most 0.07888 of the parameters") {
		t.Errorf("one more: %v", err)
	}
}

// What stays is a multiple; of a layer that has less than that left, one multiple stays, or all of it.
func TestAlignedToTheLimit(t *testing.T) {
	for _, tt := range []struct{ units, align, n, want int }{
		{64, 32, 0, 0}, {64, 32, 1, 32}, {64, 32, 32, 32}, {64, 32, 33, 32}, {64, 32, 63, 32},
		{40, 32, 1, 8}, {40, 32, 8, 8}, {40, 32, 9, 8}, {32, 32, 1, 0}, {31, 32, 1, 0}, {31, 0, 30, 30}, {31, 0, 31, 30},
	} {
		if got := (Budget{Align: tt.align}).aligned(model.Dim{Kind: model.MLP, Units: tt.units, Groups: 1}, tt.n); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}
