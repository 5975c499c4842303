package transformer_test

import (
	"context"
	"strings"
	"testing"

	"moreau/internal/backend"
	"moreau/internal/backend/cpu"
	"moreau/internal/backend/dry"
	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/transformer"
)

// within checks an estimate against the peak of the backend's allocator. Kernel sets whose
// panels are narrower than the widest recycle other sizes and pack more, so that one may keep a few per cent more:
// those of AVX2 7 % in models as small as these.
func within(t *testing.T, what string, estimate, peak int64) {
	t.Helper()
	least := 0.93
	if strings.HasPrefix(newBackend(t, 1).Name(), "cpu/avx512") {
		least = 0.95
	}
	if float64(estimate) < least*float64(peak) || float64(estimate) > 1.15*float64(peak) {
		t.Errorf("%s: %d bytes said, %d used: ratio %.3f", what, estimate, peak, float64(estimate)/float64(peak))
	}
}

// unsplit is a backend of kernels that take float32 operands whole: parts of bf16 take up
// half as much again, which counts beside models as small as these.
func unsplit(t *testing.T) *cpu.Backend {
	t.Helper()
	be, err := cpu.NewWith(strings.TrimSuffix(strings.TrimPrefix(newBackend(t, 1).Name(), "cpu/"), "+amx"), 2)
	if err != nil {
		t.Fatal(err)
	}
	return be
}

// What a pass takes on a backend that counts is what it takes: forward, with gradients of
// units, with those of weights, with activations kept, in blocks, of every family.
func TestDryPassesTakeWhatPassesTake(t *testing.T) {
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		for what, of := range map[string]func(be backend.Backend, tr *transformer.Transformer) transformer.Watch{
			"forward": func(backend.Backend, *transformer.Transformer) transformer.Watch { return transformer.Watch{} },
			"units": func(be backend.Backend, _ *transformer.Transformer) transformer.Watch {
				return transformer.Watch{Tap: &masks{be: be, cfg: g.Config, grads: map[model.Dim][][]float64{}}}
			},
			"weights": func(backend.Backend, *transformer.Transformer) transformer.Watch {
				return transformer.Watch{Sink: discard{}}
			},
			"kept": func(_ backend.Backend, tr *transformer.Transformer) transformer.Watch {
				tr.KeepBytes = 400 << 10
				return transformer.Watch{Sink: discard{}}
			},
			"blocks": func(_ backend.Backend, tr *transformer.Transformer) transformer.Watch {
				tr.Blocks = 4
				return transformer.Watch{Sink: discard{}}
			},
		} {
			pass := func(be backend.Backend, w transformer.WeightSource) {
				tr := transformer.New(be, g.Config)
				if _, err := tr.Pass(context.Background(), transformer.SomeTokens(5, 19), w, of(be, tr)); err != nil {
					t.Fatal(err)
				}
			}
			counts, used := dry.New(), unsplit(t)
			pass(counts, transformer.NewDry(counts, checkpoint.Memory{}))
			pass(used, transformer.NewStreamed(used, g.Weights))
			within(t, family+" "+what, counts.Peak(), used.Peak())
			if what != "kept" && what != "blocks" && counts.Live() > 4*64*1024 {
				t.Errorf("%s %s: %d bytes are not given back", family, what, counts.Live())
			}
		}
	}
}

