package interop

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"moreau/internal/load"
)

// readLogits reads the float32 tensor "logits", the only one of a safetensors file.
func readLogits(t *testing.T, path string) []float32 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		DType   string
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(data[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	x, ok := header["logits"]
	if !ok || x.DType != "F32" {
		t.Fatalf("%s: no float32 logits", path)
	}
	data = data[8+n:][x.Offsets[0]:x.Offsets[1]]
	vals := make([]float32, len(data)/4)
	for i := range vals {
		vals[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return vals
}

// compare fails where two programs differ, and says by how much they do.
func compare(t *testing.T, got, want []float32, maxDiff float64) {
	t.Helper()
	if len(got) != len(want) || len(got) == 0 {
		t.Fatalf("%d logits, moreau has %d", len(got), len(want))
	}
	var diff, most float64
	for i := range got {
		most = math.Max(most, math.Abs(float64(want[i])))
		diff = math.Max(diff, math.Abs(float64(got[i])-float64(want[i])))
	}
	t.Logf("%d logits up to %.3g differ by at most %.2g", len(got), most, diff)
	if !(diff <= maxDiff) {
		t.Errorf("logits differ by %g, want <= %g", diff, maxDiff)
	}
}

// texts are what tokenizers disagree about.
var texts = []string{
	"Once upon a time, there was a little girl named Lily.",
	"  two blanks, then\ttabs\nand lines\n\n  ",
	"Ein Bär kostet 1234,50 €; 熊は 3 匹 🐻‍❄️!",
	"don't  DON'T we'll x=y+1; // <s> </s>",
}

// compareTokens compares the ids of texts with those of moreau's tokenizer.
func compareTokens(t *testing.T, got [][]int, path string) {
	t.Helper()
	m, err := load.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if want := tok.Encode(text); !slices.Equal(got[i], want) {
			t.Errorf("%q: tokens %v, moreau has %v", text, got[i], want)
		}
	}
}
