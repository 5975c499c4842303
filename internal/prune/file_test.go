package prune

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"moreau/internal/model"
	"moreau/internal/stage"
)

// recorded is a plan of the given stages, and its text.
func recorded(t *testing.T, cfg *model.Config, stages ...stage.Stage) (*Record, string) {
	t.Helper()
	e, err := stage.Sequence(stages).Estimate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &Record{"moreau 1", "moreau prune x", "x", "abc", "by hand", 7, cfg, e.After, stages, nil, nil}
	data, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return r, string(data)
}

// sample is layers dropped, then units cut, of SmolLM2.
func sample(t *testing.T, unit func(*model.Config) *model.Config) (*model.Config, []stage.Stage) {
	t.Helper()
	cfg := unit(config(t, "smollm2-135m"))
	e, err := Drop{3, 20}.Estimate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e.After, uneven(e.After), Budget{LayerRatio: 0.34, Layers: model.Range{First: 4, Last: 6}, Kinds: e.After.Kinds(), Selection: Local, Align: 32, Dropped: 5})
	if err != nil {
		t.Fatal(err)
	}
	return cfg, []stage.Stage{Drop{3, 20}, p}
}

func groups(c *model.Config) *model.Config { return c }

// What is read again is what was written, whatever unit of attention the reader has in mind.
func TestRecordIsReadAgain(t *testing.T) {
	for i, unit := range []func(*model.Config) *model.Config{groups, (*model.Config).ByQueryHead} {
		cfg, stages := sample(t, unit)
		for n := range len(stages) + 1 {
			want, text := recorded(t, cfg, stages[:n]...)
			if i == 1 && n == 2 {
				want.Refit = &Refit{Calibration: "c4.jsonl", Rows: 8, SeqLen: 16, SHA256: "cd", Damping: 0.01}
				want.Tune = &Tune{Tokens: 9, Rows: 2, SHA256: "ef"}
				data, err := want.Encode()
				if err != nil {
					t.Fatal(err)
				}
				text = string(data)
			}
			for _, reader := range []*model.Config{cfg, config(t, "smollm2-135m")} {
				got, err := DecodeRecord([]byte(text), reader)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := got.Encode(); err != nil || string(again) != text {
					t.Errorf("%d stages: written again as\n%.300s\nof\n%.300s (%v)", n, again, text, err)
				}
				if !reflect.DeepEqual(got.Tune, want.Tune) || !slices.Equal(got.After.Layers, want.After.Layers) || got.Seed != 7 || got.Weights != "abc" || got.Command != want.Command {
					t.Errorf("%d stages: %+v, want %+v", n, got, want)
				}
				if n == 2 && !reflect.DeepEqual(got.Stages[1].(*Plan).Budget, stages[1].(*Plan).Budget) {
					t.Errorf("budget %+v, want %+v", got.Stages[1].(*Plan).Budget, stages[1].(*Plan).Budget)
				}
			}
		}
	}
}

// A file of version 1 is one cut.
func TestFirstVersionIsRead(t *testing.T) {
	cfg, stages := sample(t, groups)
	p, err := NewPlan(cfg, uneven(cfg), stages[1].(*Plan).Budget)
	if err != nil {
		t.Fatal(err)
	}
	_, text := recorded(t, cfg, p)
	var f file
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	cut := f.Stages[0].Cut
	old, err := json.Marshal(map[string]any{"format": "moreau-plan", "version": 1,
		"budget":        map[string]any{"layer_ratio": 0.34, "align": 32, "selection": "local"},
		"budget_layers": "4..6", "budget_kinds": cut.Budget.Kinds,
		"params_before": f.ParamsBefore, "params_after": f.ParamsAfter, "layers": cut.Layers})
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRecord(old, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Stages[0].(*Plan).Pruned, p.Pruned) || got.Weights != "" || got.Stages[0].(*Plan).Budget.LayerRatio != 0.34 {
		t.Errorf("%+v", got)
	}
}

