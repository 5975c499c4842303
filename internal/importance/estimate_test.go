package importance

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/backend/cpu"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/moreau"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// peakOf is what a run takes of the backend's memory, on 4 rows of 24 tokens.
func peakOf(t *testing.T, g *goldentest.Golden, method Method, o Options, keep int64, scratch *moreau.ScratchFile) int64 {
	t.Helper()
	// Parts of bf16 take up half as much again, which counts beside a model as small as this.
	be, err := cpu.NewWith(strings.TrimSuffix(strings.TrimPrefix(newBackend(t).Name(), "cpu/"), "+amx"), 2)
	if err != nil {
		t.Fatal(err)
	}
	run := Run{Backend: be, Config: g.Config, Weights: transformer.NewStreamed(be, g.Weights), Options: o, Keep: keep, Scratch: scratch,
		Batch: func(int) (transformer.Batch, error) { return transformer.SomeTokens(4, 24), nil }}
	if _, err := method.Score(context.Background(), run); err != nil {
		t.Fatal(err)
	}
	return be.Peak()
}

// Estimates of every method and salience are what the backend's allocator comes to, or up
// to 15 % more, whatever is kept; other kernel sets may recycle 1 % otherwise.
func TestBytesAreThePeak(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	for _, method := range Methods {
		for _, salience := range slices.Sorted(maps.Keys(saliences)) {
			o := Options{Salience: salience, Layers: g.Config.AllLayers(), Moreau: moreau.Options{Steps: 5, Avg: 2, Std: 0.01, LR: 1e-3, Rho: 0.5, Eta: 1e-4}}
			if method.Check(o) != nil {
				continue
			}
			for _, keep := range []int64{0, 1 << 20} {
				estimate, peak := method.Bytes(g.Config, checkpoint.Memory{}, o, 4, 24, keep, nil), peakOf(t, g, method, o, keep, nil)
				if float64(estimate) < 0.99*float64(peak) || float64(estimate) > 1.15*float64(peak) {
					t.Errorf("%s, %s, keeping %d: %d bytes said, %d used: ratio %.3f", method.Name, salience, keep, estimate, peak, float64(estimate)/float64(peak))
				}
			}
		}
	}
}

// The state counts: delta and its mean in memory, or what a scratch file has in use.
func TestBytesOfTheState(t *testing.T) {
	g := goldentest.Open(t, "llama_gqa_rope3")
	o := Options{Salience: "element1", Layers: g.Config.AllLayers(), Moreau: moreau.Options{Steps: 3, Avg: 2, Std: 0.01, LR: 1e-3, Rho: 0.5}}
	bytes := func(name string, scratch *moreau.ScratchFile) int64 {
		method, err := FindMethod(name)
		if err != nil {
			t.Fatal(err)
		}
		return method.Bytes(g.Config, g.Weights, o, 4, 24, 0, scratch)
	}
	var moving int64
	for _, p := range Needs.Moving(Needs{}, g.Config, o.Layers) {
		moving += int64(p.Len())
	}
	inMemory := bytes("moreau", nil)
	if more := inMemory - bytes("taylor", nil); more < 8*moving {
		t.Errorf("the state takes %d bytes more, want at least 8 for each of %d", more, moving)
	}
	for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
		scratch := &moreau.ScratchFile{Path: filepath.Join(t.TempDir(), "state"), DType: d}
		method, err := FindMethod("moreau")
		if err != nil {
			t.Fatal(err)
		}
		estimate, peak := bytes("moreau", scratch), peakOf(t, g, method, o, 0, scratch)
		var layer int64 // of one array, as the file has it
		for _, p := range g.Config.LayerParams(0) {
			if p.Projection() {
				layer += int64(p.Len() * d.BlockBytes())
			}
		}
		if more := estimate - peak; more < 2*layer || more > 8*layer {
			t.Errorf("state in a file of %s: %d bytes said, the backend took %d; want those read ahead of a layer of %d, and some on their way to the disk", d, estimate, peak, layer)
		}
	}
}
