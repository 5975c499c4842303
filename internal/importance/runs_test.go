package importance

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/transformer"
)

// gradients keeps all of a pass.
type gradients struct {
	be backend.Backend
	of map[string][]float32
}

func (g gradients) Wants(p model.Param) bool { return p.Prunable() }

func (g gradients) Grad(p model.Param, b backend.Buffer) error {
	g.of[p.Name] = goldentest.Host(g.be, b)
	return nil
}

func gradientsOf(t *testing.T, run Run, b transformer.Batch) map[string][]float32 {
	t.Helper()
	g := gradients{run.Backend, map[string][]float32{}}
	if _, err := transformer.New(run.Backend, run.Config).LossAndGrad(context.Background(), b, run.Weights, g); err != nil {
		t.Fatal(err)
	}
	return g.of
}

// The squares of element2 and mix are those of each row's own mean loss, whatever the rows'
// lengths, one without a target included: against passes over single rows, in plain loops.
func TestSecondOrderOfUnequalRows(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_gqa_rope3")
	b, err := transformer.NewBatch([][]int32{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {13, 14}, {15}, {16, 17, 18, 19, 20}})
	if err != nil {
		t.Fatal(err)
	}
	for salience, of := range map[string]func(w, g, g2 float64) float64{
		"element2": func(w, _, g2 float64) float64 { return w * w * g2 },
		"mix":      func(w, g, g2 float64) float64 { return math.Abs(w*g - w*w*g2/2) },
	} {
		run := goldenRun(t, be, g, salience)
		run.Batch = func(int) (transformer.Batch, error) { return b, nil }
		got, want := score(t, "taylor", run), Scores{}
		whole := gradientsOf(t, run, b)
		var rows []map[string][]float32
		for i := range b.B {
			rows = append(rows, gradientsOf(t, run, b.Sequence(i)))
		}
		for _, p := range g.Config.Params() {
			for axis, a := range p.Axes {
				if a.Dim.Kind == model.Fixed || !p.Prunable() {
					continue
				}
				if want[a.Dim] == nil {
					want[a.Dim] = make([]float64, a.Dim.Units)
				}
				cols := p.Shape()[1]
				for j, w := range weightOf(t, run, p) {
					var g2 float64
					for _, r := range rows {
						g2 += float64(r[p.Name][j]) * float64(r[p.Name][j]) / float64(len(rows))
					}
					want[a.Dim][[]int{j / cols, j % cols}[axis]/a.Width] += of(float64(w), float64(whole[p.Name][j]), g2)
				}
			}
		}
		for d, units := range want {
			if e := relL2(got[d], units); !(e <= 1e-4) {
				t.Errorf("%s: %s: relative L2 error %g > 1e-4", salience, d, e)
			}
		}
	}
}

// A run gives back all that it takes, but for the tables of positions.
func TestMethodsGiveBackMemory(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	tables := int64(4 * 2 * 24 * g.Config.HeadDim / 2)
	for _, method := range Methods {
		for salience := range saliences {
			be := dry.New()
			run := goldenRun(t, be, g, salience)
			run.Weights = transformer.NewDry(be, checkpoint.Memory{})
			run.Options.Moreau.Noise = nil
			if method.Check(run.Options) != nil {
				continue
			}
			if _, err := method.Score(context.Background(), run); err != nil {
				t.Fatal(err)
			}
			if be.Live() > tables {
				t.Errorf("%s, %s: %d bytes are not given back, the tables take %d", method.Name, salience, be.Live(), tables)
			}
		}
	}
}

// broken is a backend whose device failed.
type broken struct{ backend.Backend }

var errLost = errors.New("device lost")

func (broken) Sync() error { return errLost }

// No method gives scores of a backend that failed.
func TestMethodsFailWithTheBackend(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	for _, method := range Methods {
		if method.Name == "random" {
			continue // it asks no backend
		}
		run := goldenRun(t, broken{newBackend(t)}, g, "element1")
		if s, err := method.Score(context.Background(), run); !errors.Is(err, errLost) {
			t.Errorf("%s: %v, %d dimensions", method.Name, err, len(s))
		}
	}
}

// lateBroken is a backend whose device fails after so many calls of Sync.
type lateBroken struct {
	backend.Backend
	good *int
}

func (b lateBroken) Sync() error {
	if *b.good--; *b.good < 0 {
		return errLost
	}
	return nil
}

// What follows the last pass, the reduction to scores, may fail too.
func TestReductionFailsWithTheBackend(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	for _, name := range []string{"l1", "moreau"} {
		method, err := FindMethod(name)
		if err != nil {
			t.Fatal(err)
		}
		run := goldenRun(t, nil, g, "element1")
		passes := method.Needs.PassCount(run.Options)
		run = goldenRun(t, lateBroken{newBackend(t), &passes}, g, "element1")
		if _, err := method.Score(context.Background(), run); !errors.Is(err, errLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A score that is not finite is an error that names the unit, whatever the loss.
func TestScoresAreFinite(t *testing.T) {
	be, g := newBackend(t), goldentest.Open(t, "llama_mha")
	d := g.Config.Dim(0, model.MLP)
	bad := be.New(2 * d.Units)
	be.Upload(bad, func(part []float32, lo int) {
		for i := range part {
			if lo+i == 5 {
				part[i] = float32(math.Inf(1))
			}
		}
	})
	seen := transformer.Seen{Site: transformer.Channels, Lengths: []int{2}, T: 2, Width: d.Units, X: bad, DX: bad}
	run := goldenRun(t, be, g, "element1")
	mask := &maskTap{be: be, sites: (&run).sites(), scores: Scores{}}
	if err := mask.See(seen); !errors.Is(err, transformer.ErrNotFinite) || !strings.Contains(err.Error(), d.String()+" unit 5") {
		t.Errorf("mask: %v", err)
	}
	run.Options.statistic = wifv
	moments := &momentTap{be: be, sites: (&run).sites(), seen: map[model.Dim]*moments{}}
	if err := moments.See(seen); err != nil {
		t.Fatal(err)
	}
	if _, err := (&run).columns(d, moments.seen[d]); !errors.Is(err, transformer.ErrNotFinite) || !strings.Contains(err.Error(), d.String()+" unit 5") {
		t.Errorf("flap: %v", err)
	}
}
