package interop

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/model"
	"moreau/internal/tensor"
)

// randomModel is a folder with a config.json and random weights of that model in
// F32, the same in every run.
func randomModel(t *testing.T, config string) string {
	t.Helper()
	cfg, err := model.FromHF([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	draws, weights := rand.New(rand.NewPCG(1, 2)), checkpoint.Memory{}
	for _, s := range cfg.Stored() {
		var rows []float32
		for _, p := range s.Params {
			rows = append(rows, randomWeights(draws, p, cfg.HiddenSize)...)
		}
		weights[s.Name] = tensor.FromFloat32(tensor.F32, s.Shape(), rows)
	}
	var file bytes.Buffer
	if err := checkpoint.WriteSafetensors(&file, weights.Tensors(), weights.Read, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"config.json": config, "model.safetensors": file.String()})
	return dir
}

// randomWeights have a standard deviation of 2.4 / sqrt(hidden), so that logits
// reach about 3. Norms and biases are whole 64ths, which F16 and BF16 hold: files
// keep them in F32, folders do not.
func randomWeights(draws *rand.Rand, p model.Param, hidden int) []float32 {
	vals := make([]float32, p.Len())
	for i := range vals {
		vals[i] = float32(2.4 / math.Sqrt(float64(hidden)) * draws.NormFloat64())
		if len(p.Axes) == 1 {
			vals[i] = float32(math.Round(float64(0.3*draws.NormFloat64()*64)) / 64)
		}
	}
	return vals
}
