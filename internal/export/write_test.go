package export

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/output"
	"moreau/internal/tensor"
)

func TestReadBack(t *testing.T) {
	models := map[string]func(t *testing.T) Model{"stories": stories}
	for _, family := range goldentest.Passes {
		models[family] = func(t *testing.T) Model {
			g := goldentest.Open(t, family)
			return Model{Config: g.Config, Weights: g.Weights}
		}
	}
	for _, family := range goldentest.Families {
		models[family+"_pruned"] = func(t *testing.T) Model { return prunedGolden(t, family) }
	}
	for name, model := range models {
		for _, suffix := range []string{".gguf", ""} {
			t.Run(name+suffix, func(t *testing.T) {
				m := model(t)
				if suffix != "" {
					if f, err := asGGUF(m.Config); err != nil || f.window > 0 {
						t.Skip("GGUF cannot hold it: TestFamilies")
					}
				}
				readBack(t, m, suffix)
			})
		}
	}
}

func readBack(t *testing.T, m Model, suffix string) {
	path := filepath.Join(t.TempDir(), "out"+suffix)
	write(t, m, path, Options{})
	back := open(t, path)
	same(t, back, m)
	for i, f := range back.Config.Rope.Divisors(back.Config.Rotary()) {
		if want := m.Config.Rope.Divisors(m.Config.Rotary())[i]; float32(f) != float32(want) {
			t.Errorf("RoPE divisor %d is %g, want %g", i, f, want)
		}
	}
	if m.Vocab == nil {
		return
	}
	v, err := back.Vocab()
	if err != nil || !reflect.DeepEqual(v.Tokens, m.Vocab.Tokens) {
		t.Errorf("the tokenizer came back otherwise (%v)", err)
	}
}

func TestShards(t *testing.T) {
	m := stories(t)
	path := filepath.Join(t.TempDir(), "out")
	p := write(t, m, path, Options{ShardBytes: 200_000})
	same(t, open(t, path), m)
	if n := len(p.Files); n != 6+5+1 { // 1,044,480 bytes of weights, and the index
		t.Errorf("%d files: %v", n, p.Files)
	}
	if exists(filepath.Join(path, "model.safetensors")) || !exists(filepath.Join(path, "model.safetensors.index.json")) {
		t.Error("want an index and no single file")
	}
}

func TestDTypes(t *testing.T) {
	f32, bf16 := tensor.F32, tensor.BF16
	quantised := constant(t, tensor.F32, 1)
	quantise(t, quantised, "model.layers.0.self_attn.q_proj.weight")
	for _, c := range []struct {
		name string
		m    Model
		want *tensor.DType
		is   tensor.DType
	}{
		{"kept", constant(t, tensor.BF16, 1), nil, tensor.BF16},
		{"asked", constant(t, tensor.F32, 1), &bf16, tensor.BF16},
		{"widened", constant(t, tensor.F16, 1), &f32, tensor.F32},
		{"blocks widened", quantised, &f32, tensor.F32},
	} {
		for _, suffix := range []string{".gguf", ""} {
			t.Run(c.name+suffix, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "out"+suffix)
				if p := write(t, c.m, path, Options{DType: c.want}); p.DType != c.is {
					t.Errorf("the plan says %s, want %s", p.DType, c.is)
				}
				m := open(t, path)
				for _, p := range m.Config.Params() {
					x, err := m.Weights.Read(p.Name)
					if err != nil {
						t.Fatal(err)
					}
					want := c.is
					if suffix == ".gguf" && len(p.Axes) == 1 {
						want = tensor.F32
					}
					if x.DType != want || x.Float32()[0] != 1 || x.Float32()[x.Len()-1] != 1 {
						t.Errorf("%s is %s %g, want %s 1", p.Name, x.DType, x.Float32()[0], want)
					}
				}
			})
		}
	}
}

func TestWriteLeavesNothing(t *testing.T) {
	f16 := tensor.F16
	for _, name := range []string{"out.gguf", "out"} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		p, err := NewPlan(stories(t), filepath.Join(dir, name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(ctx, func(done, _ int64) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want Canceled", name, err)
		}
		p, err = NewPlan(constant(t, tensor.F32, 1e5), filepath.Join(dir, name), Options{DType: &f16})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(context.Background(), nil); err == nil || errors.Is(err, output.ErrWrite) {
			t.Errorf("%s: 1e5 in F16: error %v", name, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%s: %s is left", name, entries[0].Name())
		}
	}
}

// Whatever tensor cannot be read, nothing is written, and the error says so.
func TestEveryReadFails(t *testing.T) {
	for _, name := range []string{"out.gguf", "out"} {
		for good := int64(0); ; good++ {
			dir := t.TempDir()
			m := cut(tiny(t, "phi3", ""), 1)
			broken := &goldentest.Unreadable{Checkpoint: m.Weights, Good: good}
			m.Weights = broken
			p, err := NewPlan(m, filepath.Join(dir, name), Options{ShardBytes: 2000})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Write(t.Context(), nil)
			entries, _ := os.ReadDir(dir)
			if !broken.Reached() {
				if err != nil || len(entries) != 1 || good < 10 {
					t.Errorf("%s: %v after %d reads, %d files", name, err, good, len(entries))
				}
				break
			}
			if !errors.Is(err, goldentest.ErrUnreadable) || len(entries) != 0 {
				t.Fatalf("%s: read %d fails: %v, %d files", name, good, err, len(entries))
			}
		}
	}
}
