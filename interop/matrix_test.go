package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/tensor"
)

// base is a tiny model of the matrix, made by the test with random weights.
type base struct {
	name   string
	class  string // of transformers: Pruned<class>ForCausalLM where layers differ
	arch   string // of GGUF where layers are alike
	differ string // where they are not, "" where there is none
	config string // beyond matrixConfig, or otherwise
}

// Rows of 256 and 512 values, and still of 256 when half is cut, fit every block type.
const matrixConfig = `"vocab_size": 256, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 8,
	"num_key_value_heads": 4, "head_dim": 64, "max_position_embeddings": 128, "rms_norm_eps": 1e-5`

var bases = []base{
	{"llama", "Llama", "llama", "deci", `"model_type": "llama"`},
	{"llama-tied", "Llama", "llama", "deci", `"model_type": "llama", "tie_word_embeddings": true`},
	{"llama-biases", "Llama", "llama", "deci", `"model_type": "llama", "attention_bias": true, "mlp_bias": true`},
	{"mistral", "Mistral", "llama", "deci", `"model_type": "mistral", "sliding_window": null`},
	{"qwen2", "Qwen2", "qwen2", "deci", `"model_type": "qwen2"`},
	{"qwen3", "Qwen3", "qwen3", "", `"model_type": "qwen3", "tie_word_embeddings": true`},
	{"gemma3", "Gemma3", "gemma3", "", `"model_type": "gemma3_text", "sliding_window": 5, "sliding_window_pattern": 2, "query_pre_attn_scalar": 64, "bos_token_id": 1,
		"eos_token_id": 2, "pad_token_id": 0`},
	{"granite", "Granite", "granite", "", `"model_type": "granite", "embedding_multiplier": 3.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2, "logits_scaling": 4.0`},
	{"smollm3", "SmolLM3", "smollm3", "", `"model_type": "smollm3", "num_hidden_layers": 4, "pad_token_id": 0`},
}

// kinds are what is cut.
var kinds = []struct {
	name string
	args []string
}{{"heads", []string{"--units=kv-groups"}}, {"channels", []string{"--units=channels"}}, {"both", nil}}

// matrixTypes are the types beside F32; folders take the first two.
var matrixTypes = []tensor.DType{tensor.F16, tensor.BF16, tensor.Q8_0, tensor.Q6_K, tensor.Q4_K, tensor.Q4_1, tensor.Q4_0}

// combination is one way to cut a base.
type combination struct {
	base
	kind    int
	uniform bool
	types   []tensor.DType // beside F32
}

// combinations are the matrix, whole where MOREAU_INTEROP is "all"; else every
// base with every kind, uniform and not in turn, and two types each beside F32.
func combinations() []combination {
	var list []combination
	whole := os.Getenv("MOREAU_INTEROP") == "all"
	for i, b := range bases {
		for k := range kinds {
			for _, uniform := range []bool{true, false} {
				types := matrixTypes
				if !whole {
					types = []tensor.DType{matrixTypes[len(list)%2], matrixTypes[2+len(list)%5]}
				}
				if whole || uniform == ((i+k)%2 == 0) {
					list = append(list, combination{b, k, uniform, types})
				}
			}
		}
	}
	return list
}

func (c combination) String() string {
	shape := "layers-differ"
	if c.uniform {
		shape = "uniform"
	}
	return fmt.Sprintf("%s/%s/%s", c.name, shape, kinds[c.kind].name)
}

// args are what moreau is told: half of both layers, or of the first.
func (c combination) args(model string) []string {
	layers := "0..0"
	switch {
	case c.uniform && c.class == "SmolLM3":
		layers = "0..3"
	case c.uniform:
		layers = "0..1"
	}
	return append(prune(model, "--layer-ratio", "50%", "--layers", layers), kinds[c.kind].args...)
}

// architecture is what the GGUF file must have; "" where none computes it.
func (c combination) architecture() string {
	switch {
	case !c.uniform:
		return c.differ
	case c.arch == "qwen2" && kinds[c.kind].name == "channels":
		return "llama" // 8 heads of 64 are not the hidden size, which qwen2 asks for
	}
	return c.arch
}

// hfClass is the class that transformers must find.
func (c combination) hfClass() string {
	switch {
	case c.uniform:
		return c.class + "ForCausalLM"
	case c.class == "Mistral": // without a window its layers are a Llama's
		return "PrunedLlamaForCausalLM"
	}
	return "Pruned" + c.class + "ForCausalLM"
}

// write has moreau cut the model and write it.
func (c combination) write(t *testing.T, model string, d tensor.DType, suffix string) string {
	t.Helper()
	name := strings.ReplaceAll(c.String(), "/", "-") + "-" + dtypeName(d) // Python's copies of the code go by it
	out := filepath.Join(t.TempDir(), name+suffix)
	moreau(t, append(c.args(model), "--dtype", dtypeName(d), "-o", out)...)
	return out
}

func dtypeName(d tensor.DType) string { return strings.ToLower(d.String()) }
