package interop

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hybridgroup/yzma/pkg/llama"

	"moreau/internal/tensor"
)

// useLlamaCpp loads the shared library once for all tests.
var useLlamaCpp = sync.OnceValue(func() error {
	dirs, _ := filepath.Glob(filepath.Join(".cache", "llamacpp-*", "libllama.so"))
	if len(dirs) == 0 {
		return os.ErrNotExist
	}
	dir, err := filepath.Abs(filepath.Dir(dirs[0]))
	if err != nil {
		return err
	}
	if err := llama.Load(dir); err != nil {
		return err
	}
	llama.LogSet(llama.LogSilent())
	llama.BackendInit()
	return llama.GGMLBackendLoadAllFromPath(dir)
})

// openLlamaCpp loads a GGUF file with llama.cpp.
func openLlamaCpp(t *testing.T, path string) llama.Model {
	t.Helper()
	model, err := llama.ModelLoadFromFile(path, llama.ModelDefaultParams())
	if err != nil || model == 0 {
		t.Fatalf("llama.cpp does not load %s: %v", path, err)
	}
	t.Cleanup(func() { llama.ModelFree(model) })
	return model
}

func needLlamaCpp(t *testing.T) {
	t.Helper()
	if err := useLlamaCpp(); err != nil {
		t.Skipf("SKIPPED: needs llama.cpp: %v; run ./install-llamacpp.sh (linux, x86-64)", err)
	}
}

// llamaLogits gives the logits of every token of one row.
func llamaLogits(t *testing.T, model llama.Model, row []int32, vocab int) []float32 {
	t.Helper()
	params := llama.ContextDefaultParams()
	params.NCtx, params.NBatch, params.NUbatch = 64, 64, 64
	params.NThreads, params.NThreadsBatch = int32(runtime.NumCPU()), int32(runtime.NumCPU())
	params.FlashAttentionType = llama.FlashAttentionTypeDisabled // it computes in F16
	params.TypeK, params.TypeV = llama.GGMLTypeF32, llama.GGMLTypeF32
	ctx, err := llama.InitFromModel(model, params)
	if err != nil {
		t.Fatal(err)
	}
	defer llama.Free(ctx)
	batch := llama.BatchInit(int32(len(row)), 0, 1)
	defer llama.BatchFree(batch)
	for i, id := range row {
		if err := batch.Add(llama.Token(id), llama.Pos(i), []llama.SeqId{0}, true); err != nil {
			t.Fatal(err)
		}
	}
	if code, err := llama.Decode(ctx, batch); err != nil || code != 0 {
		t.Fatalf("llama_decode: %d, %v", code, err)
	}
	logits, err := llama.GetLogits(ctx, len(row), vocab)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(logits)
}

func allLogits(t *testing.T, model llama.Model, rows [][]int32) []float32 {
	t.Helper()
	vocab := int(llama.VocabNTokens(llama.ModelGetVocab(model)))
	var logits []float32
	for _, row := range rows {
		logits = append(logits, llamaLogits(t, model, row, vocab)...)
	}
	return logits
}

func TestLlamaCpp(t *testing.T) {
	needLlamaCpp(t)
	eachCase(t, func(t *testing.T, c modelCase, gguf, folder string) {
		rows := tokens(3, 24)
		switch w := c.window; {
		case c.arch == "":
			t.Skip("no architecture computes it")
		case w > 0:
			rows = tokens(3, w)
		}
		model := openLlamaCpp(t, gguf)
		if arch, _ := llama.ModelMetaValStr(model, "general.architecture"); arch != c.arch {
			t.Errorf("architecture %q, want %q", arch, c.arch)
		}
		compare(t, allLogits(t, model, rows), moreauLogits(t, folder, writeJSON(t, rows)), llamaDiff(c.arch))
		if kind, _ := llama.ModelMetaValStr(model, "tokenizer.ggml.model"); kind != "no_vocab" {
			compareTokens(t, llamaTokens(model), gguf)
		}
	})
}

// llama.cpp rounds activations to the type of the weights: F16 has 11
// significant bits, BF16 8. The bounds are three times what was measured.
func TestLlamaCppHalf(t *testing.T) {
	needLlamaCpp(t)
	rows := tokens(3, 24)
	for _, c := range []struct {
		dtype tensor.DType
		diff  float64
	}{{tensor.F16, 0.02}, {tensor.BF16, 0.15}} {
		t.Run(dtypeName(c.dtype), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.gguf")
			moreau(t, append(prune(stories, "--layer-ratio", "40%", "--layers", "1..3"), "--dtype", dtypeName(c.dtype), "-o", path)...)
			model := openLlamaCpp(t, path)
			if kind, _ := llama.ModelMetaValStr(model, "general.file_type"); kind != fileTypes[c.dtype] {
				t.Errorf("file type %s, want %s", kind, fileTypes[c.dtype])
			}
			compare(t, allLogits(t, model, rows), moreauLogits(t, path, writeJSON(t, rows)), c.diff)
		})
	}
}

// llamaDiff is the largest difference that passes. llama.cpp looks GELU up in a table of F16
// (ggml-cpu, GGML_GELU_FP16), with errors of 2^-11 of each activation: twice what was measured.
func llamaDiff(arch string) float64 {
	if strings.HasPrefix(arch, "gemma") {
		return 5e-3
	}
	return f32Diff
}

func llamaTokens(model llama.Model) [][]int {
	ids := make([][]int, len(texts))
	for i, text := range texts {
		ids[i] = llamaIDs(model, text)
	}
	return ids
}
