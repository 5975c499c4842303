package interop

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hybridgroup/yzma/pkg/llama"

	"moreau/internal/tensor"
)

// eachCombination calls test for the combinations that are asked for, with the model to be cut.
func eachCombination(t *testing.T, test func(t *testing.T, c combination, model string)) {
	made := map[string]string{}
	for _, b := range bases {
		made[b.name] = randomModel(t, "{"+matrixConfig+", "+b.config+"}")
	}
	for _, c := range combinations() {
		t.Run(c.String(), func(t *testing.T) { test(t, c, made[c.name]) })
	}
}

// llama.cpp computes of each file what moreau computes of the folder of the same
// type; of the same file where it holds blocks, whose bytes TestQuantizedBytes compares.
func TestMatrixLlamaCpp(t *testing.T) {
	needLlamaCpp(t)
	ids := writeJSON(t, hfRows)
	eachCombination(t, func(t *testing.T, c combination, model string) {
		if c.architecture() == "" {
			c.mustRefuse(t, model)
			return
		}
		for _, d := range append([]tensor.DType{tensor.F32}, c.types...) {
			t.Run(dtypeName(d), func(t *testing.T) {
				file := c.write(t, model, d, ".gguf")
				reference := file
				if !d.Quantized() {
					reference = c.write(t, model, d, "")
				}
				want := moreauLogits(t, reference, ids)
				compare(t, c.llamaLogits(t, file, d), want, llamaShare(d, c.arch)*float64(largest(want)))
			})
		}
	})
}

// llamaLogits has llama.cpp load the file, which must be of the architecture and type expected.
func (c combination) llamaLogits(t *testing.T, file string, d tensor.DType) []float32 {
	t.Helper()
	model := openLlamaCpp(t, file)
	for key, want := range map[string]string{"general.architecture": c.architecture(), "general.file_type": fileTypes[d]} {
		if got, _ := llama.ModelMetaValStr(model, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	return allLogits(t, model, hfRows)
}

// llamaShare is the share of the largest logit by which llama.cpp may differ. It
// rounds activations to the type of the weights, 8 bits a block where they are
// blocks. F32, F16 and BF16 have three times what was measured; of GELU see llamaDiff.
func llamaShare(d tensor.DType, arch string) float64 {
	switch {
	case d == tensor.F32 && strings.HasPrefix(arch, "gemma"):
		return 1e-3
	case d == tensor.F32:
		return 3e-6
	case d == tensor.F16:
		return 0.003
	case d == tensor.BF16:
		return 0.02
	}
	return roundedDiff
}

// fileTypes are the values of llama_ftype.
var fileTypes = map[tensor.DType]string{tensor.F32: "0", tensor.F16: "1", tensor.BF16: "32",
	tensor.Q8_0: "7", tensor.Q6_K: "18", tensor.Q5_K: "16", tensor.Q5_1: "9", tensor.Q5_0: "8", tensor.Q4_K: "14", tensor.Q4_1: "3", tensor.Q4_0: "2"}

// mustRefuse makes sure that moreau says what to do where no architecture computes the model.
func (c combination) mustRefuse(t *testing.T, model string) {
	t.Helper()
	args := append(c.args(model), "-o", filepath.Join(t.TempDir(), "model.gguf"))
	if out, err := exec.Command(program, args...).CombinedOutput(); err == nil || !strings.Contains(string(out), "--uniform") {
		t.Errorf("moreau %q: %v\n%s", args, err, out)
	}
}

// transformers loads each folder, does all that hf_model.py asks, and computes
// what moreau computes of the file of the same type, where there is one.
func TestMatrixTransformers(t *testing.T) {
	hf, ids := needHF(t), writeJSON(t, hfRows)
	eachCombination(t, func(t *testing.T, c combination, model string) {
		for _, d := range append([]tensor.DType{tensor.F32}, c.types...) {
			if torch, ok := torchTypes[d]; ok {
				t.Run(dtypeName(d), func(t *testing.T) {
					folder := c.write(t, model, d, "")
					reference := folder
					if c.architecture() != "" {
						reference = c.write(t, model, d, ".gguf")
					}
					got := hf.check(t, folder, !c.uniform, d == tensor.F32)
					if got.Class != c.hfClass() || got.DType != torch {
						t.Errorf("%s in %s, want %s in %s", got.Class, got.DType, c.hfClass(), torch)
					}
					want := moreauLogits(t, reference, ids)
					compare(t, got.logits, want, llamaShare(tensor.F32, "")*float64(largest(want)))
				})
			}
		}
	})
}

// torchTypes are the types of folders.
var torchTypes = map[tensor.DType]string{tensor.F32: "torch.float32", tensor.F16: "torch.float16", tensor.BF16: "torch.bfloat16"}
