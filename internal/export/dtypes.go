package export

import (
	"fmt"
	"slices"
	"strings"

	"moreau/internal/model"
	"moreau/internal/tensor"
)

// dtypes are the types a model is written in: the value of torch_dtype
// (transformers; none: GGUF alone), general.file_type (llama.h, llama_ftype), and
// the type of the output matrix, or of the embedding that stands for it, as
// llama-quantize chooses it. 14 and 16 are Q4_K_S and Q5_K_S.
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
	{tensor.Q5_K, "", 16, tensor.Q6_K},
	{tensor.Q5_1, "", 9, tensor.Q6_K},
	{tensor.Q5_0, "", 8, tensor.Q6_K},
	{tensor.Q4_K, "", 14, tensor.Q6_K},
	{tensor.Q4_1, "", 3, tensor.Q6_K},
	{tensor.Q4_0, "", 2, tensor.Q6_K},
}

// DTypeNames lists the types for people: "f32, f16, ... or q4_0".
func DTypeNames() string {
	var names []string
	for _, row := range dtypes {
		names = append(names, DTypeName(row.dtype))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// DTypeName is the name of a type as people give it: q4_k.
func DTypeName(d tensor.DType) string { return strings.ToLower(d.String()) }

// BlockTypes are the block types a model is written in, the widest first.
func BlockTypes() (types []tensor.DType) {
	for _, row := range dtypes {
		if row.dtype.Quantized() {
			types = append(types, row.dtype)
		}
	}
	return types
}

// fileType is general.file_type of a file whose matrices are mostly d; false where they are of
// a type that is kept alone, which llama.cpp then guesses.
func fileType(d tensor.DType) (uint32, bool) {
	for _, row := range dtypes {
		if row.dtype == d {
			return row.fileType, true
		}
	}
	return 0, false
}

func torchDType(d tensor.DType) string {
	for _, row := range dtypes {
		if row.dtype == d && row.torch != "" {
			return row.torch
		}
	}
	panic("export: no torch name for " + d.String())
}

// encodable is d, or where nothing is written as d, a type near it whose blocks are as short as any.
func encodable(d tensor.DType) tensor.DType {
	if d.Encodable() {
		return d
	}
	return tensor.Q5_0
}

// dtypeOf is the type of p in a model written as want, were its rows whole blocks; vectors are not quantised.
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
	return want
}

// shorter are the types of shorter blocks that llama-quantize puts in the place of others.
var shorter = map[tensor.DType]tensor.DType{tensor.Q4_K: tensor.Q5_0, tensor.Q5_K: tensor.Q5_1, tensor.Q6_K: tensor.Q8_0}

// fitting is d where rows of n values are whole blocks, else the next of shorter ones, else F16.
func fitting(d tensor.DType, n int) tensor.DType {
	for n%d.BlockSize() != 0 {
		s, ok := shorter[d]
		if !ok {
			return tensor.F16
		}
		d = s
	}
	return d
}

func rowLength(p model.Param) int { return p.Axes[len(p.Axes)-1].Size() }

// Fallback counts matrices that are written in another type than they should
// be, since their rows are no whole number of blocks.
type Fallback struct {
	From    string `json:"from"`
	DType   string `json:"dtype"`
	Tensors int    `json:"tensors"`
}

// fallbacks counts the matrices of the output that have other types than they should.
func (c *cast) fallbacks() (list []Fallback) {
	for _, t := range c.tensors {
		want, is := c.wanted[t.Params[0].Name], c.dtypes[t.Params[0].Name]
		if want == is || len(t.Shape()) == 1 {
			continue
		}
		i := slices.IndexFunc(list, func(f Fallback) bool { return f.From == want.String() && f.DType == is.String() })
		if i < 0 {
			i, list = len(list), append(list, Fallback{want.String(), is.String(), 0})
		}
		list[i].Tensors++
	}
	return list
}

// matrices counts those of the output.
func (c *cast) matrices() (n int) {
	for _, t := range c.tensors {
		if len(t.Shape()) > 1 {
			n++
		}
	}
	return n
}

func fallbackNote(list []Fallback) string {
	if len(list) == 0 {
		return ""
	}
	var parts []string
	for _, f := range list {
		parts = append(parts, fmt.Sprintf("%d of %s to %s", f.Tensors, f.From, f.DType))
	}
	return "; matrices that fell back, since their rows are not whole blocks: " + strings.Join(parts, ", ")
}
