package job

import (
	"fmt"

	"moreau/internal/export"
	"moreau/internal/load"
	"moreau/internal/tensor"
)

// hasBlocks says whether any weights of m are stored in blocks.
func hasBlocks(m *load.Model) bool {
	for _, info := range m.Weights.Tensors() {
		if info.DType.Quantized() {
			return true
		}
	}
	return false
}

// warnings say of the output what a person would want otherwise: it is larger than its source,
// or most of its rows do not fit the type that was asked for.
func (j *Prune) warnings(out OutOptions, e export.Model, p PrunePlan) (list []string, err error) {
	if p.BytesAfter >= p.BytesBefore {
		remedy, err := j.smaller(out, e, p.BytesBefore)
		if err != nil {
			return nil, err
		}
		list = append(list, "the result is larger than its source; "+remedy)
	}
	fits, err := j.fits(out, e, p)
	if err == nil && fits != "" {
		list = append(list, fits)
	}
	return list, err
}

// smaller says what would make an output take less than so many bytes.
func (j *Prune) smaller(out OutOptions, e export.Model, most int64) (string, error) {
	if out.DType != nil {
		as := out
		as.DType = nil
		_, bytes, err := as.sizes(e)
		if err != nil {
			return "", err
		}
		if bytes < most {
			return fmt.Sprintf("without --dtype, as stored, it takes %d bytes", bytes), nil
		}
	}
	if !isGGUF(out.Path) {
		if hasBlocks(j.m) {
			return "folders hold no blocks: write a .gguf file, which keeps the types of the source", nil
		}
		return "cut more", nil
	}
	for _, d := range export.BlockTypes() {
		as := out
		as.DType = &d
		_, bytes, err := as.sizes(e)
		if err != nil {
			return "", err
		}
		if bytes < most {
			return fmt.Sprintf("with --dtype %s it takes %d bytes", export.DTypeName(d), bytes), nil
		}
	}
	return "cut more", nil
}

// instead are the types of short blocks that take about what a K type takes.
var instead = map[tensor.DType]tensor.DType{tensor.Q6_K: tensor.Q5_1, tensor.Q5_K: tensor.Q5_0, tensor.Q4_K: tensor.Q4_1}

// fits names the type that takes less where most matrices fell back from the one asked for; "" where they did not.
func (j *Prune) fits(out OutOptions, e export.Model, p PrunePlan) (string, error) {
	if out.DType == nil {
		return "", nil
	}
	fell := 0
	for _, f := range p.Out.Fallbacks {
		fell += f.Tensors
	}
	d, ok := instead[*out.DType]
	if !ok || 2*fell < p.Out.Matrices {
		return "", nil
	}
	as := out
	as.DType = &d
	_, bytes, err := as.sizes(e)
	if err != nil || bytes >= p.BytesAfter {
		return "", err
	}
	return fmt.Sprintf("most rows are no whole blocks of %s; --dtype %s fits them: %d bytes for the same cut", export.DTypeName(*out.DType), export.DTypeName(d), bytes), nil
}
