package export

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moreau/internal/model"
)

// A model with the features of a target may still be otherwise than it: then it is refused, in both
// containers or one, by what it is.
func TestNearMisses(t *testing.T) {
	for _, c := range []struct {
		name, modelType, more string
		change                func(c *model.Config)
		gguf, hf              string // what the refusals say; "": it is written
	}{
		{"growth from another place", "ministral3", growth, func(c *model.Config) { c.Growth.Original = 8 }, "original context of YaRN", "original context of YaRN"},
		{"growth from a part of a token", "ministral3", growth, func(c *model.Config) {
			c.Growth.Original, c.Rope.Scaling.OriginalPosition = 15.5, 15.5
		}, "original context of YaRN", "original context of YaRN"},
		{"growth without YaRN", "ministral3", growth, func(c *model.Config) { c.Rope.Scaling = nil }, "YaRN", "YaRN"},
		{"another local theta", "olmo3", sliding, func(c *model.Config) { c.LocalRope.Theta = 7 }, "one RoPE theta", "one RoPE theta"},
		{"a scaled local RoPE", "olmo3", sliding, func(c *model.Config) {
			c.LocalRope.Scaling = &model.RopeScaling{Type: "linear", Factor: 2}
		}, "does not scale", "does not scale"},
		{"a window that turns as the rest", "olmo3", sliding, layers(func(_ int, l *model.Layer) { l.Positions = model.MainRope }), "in just the layers", "in just the layers"},
		{"a layer that does not turn", "olmo3", sliding, layers(func(i int, l *model.Layer) { l.Positions = model.NoRope * model.Positions(i) }), "without positions", "without positions"},
		{"windows of two lengths", "olmo3", sliding, func(c *model.Config) {
			layers(func(i int, l *model.Layer) { l.Window, l.Positions = 7+i, model.LocalRope })(c)
		}, "one length", "one length"},
		{"a tied head", "olmo2", `, "tie_word_embeddings": true`, nil, "always has a head that is not the embedding", ""},
		{"two windows", "mistral", sliding, layers(func(i int, l *model.Layer) { l.Window += i }), "", "differ from layer to layer"},
		{"another factor of the embedding", "gemma", "", func(c *model.Config) { c.EmbeddingScale = 3 }, "multiplies the embedding by 4", "multiplies the embedding by 4"},
		{"no factor of the embedding", "gemma", "", func(c *model.Config) { c.EmbeddingScale = 0 }, "always has a factor", "always has a factor"},
		{"windows in odd layers", "gemma2", caps, layers(func(i int, l *model.Layer) { l.Window = 7 * i }), "in even layers", ""},
		{"YaRN from a part of a token", "qwen3", yarnRope, func(c *model.Config) { c.Rope.Scaling.OriginalPosition = 15.5 }, "YaRN with", ""},
		{"biases of q, k, v and the MLP", "ernie4_5", "", has(model.QBias, model.KBias, model.VBias, model.GateBias, model.UpBias, model.DownBias), "", "has all biases or none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := tiny(t, c.modelType, c.more)
			if c.change != nil {
				own := *m.Config
				if own.Rope.Scaling != nil {
					s := *own.Rope.Scaling
					own.Rope.Scaling = &s
				}
				c.change(&own)
				m = resized(m, &own)
			}
			dir := t.TempDir()
			for path, says := range map[string]string{"out.gguf": c.gguf, "out": c.hf} {
				_, err := NewPlan(m, filepath.Join(dir, path), Options{})
				if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
					t.Errorf("%s: %v, want %q", path, err, says)
				}
			}
		})
	}
}

// The remedy is one that works: the other container only where it holds the model, and alike layers
// only where these are what is in the way.
func TestRemedies(t *testing.T) {
	const none, folder, file, alike = "no other container", "write a Hugging Face folder", "write a .gguf file", "cut all layers alike (--uniform)"
	const channels = "channels alone (--units channels)"
	for _, c := range []struct {
		modelType, more string
		cut             int
		gguf, hf        []string // parts of the two refusals; nil: written
	}{
		{"qwen3", "", 1, []string{alike, folder}, nil},
		{"qwen3", llama3, 1, []string{folder}, nil}, // alike would not do
		{"gemma2", "", 0, []string{folder}, nil},
		{"phi3", partial, 1, []string{alike, channels, folder}, nil},
		{"olmo2", "", 1, []string{alike, channels, folder}, nil},
		{"gemma3_text", scalar, 1, []string{alike, folder}, nil},
		{"gemma3_text", `, "query_pre_attn_scalar": 5`, 1, []string{folder}, nil}, // nor here
	} {
		m := cut(tiny(t, c.modelType, c.more), c.cut)
		remedies(t, m, "out.gguf", c.gguf, []string{none, folder, file, alike, channels})
		remedies(t, m, "out", c.hf, []string{none, folder, file, alike, channels})
	}
	m := tiny(t, "llama", "")
	own := *m.Config
	own.LogitCap = 30
	m = resized(m, &own)
	remedies(t, m, "out.gguf", []string{none}, []string{none, folder, file, alike})
	remedies(t, m, "out", []string{none}, []string{none, folder, file, alike})
	own.LogitCap, own.Optional = 0, model.RolesOf(model.OBias)
	remedies(t, resized(m, &own), "out", []string{file}, []string{none, folder, file, alike})
}

func remedies(t *testing.T, m Model, path string, want, all []string) {
	t.Helper()
	_, err := NewPlan(m, filepath.Join(t.TempDir(), path), Options{})
	if (err != nil) != (want != nil) {
		t.Errorf("%s of a %s: %v", path, m.Config.Family.Name, err)
		return
	}
	for _, part := range all {
		if says := strings.Contains(fmt.Sprint(err), part); says != slices.Contains(want, part) {
			t.Errorf("%s of a %s: %v; says %q: %t", path, m.Config.Family.Name, err, part, says)
		}
	}
}

// A window beyond the context cuts nothing.
func TestWindowBeyondTheContext(t *testing.T) {
	for window, want := range map[int]int{63: 63, 64: 0, 4096: 0} {
		m := tiny(t, "qwen2", strings.Replace(windowed, "7", fmt.Sprint(window), 1))
		f, err := asGGUF(m.Config)
		if err != nil || f.window != want || f.context != min(window, 64) {
			t.Errorf("a window of %d: cut to %d, context %d (%v)", window, f.window, f.context, err)
		}
	}
}

// Heads that stand for all layers of a Phi-3 with LongRoPE make up the hidden size, whose factors
// Phi3Config counts by them, in groups as large as those of the layers.
func TestPhi3Heads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	write(t, cut(tiny(t, "phi3", long), 2), dir, Options{})
	if c := config(t, dir); c["num_attention_heads"] != 4. || c["num_key_value_heads"] != 2. {
		t.Errorf("%v query heads and %v KV heads, want 4 and 2", c["num_attention_heads"], c["num_key_value_heads"])
	}
}

// The plan of a text part says what is left out.
func TestLeftOutIsSaid(t *testing.T) {
	m := tiny(t, "mistral", "")
	m.LeftOut = 222
	for _, path := range []string{"out.gguf", "out"} {
		p, err := NewPlan(m, filepath.Join(t.TempDir(), path), Options{})
		if err != nil || p.LeftOut != 222 || !strings.Contains(p.String(), "222 other tensors of the source are left out") {
			t.Errorf("%s: %v (%v)", path, p, err)
		}
	}
}
