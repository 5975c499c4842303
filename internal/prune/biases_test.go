package prune

import (
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/goldentest"
	"moreau/internal/model"
	"moreau/internal/stage"
	"moreau/internal/transformer"
)

// Biases of zeros change no bit of what a model computes; those that it has stay.
func TestBiasesAreZeros(t *testing.T) {
	be, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	g := goldentest.Open(t, "llama_gqa_rope3")
	m := stage.Model{Config: g.Config, Weights: g.Weights}
	var want []float64
	for _, roles := range []model.Roles{0, model.RolesOf(model.DownBias), model.Biases} {
		if roles != 0 {
			if m, err = Biases(roles).Run(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if m.Config.Biases() != roles {
			t.Errorf("biases of %v, want %v", m.Config.Biases().Biased(), roles.Biased())
		}
		p, err := transformer.New(be, m.Config).Pass(t.Context(), g.Batch(t), transformer.NewStreamed(be, m.Weights), transformer.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.NLL; want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("biases of %v: %v, want %v", roles.Biased(), got, want)
		}
	}
}

// A family whose table has no such row is refused; plan.json names projections.
func TestRefusedBiases(t *testing.T) {
	g := goldentest.Open(t, "qwen2_bias")
	_, err := Biases(model.RolesOf(model.QBias, model.OBias, model.DownBias)).Estimate(g.Config)
	if err == nil || err.Error() != "a qwen2 has no bias of o_proj, down_proj" {
		t.Error(err)
	}
	cfg := config(t, "smollm2-135m")
	r, text := recorded(t, cfg, Biases(model.RolesOf(model.OBias, model.DownBias)))
	if want := `{"biases":["o_proj","down_proj"]}`; !strings.Contains(text, want) || r.After.ParamCount() != cfg.ParamCount()+2*30*576 {
		t.Errorf("%s, of %d parameters", text, r.After.ParamCount())
	}
	got, err := DecodeRecord([]byte(text), cfg)
	if err != nil || !slices.Equal(got.Stages, r.Stages) {
		t.Errorf("read again: %v, %v", got, err)
	}
	for from, to := range map[string]string{`"o_proj"`: `"x_proj"`, `["o_proj","down_proj"]`: `[]`, `"down_proj"]`: `"down_proj"],"drop_layers":[1]`} {
		if _, err := DecodeRecord([]byte(strings.Replace(text, from, to, 1)), cfg); err == nil {
			t.Errorf("%s: no error", to)
		}
	}
}
