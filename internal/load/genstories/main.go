// Command genstories makes the model that is built into the program from
// stories260K of llama2.c (Andrej Karpathy, MIT): a Llama of 5 layers and 512
// tokens, trained on TinyStories.
//
//	go run ./internal/load/genstories FOLDER stories260K.gguf
//
// FOLDER holds stories260K.bin and tok512.bin.
package main

//go:generate go run . ../../../../shared/data/models/stories260K ../stories260K.gguf

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"moreau/internal/checkpoint"
	"moreau/internal/export"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/tokenizer"
)

// header opens a llama2.c checkpoint (run.c, struct Config); a positive
// vocabulary size says that the output projection is the embedding.
type header struct {
	Hidden, Intermediate, Layers, Heads, KVHeads, Vocab, Positions int32
}

// order is the weights of a llama2.c checkpoint: all layers of one kind together.
var order = []model.Role{model.Embedding, model.AttnNorm, model.Q, model.K, model.V, model.O, model.MLPNorm, model.Gate, model.Down, model.Up, model.FinalNorm}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: genstories FOLDER OUT.gguf")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "genstories:", err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	m, err := readModel(filepath.Join(dir, "stories260K.bin"))
	if err != nil {
		return err
	}
	tokens, err := os.Open(filepath.Join(dir, "tok512.bin"))
	if err != nil {
		return err
	}
	defer tokens.Close()
	if m.Vocab, err = tokenizer.FromLlama2C(tokens, m.Config.VocabSize); err != nil {
		return err
	}
	plan, err := export.NewPlan(m, out, export.Options{Force: true})
	if err != nil {
		return err
	}
	fmt.Println(plan)
	return plan.Write(context.Background(), nil)
}

func readModel(path string) (export.Model, error) {
	m := export.Model{Name: "stories260K"}
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var h header
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return m, err
	}
	if h.Vocab <= 0 {
		return m, fmt.Errorf("%s: an output projection of its own is not read", path)
	}
	m.Config = h.config()
	weights, err := readWeights(r, m.Config)
	if err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	m.Weights, err = halves(weights, m.Config)
	return m, err
}

// config adds what llama2.c has in its code: run.c's rmsnorm and rope.
func (h header) config() *model.Config {
	c := &model.Config{Family: model.Families[0], VocabSize: int(h.Vocab), HiddenSize: int(h.Hidden), HeadDim: int(h.Hidden / h.Heads),
		MaxPositions: int(h.Positions), NormEps: 1e-5, Math: model.Math{Rope: model.Rope{Theta: 10000}}, Tied: true}
	for range h.Layers {
		c.Layers = append(c.Layers, model.Layer{Heads: int(h.Heads), KVHeads: int(h.KVHeads), Intermediate: int(h.Intermediate)})
	}
	return c
}

func readWeights(r io.Reader, c *model.Config) (checkpoint.Memory, error) {
	weights := checkpoint.Memory{}
	for _, role := range order {
		for _, p := range c.Params() {
			if p.Role != role {
				continue
			}
			data := make([]byte, 4*p.Len())
			if _, err := io.ReadFull(r, data); err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			weights[p.Name] = tensor.New(tensor.F32, p.Shape(), data)
		}
	}
	return weights, nil
}

// halves puts the rows of q and k, which llama2.c rotates in neighbouring
// pairs, into the Hugging Face order.
func halves(weights checkpoint.Memory, c *model.Config) (checkpoint.Checkpoint, error) {
	names := map[string]checkpoint.Entry{}
	for _, p := range c.Params() {
		e := checkpoint.Entry{Name: p.Name}
		switch p.Role {
		case model.Q:
			e.Rows = checkpoint.RopeUnpermute(c.Layers[p.Layer].Heads, c.HeadDim)
		case model.K:
			e.Rows = checkpoint.RopeUnpermute(c.Layers[p.Layer].KVHeads, c.HeadDim)
		}
		names[p.Name] = e
	}
	return checkpoint.Rename(weights, names)
}
