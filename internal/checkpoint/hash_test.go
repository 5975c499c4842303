package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"moreau/internal/tensor"
)

// The hash is that of the tensors, in any file and by any number of threads.
func TestHash(t *testing.T) {
	m, infos := sample(false)
	var text string
	for _, info := range m.Tensors() {
		text += fmt.Sprintf("%s %s %v %x\n", info.Name, info.DType, info.Shape, sha256.Sum256(m[info.Name].Data))
	}
	sum := sha256.Sum256([]byte(text))
	want := hex.EncodeToString(sum[:])
	var file bytes.Buffer
	if err := WriteSafetensors(&file, infos, m.Read, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := os.WriteFile(path, file.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []Checkpoint{m, s} {
		for _, threads := range []int{0, 1, 3, 100} {
			var last int64
			got, err := Hash(context.Background(), c, threads, func(done int64) {
				if done <= last {
					t.Errorf("%d bytes are done after %d", done, last)
				}
				last = done
			})
			if err != nil || got != want {
				t.Errorf("%T, %d threads: %s, want %s (%v)", c, threads, got, want, err)
			}
			if last != 54 {
				t.Errorf("%T: told %d bytes", c, last)
			}
		}
	}
}

// Progress is told by one goroutine at a time, of as many as there are.
func TestHashTellsOneAtATime(t *testing.T) {
	m := Memory{}
	for i := range 64 {
		m[fmt.Sprint(i)] = tensor.FromFloat32(tensor.F32, []int{1}, []float32{float32(i)})
	}
	var inside atomic.Int32
	var last int64
	if _, err := Hash(context.Background(), m, mostHashers, func(done int64) {
		if inside.Add(1) > 1 || done != last+4 {
			t.Errorf("%d bytes are told after %d, by %d goroutines", done, last, inside.Load())
		}
		last = done
		time.Sleep(100 * time.Microsecond) // the others come
		inside.Add(-1)
	}); err != nil || last != 64*4 {
		t.Errorf("%d bytes, %v", last, err)
	}
}

// Whatever a tensor is made of counts: its name, type, shape and bytes.
func TestHashSees(t *testing.T) {
	m, _ := sample(false)
	seen := map[string]string{}
	for what, change := range map[string]func(m Memory){
		"nothing": func(m Memory) {},
		"name":    func(m Memory) { m["z"] = m["a.bias"]; delete(m, "a.bias") },
		"type":    func(m Memory) { m["a.bias"] = tensor.New(tensor.F16, []int{5}, m["a.bias"].Data) },
		"shape":   func(m Memory) { m["b.weight"] = tensor.New(tensor.F32, []int{3, 2}, m["b.weight"].Data) },
		"bytes": func(m Memory) {
			m["b.weight"] = tensor.FromFloat32(tensor.F32, []int{2, 3}, []float32{1, 2, 3, 4, 5, 7})
		},
		"less": func(m Memory) { delete(m, "b.weight") },
	} {
		changed := maps.Clone(m)
		change(changed)
		got, err := Hash(context.Background(), changed, 2, nil)
		if err != nil || seen[got] != "" {
			t.Errorf("%s: the hash of %s (%v)", what, seen[got], err)
		}
		seen[got] = what
	}
}

func TestHashFails(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m, _ := sample(false)
	if _, err := Hash(ctx, m, 1, nil); err != context.Canceled {
		t.Error("canceled:", err)
	}
	broken, _ := Override(m, m.Tensors()[2:3], func(string) (tensor.Tensor, error) { return tensor.Tensor{}, fs.ErrPermission })
	if _, err := Hash(context.Background(), broken, 3, nil); !errors.Is(err, fs.ErrPermission) {
		t.Error("unreadable:", err)
	}
}

// BenchmarkHash reads a file of 256 MiB in 16 tensors.
func BenchmarkHash(b *testing.B) {
	const tensors, values = 16, 8 << 20
	m := Memory{}
	for i := range tensors {
		m[fmt.Sprint(i)] = tensor.New(tensor.BF16, []int{values}, make([]byte, 2*values))
	}
	var file bytes.Buffer
	if err := WriteSafetensors(&file, m.Tensors(), m.Read, nil); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "m.safetensors")
	if err := os.WriteFile(path, file.Bytes(), 0o666); err != nil {
		b.Fatal(err)
	}
	s, err := OpenSafetensors(path)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint(threads), func(b *testing.B) {
			b.SetBytes(2 * tensors * values)
			for b.Loop() {
				if _, err := Hash(context.Background(), s, threads, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
