package export

import (
	"slices"
	"strings"
	"testing"

	"moreau/internal/model"
)

// A GGUF file of a Llama holds each bias by itself; a folder's flags stand for several; what holds none says so.
func TestBiasesOfContainers(t *testing.T) {
	for _, c := range []struct {
		family string
		gguf   bool
		roles  []model.Role
		want   string // projections, or words of the error
	}{
		{"llama", true, []model.Role{model.DownBias}, "down_proj"},
		{"llama", true, []model.Role{model.OBias, model.DownBias}, "o_proj down_proj"},
		{"llama", false, []model.Role{model.DownBias}, "gate_proj up_proj down_proj"},
		{"llama", false, []model.Role{model.OBias}, "q_proj k_proj v_proj o_proj"},
		{"llama", false, []model.Role{model.OBias, model.DownBias}, "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj"},
		{"ernie4_5", false, []model.Role{model.DownBias}, "gate_proj up_proj down_proj"},
		{"smollm3", false, []model.Role{model.DownBias}, "gate_proj up_proj down_proj"},
		{"qwen2", true, []model.Role{model.DownBias}, "a qwen2 has no bias of down_proj"},
		{"gemma", false, []model.Role{model.OBias, model.DownBias}, "a gemma has no bias of o_proj, down_proj"},
	} {
		cfg := *tiny(t, "llama", `, "tie_word_embeddings": true`).Config
		cfg.Family = family(c.family)
		got, err := Biases(&cfg, model.RolesOf(c.roles...), c.gguf)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.family, err, c.want)
			}
			continue
		}
		if want := strings.Fields(c.want); !slices.Equal(got.Biased(), want) {
			t.Errorf("%s, GGUF %v: %v, want %v", c.family, c.gguf, got.Biased(), want)
		}
	}
}
