package job

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/tensor"
)

// layers is the built-in model with layers of so many channels.
func layers(t *testing.T, channels ...int) *model.Config {
	cfg := builtinModel(t).Config
	all := make([]model.Layer, len(channels))
	for l := range all {
		all[l] = cfg.Layers[0]
		all[l].Intermediate = channels[l]
	}
	return cfg.WithLayers(all)
}

// What stays is a multiple of the block where every layer has 16 of them, else of 32 where every
// layer has 512 channels or more, and of what is asked for otherwise.
func TestAlign(t *testing.T) {
	for _, tt := range []struct {
		channels    []int
		block       int
		align, want int
	}{
		{[]int{512, 512}, 32, AutoAlign, 32}, {[]int{512, 511}, 32, AutoAlign, 0}, {[]int{511, 512}, 32, AutoAlign, 0}, {[]int{8192}, 32, AutoAlign, 32},
		{[]int{512}, 32, 1, 1}, {[]int{100}, 32, 8, 8}, {[]int{512}, 32, 0, 0},
		{[]int{4096, 4100}, 256, AutoAlign, 256}, {[]int{4096, 4095}, 256, AutoAlign, 32}, {[]int{511}, 256, AutoAlign, 0}, {[]int{8192}, 256, 8, 8},
	} {
		b, err := BudgetOptions{Ratio: 0.1, Align: tt.align}.budget(layers(t, tt.channels...), nil, "", tt.block)
		if err != nil || b.Align != tt.want {
			t.Errorf("layers of %v, --align %d: aligned to %d, %v, want %d", tt.channels, tt.align, b.Align, err, tt.want)
		}
	}
}

// The budget's layers are all but the first eighth, at most 4, and the last sixteenth, at most 2; all
// under Uniform; those that are named.
func TestBudgetLayers(t *testing.T) {
	for _, tt := range []struct {
		layers int
		o      BudgetOptions
		want   model.Range
	}{
		{32, BudgetOptions{}, model.Range{First: 4, Last: 29}}, {16, BudgetOptions{}, model.Range{First: 2, Last: 14}}, {5, BudgetOptions{}, model.Range{First: 1, Last: 3}},
		{80, BudgetOptions{}, model.Range{First: 4, Last: 77}}, {2, BudgetOptions{}, model.Range{First: 0, Last: 1}},
		{32, BudgetOptions{Uniform: true}, model.Range{First: 0, Last: 31}}, {32, BudgetOptions{Layers: "3..5"}, model.Range{First: 3, Last: 5}},
		{32, BudgetOptions{Layers: "7"}, model.Range{First: 7, Last: 7}},
	} {
		tt.o.Ratio = 0.1
		b, err := tt.o.budget(layers(t, make([]int, tt.layers)...), nil, "", shortBlock)
		if err != nil || b.Layers != tt.want {
			t.Errorf("%d layers, %+v: %v, %v, want %v", tt.layers, tt.o, b.Layers, err, tt.want)
		}
	}
	for _, wrong := range []string{"3..9", "-1..2", "x", "2..1"} {
		if _, err := (BudgetOptions{Ratio: 0.1, Layers: wrong}).budget(layers(t, 8, 8, 8, 8), nil, "", shortBlock); !errors.Is(err, ErrUsage) {
			t.Errorf("layers %q of 4: %v", wrong, err)
		}
	}
}

