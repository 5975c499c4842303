package export

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/model"
)

// single is a Llama of tied embeddings with one feature more, or as few more as models have it
// with: how it gets it, and the architecture and the class that hold it, "" where all refuse.
type single struct {
	on          func(c *model.Config)
	arch, class string
}

func family(name string) *model.Family {
	i := slices.IndexFunc(model.Families, func(f *model.Family) bool { return f.Name == name })
	return model.Families[i]
}

func becomes(name string) func(*model.Config) {
	return func(c *model.Config) { c.Family = family(name) }
}

func has(roles ...model.Role) func(*model.Config) {
	return func(c *model.Config) { c.Optional = model.RolesOf(roles...) }
}

func scales(s model.RopeScaling) func(*model.Config) {
	return func(c *model.Config) { c.Rope.Scaling = &s }
}

func layers(change func(i int, l *model.Layer)) func(*model.Config) {
	return func(c *model.Config) {
		c.Layers = slices.Clone(c.Layers)
		for i := range c.Layers {
			change(i, &c.Layers[i])
		}
	}
}

// olmo2 has no norms before and wide ones, both together, and in llama.cpp a head of its own.
func olmo2(c *model.Config) { c.Family, c.Tied = family("olmo2"), false }

var singles = map[model.Feature]single{
	model.LayerSizes:   {layers(func(i int, l *model.Layer) { l.Intermediate -= i }), "deci", "PrunedLlamaForCausalLM"},
	model.OwnHead:      {func(c *model.Config) { c.Tied = false }, "llama", "LlamaForCausalLM"},
	model.FusedTensors: {becomes("phi3"), "phi3", "Phi3ForCausalLM"},

	model.QKVBiases:  {has(model.QBias, model.KBias, model.VBias), "llama", "Qwen2ForCausalLM"},
	model.OBiases:    {has(model.OBias), "llama", ""},
	model.MLPBiases:  {has(model.GateBias, model.UpBias, model.DownBias), "llama", "LlamaForCausalLM"},
	model.SomeBiases: {has(model.QBias), "llama", ""},

	model.NoPreNorms: {olmo2, "olmo2", "Olmo2ForCausalLM"},
	model.PostNorms:  {becomes("gemma2"), "", ""},
	model.WideNorms:  {olmo2, "olmo2", "Olmo2ForCausalLM"},
	model.HeadNorms:  {becomes("qwen3"), "qwen3", "Qwen3ForCausalLM"},

	model.GELUGates:       {func(c *model.Config) { c.Activation = model.GELU }, "", ""},
	model.OffsetNorms:     {func(c *model.Config) { c.NormOffset = 1 }, "", ""},
	model.ScaledEmbedding: {func(c *model.Config) { c.EmbeddingScale = 4 }, "granite", "GraniteForCausalLM"},
	model.ScaledResidual:  {func(c *model.Config) { c.ResidualScale = 0.5 }, "granite", "GraniteForCausalLM"},
	model.DividedLogits:   {func(c *model.Config) { c.LogitDivisor = 8 }, "granite", "GraniteForCausalLM"},
	model.ScaledScores:    {func(c *model.Config) { c.ScoreScale = 0.25 }, "granite", "GraniteForCausalLM"},
	model.CappedScores:    {func(c *model.Config) { c.ScoreCap = 50 }, "", ""},
	model.CappedLogits:    {func(c *model.Config) { c.LogitCap = 30 }, "", ""},

	model.Windows:        {layers(func(_ int, l *model.Layer) { l.Window = 7 }), "llama", "MistralForCausalLM"},
	model.MixedWindows:   {layers(func(i int, l *model.Layer) { l.Window = 7 * i }), "llama", ""},
	model.LocalRopes:     {layers(func(_ int, l *model.Layer) { l.Positions = model.LocalRope }), "", ""},
	model.NoRopes:        {layers(func(_ int, l *model.Layer) { l.Positions = model.NoRope }), "", "SmolLM3ForCausalLM"},
	model.PartialRotary:  {func(c *model.Config) { c.RotaryDim = 2 }, "", ""},
	model.GrowingQueries: {func(c *model.Config) { c.Growth = model.QueryGrowth{Beta: 0.1, Original: 16} }, "", ""},

	model.LinearRope:  {scales(model.RopeScaling{Type: "linear", Factor: 4}), "llama", "LlamaForCausalLM"},
	model.DynamicRope: {scales(model.RopeScaling{Type: "dynamic", Factor: 4, OriginalPosition: 64}), "llama", "LlamaForCausalLM"},
	model.YarnRope:    {scales(model.RopeScaling{Type: "yarn", Factor: 4, OriginalPosition: 16}), "llama", "LlamaForCausalLM"},
	model.YarnRamp:    {scales(model.RopeScaling{Type: "yarn", Factor: 4, OriginalPosition: 16, BetaFast: 4}), "llama", "LlamaForCausalLM"},
	model.Llama3Rope:  {scales(model.RopeScaling{Type: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4, OriginalPosition: 8192}), "llama", "LlamaForCausalLM"},
	model.LongRopes:   {scales(model.RopeScaling{Type: "longrope", OriginalPosition: 16, Short: []float64{1, 1.5}, Long: []float64{2, 3.5}}), "llama", "LlamaForCausalLM"},
	model.FactorRope:  {scales(model.RopeScaling{Type: "factors", Factors: []float64{1, 1.5}}), "llama", ""},
}