// Whatever does not fit the model is refused, and the error says what.
func TestRefusedRecords(t *testing.T) {
	cfg, stages := sample(t, groups)
	_, text := recorded(t, cfg, stages...)
	units := func(of string, change func([]any) []any) func(map[string]any) {
		return func(f map[string]any) {
			layer := f["stages"].([]any)[1].(map[string]any)["cut"].(map[string]any)["layers"].([]any)[5].(map[string]any)
			layer[of] = change(layer[of].([]any))
		}
	}
	cutOf := func(f map[string]any) map[string]any {
		return f["stages"].([]any)[1].(map[string]any)["cut"].(map[string]any)
	}
	for want, change := range map[string]func(f map[string]any){
		"of 7 parameters":         func(f map[string]any) { f["params_before"] = 7 },
		"and says 7":              func(f map[string]any) { f["params_after"] = 7 },
		"and says 999999999":      func(f map[string]any) { f["params_after"] = 999999999 },
		"of 999999999 parameters": func(f map[string]any) { f["params_before"] = 999999999 },
		"want \"moreau-plan\"":    func(f map[string]any) { f["format"] = "moreau-scores" },
		"a plan of version 4":     func(f map[string]any) { f["version"] = 4 },
		"a plan of version 0":     func(f map[string]any) { f["version"] = 0 },
		"no layer 30":             func(f map[string]any) { f["stages"].([]any)[0].(map[string]any)["drop_layers"] = []any{3, 30} },
		"20 stands behind 20":     func(f map[string]any) { f["stages"].([]any)[0].(map[string]any)["drop_layers"] = []any{20, 20} },
		"29 layers, the model":    func(f map[string]any) { cutOf(f)["layers"] = append(cutOf(f)["layers"].([]any), map[string]any{}) },
		"no unit 1536":            units("pruned_mlp", func(u []any) []any { u[len(u)-1] = 1536; return u }),
		"no unit -1":              units("pruned_mlp", func(u []any) []any { u[0] = -1; return u }),
		"want them ascending":     units("pruned_mlp", func(u []any) []any { u[1], u[2] = u[2], u[1]; return u }),
		"each once":               units("pruned_mlp", func(u []any) []any { u[1] = u[0]; return u }),
		"channels after it":       units("pruned_mlp", func(u []any) []any { return u[1:] }),
		"all of a group":          units("pruned_heads", func(u []any) []any { return []any{0, 1, 2} }),
		"neither layers to drop":  func(f map[string]any) { f["stages"] = append(f["stages"].([]any), map[string]any{"graft": 1}) },
		"stage 3":                 func(f map[string]any) { f["stages"] = append(f["stages"].([]any), map[string]any{"graft": 1}) },
		"wants a cut behind it": func(f map[string]any) {
			f["stages"] = append(f["stages"].([]any), map[string]any{"refit": map[string]any{}})
		},
		"stage 3: a tuning": func(f map[string]any) {
			f["stages"] = append(f["stages"].([]any), map[string]any{"tune": map[string]any{"tokens": 9}})
		},
		"stage 2: a refit": func(f map[string]any) {
			f["stages"] = append([]any{f["stages"].([]any)[0], map[string]any{"refit": map[string]any{}}}, f["stages"].([]any)...)
		},
		"stage 1: a refit": func(f map[string]any) {
			f["stages"] = []any{map[string]any{"refit": map[string]any{}}, f["stages"].([]any)[1], f["stages"].([]any)[0]}
		},
		"changed by hand": func(f map[string]any) { f["stages"] = f["stages"].([]any)[:1] },
		`units "experts"`: func(f map[string]any) { cutOf(f)["budget"].(map[string]any)["kinds"] = []any{"experts"} },
		`layers "4..99"`:  func(f map[string]any) { cutOf(f)["budget"].(map[string]any)["layers"] = "4..99" },
		"not a plan":      func(f map[string]any) { f["stages"] = 3 },
		"before the cut":  func(f map[string]any) { cutOf(f)["layers"].([]any)[2].(map[string]any)["heads"] = []any{12, 9} },
	} {
		var f map[string]any
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		change(f)
		changed, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeRecord(changed, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, name := range []string{"llama-7b", "llama3-8b"} {
		if _, err := DecodeRecord([]byte(text), config(t, name)); err == nil || !strings.Contains(err.Error(), "another model") {
			t.Errorf("the plan on %s: %v", name, err)
		}
	}
	if _, err := DecodeRecord([]byte("{"), cfg); err == nil {
		t.Error("half a file: no error")
	}
}

// Query heads go from every KV group alike, and not with KV groups.
func TestRefusedUnits(t *testing.T) {
	cfg := config(t, "smollm2-135m") // 9 query heads, 3 KV heads
	heads, groups := cfg.Dim(2, model.QueryHeads), cfg.Dim(2, model.Heads)
	for want, c := range map[string]Cut{
		"loses 1 units of one KV group and 0 of another": {heads: {0}},
		"2 units of one KV group and 1":                  {heads: {0, 1, 3, 6}},
		"all of a group":                                 {heads: {0, 1, 2, 3, 4, 5, 6, 7, 8}},
		"KV groups and query heads":                      {heads: {0, 3, 6}, groups: {0}},
		"none of this model":                             {model.Dim{Kind: model.MLP, Layer: 2, Units: 7, Groups: 1}: {0}},
		"layers.30.mlp":                                  {model.Dim{Kind: model.MLP, Layer: 30, Units: 1536, Groups: 1}: {0}},
	} {
		if _, err := c.Estimate(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := (Cut{heads: {0, 4, 8}}).Estimate(cfg); err != nil {
		t.Error(err)
	}
}
