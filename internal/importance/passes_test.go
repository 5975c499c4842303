package importance

import (
	"context"
	"maps"
	"slices"
	"testing"

	"moreau/internal/goldentest"
)

// What plans and progress bars count on: of every method and salience, each pass is
// reported once, in order, when its layers have been reported, forward and backward.
func TestPassesAreThosePlanned(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	for _, method := range Methods {
		for _, salience := range slices.Sorted(maps.Keys(saliences)) {
			run := goldenRun(t, be, g, salience)
			if method.Check(run.Options) != nil {
				continue
			}
			layers, passes := 0, method.Needs.PassCount(run.Options)
			run.OnLayer = func() { layers++ }
			reported := 0
			run.Progress = func(done, of int, loss float64) {
				if reported++; done != reported || of != passes || !(loss > 0) || layers*passes != done*method.Needs.LayerRuns(g.Config, run.Options) {
					t.Errorf("%s, %s: pass %d of %d with loss %g after %d layers, planned %d passes", method.Name, salience, done, of, loss, layers, passes)
				}
			}
			if _, err := method.Score(context.Background(), run); err != nil {
				t.Fatal(err)
			}
			if reported != passes {
				t.Errorf("%s, %s: %d passes, planned %d", method.Name, salience, reported, passes)
			}
		}
	}
}

// Scores of random depend on the seed, and on nothing else.
func TestRandomDependsOnTheSeed(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	random, err := FindMethod("random")
	if err != nil {
		t.Fatal(err)
	}
	of := func(seed uint64) Scores {
		run := goldenRun(t, be, g, "element1")
		run.Options.Seed = seed
		s, err := random.Score(context.Background(), run)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := of(1), of(2)
	for d, units := range of(1) {
		if !slices.Equal(units, one[d]) || slices.Equal(units, two[d]) {
			t.Errorf("%s: %v with seed 1, %v again, %v with seed 2", d, one[d], units, two[d])
		}
		if other := g.Config.Dim(1, d.Kind); d.Layer == 0 && slices.Equal(units, one[other]) {
			t.Errorf("%s has the draws of %s", d, other)
		}
	}
}