// wide is a model whose head outweighs any of its layers, of which there are many.
func wide(t *testing.T) *model.Config {
	t.Helper()
	cfg, err := model.FromHF([]byte(`{"model_type": "llama", "vocab_size": 6000, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 40,
		"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5}`))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Keeping logits and activations takes no more than it is allowed, and what fits is kept.
// The logits of wide's many rows are made in several blocks.
func TestKeptBytesAreBounded(t *testing.T) {
	keptBytesAreBounded(t, "wide", wide(t), transformer.SomeTokens(60, 40))
	for _, family := range goldentest.Passes {
		keptBytesAreBounded(t, family, goldentest.Open(t, family).Config, transformer.SomeTokens(5, 19))
	}
}

func keptBytesAreBounded(t *testing.T, name string, cfg *model.Config, b transformer.Batch) {
	t.Helper()
	peak := func(keep int64) int64 {
		be := dry.New()
		tr := transformer.New(be, cfg)
		tr.KeepBytes = keep
		if _, err := tr.LossAndGrad(context.Background(), b, transformer.NewDry(be, checkpoint.Memory{}), discard{}); err != nil {
			t.Fatal(err)
		}
		return be.Peak()
	}
	flat, logits := peak(0), int64(4*b.Rows()*cfg.VocabSize)
	for _, keep := range []int64{logits / 2, logits - 1, logits, logits + logits/8, logits + logits/2, 20 * logits} {
		if p := peak(keep); p < flat || p > flat+keep*9/8 { // an eighth is kept for reuse
			t.Errorf("%s: keeping %d bytes takes %d, without them %d", name, keep, p, flat)
		}
	}
	if p := peak(20 * logits); p == flat {
		t.Errorf("%s: keeping all takes %d bytes, as much as keeping nothing", name, p)
	}
}

// stored is a checkpoint of float32 weights that nobody reads.
type stored struct{ checkpoint.Memory }

func newStored(cfg *model.Config) stored {
	m := stored{checkpoint.Memory{}}
	for _, p := range cfg.Params() {
		m.Memory[p.Name] = tensor.New(tensor.F32, p.Shape(), make([]byte, 4*p.Len()))
	}
	return m
}

// Weights as they are stored are held for a layer that is read ahead, whose memory the next
// one takes over, and those of embedding and head while they are decoded.
func TestStoredBytesCount(t *testing.T) {
	cfg := wide(t)
	be := dry.New()
	w := transformer.NewDry(be, newStored(cfg))
	bytes := func(params ...model.Param) (n int64) {
		for _, p := range params {
			n += 4 * int64(p.Len())
		}
		return n
	}
	head, layer := cfg.HeadParam(), cfg.LayerParams(0)
	b, err := w.Weight(head)
	if err != nil {
		t.Fatal(err)
	}
	if p := be.Peak(); p < 2*bytes(head) || be.Live() < bytes(head) || be.Live() > bytes(head)*5/4 {
		t.Errorf("%d bytes for a head of %d, then %d", p, bytes(head), be.Live())
	}
	w.Release(head, b)
	for l := range 3 {
		w.Ahead(cfg.LayerParams(l))
		if be.Live() != bytes(layer...) {
			t.Errorf("%d bytes after reading %d layers of %d ahead", be.Live(), l+1, bytes(layer...))
		}
	}
	none, all := transformer.PassBytes(cfg, checkpoint.Memory{}, 2, 8), transformer.PassBytes(cfg, newStored(cfg), 2, 8)
	if all < none+bytes(layer...) {
		t.Errorf("%d bytes with stored weights of %d a layer, %d without", all, bytes(layer...), none)
	}
}

// Of layers that differ, the largest that is read ahead counts, wherever it stands; the memory
// of one serves the next.
func TestStoredBytesOfTheLargestLayer(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	small, medium, large := g.Config.Layers[0], g.Config.Layers[0], g.Config.Layers[0]
	medium.Intermediate *= 4
	large.Intermediate *= 8
	for _, layers := range [][]model.Layer{{small, small, large, small}, {small, large, large, small}, {large, small, small, large}, {small, small, medium, large}} {
		cfg := g.Config.WithLayers(layers)
		stored := load.Promised(cfg, tensor.F32)
		var largest int64
		for l := 1; l < len(layers); l++ { // the first is not read ahead
			var n int64
			for _, p := range cfg.LayerParams(l) {
				n += 4 * int64(p.Len())
			}
			largest = max(largest, n)
		}
		be := dry.New()
		w := transformer.NewDry(be, stored)
		if _, err := transformer.New(be, cfg).Loss(context.Background(), transformer.SomeTokens(1, 2), w); err != nil {
			t.Fatal(err)
		}
		none := dry.New()
		if _, err := transformer.New(none, cfg).Loss(context.Background(), transformer.SomeTokens(1, 2), transformer.NewDry(none, checkpoint.Memory{})); err != nil {
			t.Fatal(err)
		}
		if held := be.Live() - none.Live(); held != largest {
			t.Errorf("%d bytes are held of layers %v, want %d", held, layers, largest)
		}
	}
}

// A session takes what GenerationBytes says, of every family: the weights as they are stored, the cache, the prompt's pass.
func TestGenerationBytes(t *testing.T) {
	for _, family := range goldentest.Passes {
		g := goldentest.Open(t, family)
		be := unsplit(t)
		w := transformer.NewCompact(be, g.Weights)
		s := transformer.New(be, g.Config).NewSession(w, 24)
		for _, ids := range [][]int32{make([]int32, 19), {1}, {2}} {
			if _, err := s.Append(context.Background(), ids); err != nil {
				t.Fatal(err)
			}
		}
		within(t, family, transformer.GenerationBytes(g.Config, g.Weights, 1, 19, 5), be.Peak())
		s.Close()
		w.Free()
	}
}

// A prompt takes memory for keys and values, some of the layer at work packed again, and for no other rows than go through the model at once.
func TestLongPromptsTakeKeysAndValues(t *testing.T) {
	g := goldentest.Open(t, "llama_mha")
	perToken := 0
	for _, l := range g.Config.Layers {
		perToken += 4 * 2 * l.KVHeads * g.Config.HeadDim
	}
	const few, many = 512, 1 << 15
	short, long := transformer.GenerationBytes(g.Config, g.Weights, 1, few, 1), transformer.GenerationBytes(g.Config, g.Weights, 1, many, 1)
	if ratio := float64(long-short) / float64((many-few)*perToken); ratio > 1.7 {
		t.Errorf("%d bytes of %d tokens, %d of %d: %.2f times keys and values", short, few, long, many, ratio)
	}
}
