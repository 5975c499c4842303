package export

import (
	"fmt"
	"strings"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// dtypes are the types a model is written in: the value of torch_dtype
// (transformers; none: GGUF alone), general.file_type (llama.h, llama_ftype), and
// the type of the output matrix, or of the embedding that stands for it, as
// llama-quantize chooses it. 14 is Q4_K_S, whose matrices are all Q4_K.
var dtypes = []struct {
	dtype    tensor.DType
	torch    string
	fileType uint32
	head     tensor.DType
}{
	{tensor.F32, "float32", 0, tensor.F32},
	{tensor.F16, "float16", 1, tensor.F16},
	{tensor.BF16, "bfloat16", 32, tensor.BF16},
	{tensor.Q8_0, "", 7, tensor.Q8_0},
	{tensor.Q6_K, "", 18, tensor.Q6_K},
	{tensor.Q4_K, "", 14, tensor.Q6_K},
	{tensor.Q4_1, "", 3, tensor.Q6_K},
	{tensor.Q4_0, "", 2, tensor.Q6_K},
}

// DTypeNames lists the types for people: "f32, f16, ... or q4_0".
func DTypeNames() string {
	var names []string
	for _, row := range dtypes {
		names = append(names, strings.ToLower(row.dtype.String()))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func fileType(d tensor.DType) uint32 {
	for _, row := range dtypes {
		if row.dtype == d {
			return row.fileType
		}
	}
	panic("export: no file type for " + d.String())
}

func torchDType(d tensor.DType) string {
	for _, row := range dtypes {
		if row.dtype == d && row.torch != "" {
			return row.torch
		}
	}
	panic("export: no torch name for " + d.String())
}

// dtypeOf is the type of p in a model written as want; vectors are not quantised.
func dtypeOf(p model.Param, want tensor.DType, head bool) tensor.DType {
	if !want.Quantized() {
		return want
	}
	if len(p.Axes) == 1 {
		return tensor.F32
	}
	for _, row := range dtypes {
		if row.dtype == want && head {
			want = row.head
		}
	}
	return fitting(want, rowLength(p))
}

// fitting is d where rows of n values are whole blocks, else Q8_0, else F16.
func fitting(d tensor.DType, n int) tensor.DType {
	switch {
	case n%d.BlockSize() == 0:
		return d
	case n%tensor.Q8_0.BlockSize() == 0:
		return tensor.Q8_0
	}
	return tensor.F16
}

func rowLength(p model.Param) int { return p.Axes[len(p.Axes)-1].Size() }

// Fallback counts matrices that are written in another type than they should
// be, since their rows are no whole number of blocks.
type Fallback struct {
	DType   string `json:"dtype"`
	Tensors int    `json:"tensors"`
}

// fallbacks counts the matrices of types that the one asked for does not explain.
func (c *cast) fallbacks() []Fallback {
	var list []Fallback
	if !c.main().Quantized() {
		return nil
	}
	for _, d := range []tensor.DType{tensor.Q8_0, tensor.F16} {
		n := 0
		for _, t := range c.infos() {
			if d != c.main() && t.DType == d {
				n++
			}
		}
		if n > 0 {
			list = append(list, Fallback{d.String(), n})
		}
	}
	return list
}

func fallbackNote(list []Fallback) string {
	if len(list) == 0 {
		return ""
	}
	var parts []string
	for _, f := range list {
		parts = append(parts, fmt.Sprintf("%d to %s", f.Tensors, f.DType))
	}
	return "; matrices that fell back, since their rows are not whole blocks: " + strings.Join(parts, ", ")
}