// Each feature alone is held by the target that this table says, and a folder gives it back, or
// it is refused by its name.
func TestEachFeatureIsHeldOrRefused(t *testing.T) {
	for _, f := range model.AllFeatures().List() {
		t.Run(f.String(), func(t *testing.T) {
			s, ok := singles[f]
			if !ok {
				t.Fatal("no model with this feature")
			}
			m := tiny(t, "llama", `, "tie_word_embeddings": true`)
			own := *m.Config
			s.on(&own)
			m = resized(m, &own)
			if !own.Features().Has(f) {
				t.Fatalf("the model has %s", own.Features())
			}
			dir := t.TempDir()
			heldOrRefused(t, m, filepath.Join(dir, "out.gguf"), s.arch, f)
			heldOrRefused(t, m, filepath.Join(dir, "out"), s.class, f)
		})
	}
}

func heldOrRefused(t *testing.T, m Model, path, class string, f model.Feature) {
	t.Helper()
	p, err := NewPlan(m, path, Options{})
	if class == "" {
		if err == nil || !strings.Contains(err.Error(), f.String()) && !strings.Contains(err.Error(), "has biases in all") {
			t.Errorf("%s: %v, want a refusal of %s", filepath.Base(path), err, f)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if p.Class != class {
		t.Errorf("written as %s, want %s", p.Class, class)
	}
	if p.Format == HF {
		write(t, m, path, Options{})
		if back := open(t, path).Config.Features(); back != m.Config.Features() {
			t.Errorf("%s came back with %s, want %s", class, back, m.Config.Features())
		}
	}
}

// Every family against every target: it holds the model, or says why not; and what is
// chosen holds it.
func TestEveryFamilyAndTarget(t *testing.T) {
	for _, f := range model.Families {
		more := ""
		if f.Name == "ministral3" {
			more = growth
		}
		m := tiny(t, f.ModelTypes[0], more)
		for _, layers := range []int{0, 1, 2} {
			c := cut(m, layers).Config
			walk(t, ggufTargets, c, ggufFor)
			walk(t, hfTargets, c, hfFor)
		}
	}
}

func walk[T interface {
	comparable
	base() *target
}](t *testing.T, list []T, c *model.Config, choice func(*model.Config) (T, error)) {
	t.Helper()
	chosen, err := choice(c)
	held := 0
	for _, x := range list {
		n, why := x.base().lacking(c, c.Features())
		if n > 0 && why == x.base().name+" " {
			t.Errorf("%s: %s refuses without a reason", c.Family.Name, x.base().name)
		}
		if n == 0 {
			held++
		}
		if x == chosen && n > 0 {
			t.Errorf("%s is written as %s, which %s", c.Family.Name, x.base().name, why)
		}
	}
	if (held == 0) != (err != nil) {
		t.Errorf("%s: %d targets hold it, but the error is %v", c.Family.Name, held, err)
	}
}

func TestTargetsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, t := range ggufTargets {
		seen[t.name] = true
	}
	for _, t := range hfTargets {
		seen[t.name] = true
	}
	if n := len(ggufTargets) + len(hfTargets); len(seen) != n {
		t.Errorf("%d names of %d targets", len(seen), n)
	}
}