func TestBudgetKinds(t *testing.T) {
	for _, tt := range []struct {
		units string
		want  []model.Kind
	}{{"", nil}, {"kv-groups", []model.Kind{model.Heads}}, {"channels,query-heads", []model.Kind{model.QueryHeads, model.MLP}}, {"channels", []model.Kind{model.MLP}}} {
		if got, err := (BudgetOptions{Units: tt.units}).kinds(); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, %v, want %v", tt.units, got, err, tt.want)
		}
	}
	for _, wrong := range []string{"heads", "channels,", "channels,channels", "kv-groups,query-heads"} {
		if _, err := (BudgetOptions{Units: wrong}).kinds(); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// newPrune is a pruning job of the built-in model by l1, without evaluation.
func newPrune(t *testing.T, o PruneOptions) *Prune {
	t.Helper()
	be, err := cpu.New(0)
	if err != nil {
		t.Fatal(err)
	}
	o.Scoring, o.NoEval = quick("l1"), true
	o.Budget.Align = AutoAlign
	j, err := NewPrune(load.Builtin, be, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// A folder keeps within its bytes when the card says more at the end than in the plan: there is
// room for it, in the plan that is chosen, and the next larger one would not have left it.
func TestSizeLeavesRoomForTheCard(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	const most = 900 << 10
	card := func(r PruneReport) string {
		if r.Source.SHA256 == "" && r.After == nil && !r.Plan.Decided {
			return "short"
		}
		return string(make([]byte, CardRoom-100))
	}
	j := newPrune(t, PruneOptions{Budget: BudgetOptions{Size: most}, Out: OutOptions{Path: out}, Card: card})
	p, err := j.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Execute(t.Context(), p, &heard{}); err != nil {
		t.Fatal(err)
	}
	var bytes int64
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	if bytes > most || p.BytesAfter > most-CardRoom || bytes < p.BytesAfter {
		t.Errorf("%d bytes, planned %d, want at most %d with the whole card", bytes, p.BytesAfter, most)
	}
}

// The same options give the same plan, and what is executed is what was planned.
func TestPlanIsDone(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.gguf")
	j := newPrune(t, PruneOptions{Budget: BudgetOptions{Ratio: 0.2}, Out: OutOptions{Path: out}})
	p, err := j.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := j.Execute(t.Context(), p, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Plan.After.Layers, p.After.Layers) || r.Plan.Out.Bytes != p.Out.Bytes || p.Decided || !r.Plan.Decided {
		t.Errorf("planned %+v, done %+v", p, r.Plan)
	}
	if info, err := os.Stat(out); err != nil || info.Size() != p.Out.Bytes {
		t.Errorf("%v, %v, planned %d bytes", info, err, p.Out.Bytes)
	}
}

// The plan of a size is the largest that fits: none of those that leave a little more does.
func TestSizeIsTheLargest(t *testing.T) {
	for _, d := range []tensor.DType{tensor.F32, tensor.Q8_0, tensor.Q4_K} {
		for _, most := range []int64{190_000, 210_000, 222_222} {
			if d == tensor.F32 {
				most *= 4
			}
			j := newPrune(t, PruneOptions{Budget: BudgetOptions{Size: most}, Out: OutOptions{Path: filepath.Join(t.TempDir(), "out.gguf"), DType: &d}})
			found := j.sized
			if bytes, err := j.outputBytes(found); err != nil || bytes > most {
				t.Errorf("%s, %d bytes: %d are planned, %v", d, most, bytes, err)
			}
			b, tried := found.Budget, 0
			for b.Params = found.After.ParamCount() + 1; tried < 12 && b.Params < found.Before.ParamCount(); {
				p, err := prune.NewPlan(found.Before, nil, b)
				if err != nil {
					t.Fatal(err)
				}
				if left := p.After.ParamCount(); left > found.After.ParamCount() {
					if bytes, err := j.outputBytes(p); err != nil || bytes <= most {
						t.Errorf("%s, %d bytes: a plan of %d parameters takes %d, that of %d was taken; %v", d, most, left, bytes, found.After.ParamCount(), err)
					}
					tried++
				}
				b.Params += 64
			}
		}
	}
}

// Layers are numbered anew once some are dropped; an error that names them says so.
func TestErrorsOfWhatIsLeft(t *testing.T) {
	for layers, says := range map[string]bool{"": false, "0..3": true} {
		_, err := NewPrune(load.Builtin, mustCPU(t), PruneOptions{Scoring: quick("l2"), PlanOnly: true, DropLayers: layers,
			Budget: BudgetOptions{Ratio: 0.97, Align: AutoAlign}})
		if !errors.Is(err, prune.ErrBudget) || strings.Contains(err.Error(), "counted without those that are dropped") != says {
			t.Errorf("dropped %q: %v", layers, err)
		}
	}
}

// A plan whose output is exactly --size fits: the same one is found again.
func TestSizeExactly(t *testing.T) {
	for _, selection := range []string{AlikeLayers, GlobalUnits} {
		for _, drop := range []string{"", "2"} {
			plan := func(most int64) (p *prune.Plan, bytes int64) {
				j := newPrune(t, PruneOptions{Budget: BudgetOptions{Size: most, Allocate: selection}, DropLayers: drop, Out: OutOptions{Path: filepath.Join(t.TempDir(), "out.gguf")}})
				bytes, err := j.outputBytes(j.sized)
				if err != nil || bytes > most {
					t.Fatalf("%s, %d bytes: %d are planned, %v", selection, most, bytes, err)
				}
				return j.sized, bytes
			}
			first, bytes := plan(800_000)
			if drop != "" { // so does what is left after the drop, uncut
				j := newPrune(t, PruneOptions{Budget: BudgetOptions{Size: 800_000}, DropLayers: drop, Out: OutOptions{Path: filepath.Join(t.TempDir(), "out.gguf")}})
				whole, err := j.outputBytes(uncut(j.rest.Config))
				if p, same := plan(whole); err != nil || same != whole {
					t.Errorf("%s: %d parameters, %d of %d bytes; %v", selection, p.After.ParamCount(), same, whole, err)
				}
			}
			if again, same := plan(bytes); same != bytes {
				t.Errorf("%s, without %q: %d bytes of %d parameters fit into %d, of those that take %d are taken", selection, drop, bytes, first.After.ParamCount(), bytes, again.After.ParamCount())
			}
		}
	}
}
