package job

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"moreau/internal/importance"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/moreau"
	"moreau/internal/tensor"
)

// What measured best, the envelope of the published runs (MoreauPruner's scripts), and ours beside them.
func TestDefaultScoring(t *testing.T) {
	want := ScoringOptions{
		Method: "energy", Salience: "element1", Unit: "kv-group", Seed: 1,
		Calib:        CalibOptions{SeqLen: 128},
		Envelope:     importance.Envelope{Steps: 10, Avg: 5, Std: 0.05, LR: 2e-4, Rho: 0.2, Eta: 5e-6},
		StateOptions: StateOptions{State: tensor.F32, JournalEvery: 30 * time.Second},
	}
	if got := DefaultScoring(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := DefaultScoring().Check(); err != nil {
		t.Error(err)
	}
}

// Every setting reaches the run.
func TestSettingsReachTheRun(t *testing.T) {
	m, err := load.Open(load.Builtin)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	o := DefaultScoring()
	o.Method, o.Salience, o.Seed = "moreau", "vector", 7
	o.Envelope = importance.Envelope{Steps: 3, Avg: 2, Std: 0.25, Absolute: true, LR: 0.125, Rho: 0.5, Eta: 0.75}
	s, err := newScoring(m, o, model.Range{First: 1, Last: 3})
	if err != nil {
		t.Fatal(err)
	}
	want := importance.Options{Salience: "vector", Layers: model.Range{First: 1, Last: 3}, Seed: 7,
		Moreau: moreau.Options{Steps: 3, Avg: 2, Std: 0.25, Absolute: true, LR: 0.125, Rho: 0.5, Eta: 0.75}}
	if !reflect.DeepEqual(s.run, want) {
		t.Errorf("%+v, want %+v", s.run, want)
	}
	if got := s.manifest().Envelope; *got != o.Envelope {
		t.Errorf("the manifest says %+v", got)
	}
}

// Settings at the edge of what makes sense, and beyond.
func TestScoringChecks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ScoringOptions)
		want   string // "": fine
	}{
		"no noise":            {func(o *ScoringOptions) { o.Envelope.Std = 0 }, ""},
		"negative noise":      {func(o *ScoringOptions) { o.Envelope.Std = -1e-9 }, "--std"},
		"no number":           {func(o *ScoringOptions) { o.Envelope.Eta = math.NaN() }, "--eta"},
		"no bound":            {func(o *ScoringOptions) { o.Envelope.Rho = math.Inf(1) }, "--rho"},
		"no step":             {func(o *ScoringOptions) { o.Envelope.LR = 0 }, "--lr"},
		"no threshold":        {func(o *ScoringOptions) { o.Envelope.Eta = 0 }, ""},
		"a step of rho":       {func(o *ScoringOptions) { o.Envelope.LR = o.Envelope.Rho }, "must be smaller than --rho"},
		"a step below":        {func(o *ScoringOptions) { o.Envelope.LR = 0.19 }, ""},
		"no steps":            {func(o *ScoringOptions) { o.Envelope.Steps = 0 }, "--steps 0"},
		"no average":          {func(o *ScoringOptions) { o.Envelope.Avg = 0 }, "--avg 0"},
		"one of each":         {func(o *ScoringOptions) { o.Envelope.Steps, o.Envelope.Avg = 1, 1 }, ""},
		"state in bf16":       {func(o *ScoringOptions) { o.State = tensor.BF16 }, ""},
		"state in f16":        {func(o *ScoringOptions) { o.State = tensor.F16 }, "--state"},
		"another unit":        {func(o *ScoringOptions) { o.Unit = "head" }, "--attention-unit"},
		"another method":      {func(o *ScoringOptions) { o.Method = "l3" }, `"l3" is not known`},
		"another salience":    {func(o *ScoringOptions) { o.Salience = "mean" }, `"mean" is not known`},
		"salience of others":  {func(o *ScoringOptions) { o.Salience = "element2" }, "taylor only"},
		"a token a row":       {func(o *ScoringOptions) { o.Calib.SeqLen = 1 }, "--seq-len 1"},
		"two tokens of a row": {func(o *ScoringOptions) { o.Calib.Rows, o.Calib.SeqLen = 1, 2 }, ""},
	} {
		o := DefaultScoring()
		c.change(&o)
		err := o.Check()
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
