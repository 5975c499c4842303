package transformer_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// random is a tiny model with every weight drawn.
func random(t *testing.T, modelType, more string) (*model.Config, checkpoint.Memory) {
	t.Helper()
	cfg, err := model.FromHF([]byte(fmt.Sprintf(`{"model_type": %q, "vocab_size": 11, "hidden_size": 16, "intermediate_size": 12, "num_hidden_layers": 2,
		"head_dim": 6, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5%s}`, modelType, more)))
	if err != nil {
		t.Fatal(err)
	}
	draws := rand.New(rand.NewPCG(1, 2))
	w := checkpoint.Memory{}
	for _, p := range cfg.Params() {
		vals := make([]float32, p.Len())
		for i := range vals {
			vals[i] = float32(0.3 * draws.NormFloat64())
		}
		w[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), vals)
	}
	return cfg, w
}

// Along each gradient the loss rises as that says: the sum over a parameter, against
// a central difference. Of what the golden models lack, biases of o and of the MLP.
func TestOptionalGradients(t *testing.T) {
	be := newBackend(t, 2)
	b, err := transformer.NewBatch([][]int32{{1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 1, 0, 3, 4}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"llama", `, "attention_bias": true, "mlp_bias": true`},
		{"mistral", `, "sliding_window": 3`}, {"qwen2", ""}, {"qwen3", ""}, {"phi3", `, "sliding_window": 3`},
		{"gemma", ""}, {"gemma2", `, "sliding_window": 3, "query_pre_attn_scalar": 4, "attn_logit_softcapping": 1, "final_logit_softcapping": 2`},
	} {
		cfg, w := random(t, c[0], c[1])
		tr := transformer.New(be, cfg)
		sink := &collect{be: be, grads: map[string][]float32{}}
		if _, err := tr.LossAndGrad(context.Background(), b, transformer.NewStreamed(be, w), sink); err != nil {
			t.Fatal(err)
		}
		for _, p := range cfg.Params() {
			grad, old := sink.grads[p.Name], w[p.Name]
			norm := math.Sqrt(squares(grad))
			if !(norm > 1e-4) {
				t.Fatalf("%s: the gradient of %s is %g long", c[0], p.Name, norm)
			}
			at := func(step float64) float64 {
				vals := old.Float32()
				for i, g := range grad {
					vals[i] += float32(step * float64(g) / norm)
				}
				w[p.Name] = tensor.FromFloat32(tensor.F32, p.Shape(), vals)
				loss, err := tr.Loss(context.Background(), b, transformer.NewStreamed(be, w))
				if err != nil {
					t.Fatal(err)
				}
				return loss
			}
			const step = 1e-2
			slope := (at(step) - at(-step)) / (2 * step)
			w[p.Name] = old
			if !(math.Abs(slope-norm) <= 1e-2*norm+1e-4) {
				t.Errorf("%s: the loss rises by %g along the gradient of %s, which is %g long", c[0], slope, p.Name, norm)
			}
		}
	}
}

func squares(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}
