package interop

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/imatrix"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

// llamaProgram runs a program of llama.cpp, which no package brings: it is built from source.
func llamaProgram(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	dir := os.Getenv("MOREAU_LLAMACPP")
	if dir == "" {
		t.Skip("SKIPPED: needs MOREAU_LLAMACPP, the folder of llama-quantize and llama-imatrix")
	}
	out, err := exec.Command(filepath.Join(dir, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return out
}

// A file of moreau imatrix is one to llama-quantize, and what it makes by it has the bytes that moreau writes. It gives some
// matrices another type: down of the first eighth of the layers.
func TestImatrixIsLlamaQuantizes(t *testing.T) {
	for _, model := range []string{stories, smol} {
		if _, err := os.Stat(model); model != stories && err != nil {
			t.Skipf("SKIPPED: needs %s", model)
		}
		dir := t.TempDir()
		exact, weights, theirs, ours := filepath.Join(dir, "exact.gguf"), filepath.Join(dir, "imatrix.gguf"), filepath.Join(dir, "theirs.gguf"), filepath.Join(dir, "ours.gguf")
		moreau(t, "convert", model, "--dtype", "f32", "-o", exact)
		moreau(t, "imatrix", exact, "--rows", "32", "-o", weights)
		for _, q := range quants {
			if q.mixed {
				continue // its blocks: TestWeightedBytes
			}
			out := llamaProgram(t, "llama-quantize", "--imatrix", weights, exact, theirs, q.dtype.String())
			if !bytes.Contains(out, []byte("importance matrix entries from "+weights)) {
				t.Fatalf("no word of the importance matrix: %s", out)
			}
			moreau(t, "convert", exact, "--dtype", dtypeName(q.dtype), "--imatrix", weights, "-o", ours, "--force")
			sameBlocks(t, q.dtype, ours, theirs)
		}
	}
}

// sameBlocks compares the tensors that have one type in both files.
func sameBlocks(t *testing.T, d tensor.DType, ours, theirs string) {
	t.Helper()
	a, errA := checkpoint.OpenGGUF(ours)
	b, errB := checkpoint.OpenGGUF(theirs)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	defer a.Close()
	defer b.Close()
	same, others := 0, 0
	for _, info := range b.Tensors() {
		x, errX := a.Read(info.Name)
		y, errY := b.Read(info.Name)
		switch {
		case errX != nil || errY != nil:
			t.Fatal(errX, errY)
		case x.DType == tensor.Q4_0 && y.DType == tensor.Q4_1 && strings.HasSuffix(info.Name, "ffn_down.weight"):
			others++
		case x.DType != y.DType || !bytes.Equal(x.Data, y.Data):
			t.Errorf("%s: %s is %s, llama-quantize has %s or other bytes", d, info.Name, x.DType, y.DType)
		default:
			same++
		}
	}
	t.Logf("%s: %d tensors the same, %d of another type", d, same, others)
	if others > 3 {
		t.Errorf("%s: %d tensors of another type", d, others)
	}
}

// What llama-imatrix finds on the same tokens.
func TestImatrixIsLlamaImatrixs(t *testing.T) {
	if _, err := os.Stat(smol); err != nil {
		t.Skipf("SKIPPED: needs %s", smol)
	}
	dir := t.TempDir()
	exact, text, ids, ours, theirs := filepath.Join(dir, "exact.gguf"), filepath.Join(dir, "text.txt"), filepath.Join(dir, "ids.json"), filepath.Join(dir, "ours.gguf"), filepath.Join(dir, "theirs.gguf")
	moreau(t, "convert", smol, "--dtype", "f32", "-o", exact)
	words, err := os.ReadFile(filepath.Join("..", "internal", "dataset", "text", "shakespeare.calibration.txt"))
	if err == nil {
		words = words[:20_000]
		err = os.WriteFile(text, words, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := load.Open(exact)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	const length, chunks = 128, 16
	all := tok.Encode(string(words))
	var rows [][]int
	for i := range chunks {
		rows = append(rows, all[i*length:(i+1)*length])
	}
	data, _ := json.Marshal(rows)
	if err := os.WriteFile(ids, data, 0o666); err != nil {
		t.Fatal(err)
	}
	llamaProgram(t, "llama-imatrix", "-m", exact, "-f", text, "-o", theirs, "-c", "128", "-b", "128", "-ub", "128", "--chunks", "16", "--no-ppl", "-fa", "off", "-t", "2")
	moreau(t, "imatrix", exact, "--ids", ids, "-o", ours)
	a, errA := imatrix.Read(ours)
	b, errB := imatrix.Read(theirs)
	if errA != nil || errB != nil || len(a) != len(b) {
		t.Fatal(len(a), errA, len(b), errB)
	}
	worst := 0.0
	for name, want := range b {
		var off, all float64
		for j, v := range want {
			off, all = off+math.Abs(float64(a[name][j]-v)), all+float64(v)
		}
		worst = max(worst, off/all)
	}
	t.Logf("%d matrices, mean squares off by at most %.2g of their sum", len(b), worst)
	if worst > 1e-3 {
		t.Errorf("mean squares are off by %g of their sum", worst)
	}
}
