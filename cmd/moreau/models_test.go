package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/goldentest"
	"moreau/internal/tensor"
)

// edit changes a model folder.
type edit func(t *testing.T, dir string)

// folder is a copy of a golden model with edits.
func folder(t *testing.T, edits ...edit) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "model.safetensors"} {
		write(t, filepath.Join(dir, name), read(t, filepath.Join(golden("llama_mha"), name)))
	}
	for _, e := range edits {
		e(t, dir)
	}
	return dir
}

// with puts a file into the folder.
func with(name, text string) edit {
	return func(t *testing.T, dir string) { write(t, filepath.Join(dir, name), text) }
}

func without(name string) edit {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// cut truncates the weights.
func cut(size int) edit {
	return func(t *testing.T, dir string) {
		name := filepath.Join(dir, "model.safetensors")
		write(t, name, read(t, name)[:size])
	}
}

// patch overwrites bytes of the weights' file.
func patch(at int, text string) edit {
	return func(t *testing.T, dir string) {
		name := filepath.Join(dir, "model.safetensors")
		data := []byte(read(t, name))
		copy(data[at:], text)
		write(t, name, string(data))
	}
}

// config sets keys of config.json.
func config(pairs ...any) edit {
	return func(t *testing.T, dir string) {
		name := filepath.Join(dir, "config.json")
		c := parsed[map[string]any](t, read(t, name))
		for i := 0; i < len(pairs); i += 2 {
			c[pairs[i].(string)] = pairs[i+1]
		}
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		write(t, name, string(data))
	}
}

// weights changes the tensors.
func weights(change func(m checkpoint.Memory)) edit {
	return func(t *testing.T, dir string) {
		m := memory(t, filepath.Join(dir, "model.safetensors"))
		change(m)
		writeSafetensors(t, filepath.Join(dir, "model.safetensors"), m)
	}
}

// memory is every tensor of a safetensors file or folder.
func memory(t *testing.T, path string) checkpoint.Memory {
	t.Helper()
	s, err := checkpoint.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return all(t, s)
}

func all(t *testing.T, c checkpoint.Checkpoint) checkpoint.Memory {
	t.Helper()
	m := checkpoint.Memory{}
	for _, info := range c.Tensors() {
		x, err := c.Read(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		m[info.Name] = x
	}
	return m
}

func writeSafetensors(t *testing.T, path string, m checkpoint.Memory) {
	t.Helper()
	var b bytes.Buffer
	if err := checkpoint.WriteSafetensors(&b, m.Tensors(), m.Read, nil); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.String())
}

// shards splits the weights into two files with an index; keep lists those that stay.
func shards(keep ...int) edit {
	return func(t *testing.T, dir string) {
		m := memory(t, dir)
		parts := []checkpoint.Memory{{}, {}}
		index := map[string]string{}
		for i, info := range m.Tensors() {
			parts[i%2][info.Name] = m[info.Name]
			index[info.Name] = shard(i % 2)
		}
		data, err := json.Marshal(map[string]any{"weight_map": index})
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "model.safetensors.index.json"), string(data))
		for _, i := range keep {
			writeSafetensors(t, filepath.Join(dir, shard(i)), parts[i])
		}
		without("model.safetensors")(t, dir)
	}
}

func shard(i int) string { return fmt.Sprintf("model-0000%d-of-00002.safetensors", i+1) }

// storiesGGUF is the file of the built-in model.
func storiesGGUF(t *testing.T) string {
	t.Helper()
	return read(t, filepath.Join(goldentest.Root(), "internal", "load", "stories260K.gguf"))
}

// gguf is the built-in model as a file, after change.
func gguf(t *testing.T, change func(data string) string) string {
	t.Helper()
	return write(t, filepath.Join(t.TempDir(), "model.gguf"), change(storiesGGUF(t)))
}

// ggufTensors is the built-in model as a file with other keys or tensors.
func ggufTensors(t *testing.T, change func(kv map[string]any, m checkpoint.Memory)) string {
	t.Helper()
	data := storiesGGUF(t)
	g, err := checkpoint.NewGGUF(bytes.NewReader([]byte(data)), int64(len(data)), "stories")
	if err != nil {
		t.Fatal(err)
	}
	kv, m := g.KV(), all(t, g)
	change(kv, m)
	var pairs []checkpoint.KeyValue
	for _, k := range g.Keys() {
		if v, ok := kv[k]; ok {
			pairs = append(pairs, checkpoint.KeyValue{Key: k, Value: v})
		}
	}
	var b bytes.Buffer
	if err := checkpoint.WriteGGUF(&b, pairs, m.Tensors(), m.Read); err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "model.gguf"), b.String())
}

// filled is a tensor of one value.
func filled(shape []int, v float32) tensor.Tensor {
	values := make([]float32, tensor.Count(shape))
	for i := range values {
		values[i] = v
	}
	return tensor.FromFloat32(tensor.F32, shape, values)
}
