package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteSafetensors writes the tensors in the order of infos, holding one at a
// time. metadata becomes `__metadata__`; transformers 4 wants {"format": "pt"}
// there. Block types have no place in the format and are an error.
func WriteSafetensors(w io.Writer, infos []Info, read ReadFunc, metadata map[string]string) error {
	offsets, sizes, err := place(infos, 1)
	if err != nil {
		return err
	}
	var fields []string
	if metadata != nil {
		fields = append(fields, field("__metadata__", metadata)) // encoded with sorted keys
	}
	for i, info := range infos {
		if info.DType.Quantized() || info.Name == "__metadata__" {
			return fmt.Errorf("tensor %q of type %s cannot be stored in safetensors: convert it to BF16, F16 or F32", info.Name, info.DType)
		}
		fields = append(fields, field(info.Name, struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{info.DType.String(), append([]int{}, info.Shape...), [2]int{offsets[i], offsets[i] + sizes[i]}}))
	}
	header := "{" + strings.Join(fields, ",") + "}"
	header += strings.Repeat(" ", padded(len(header), 8)-len(header))
	if len(header) > maxHeader {
		return fmt.Errorf("the safetensors header takes %d bytes, the limit is %d: write more shards", len(header), maxHeader)
	}
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	if _, err := w.Write(slices.Concat(length, []byte(header))); err != nil {
		return err
	}
	return writeData(w, infos, read, 1)
}

// field is one `"name": value` of a JSON object; the values here always encode.
func field(name string, value any) string {
	k, _ := json.Marshal(name)
	v, _ := json.Marshal(value)
	return string(k) + ":" + string(v)
}
