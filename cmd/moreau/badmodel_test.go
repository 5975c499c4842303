package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/checkpoint"
	"moreau/internal/tensor"
)

const (
	gate = "model.layers.0.mlp.gate_proj.weight"
	head = "lm_head.weight"
)

// TestBadFolder breaks a Hugging Face folder in every way; the words must be in the one line of the error.
func TestBadFolder(t *testing.T) {
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1, 2, 3, 4]]")
	for _, tt := range []struct {
		words string
		edits []edit
	}{
		{"no config.json; give a Hugging Face model folder", []edit{without("config.json")}},
		{"config.json|not a JSON object", []edit{with("config.json", "hello")}},
		{"config.json|not a JSON object", []edit{with("config.json", "[1]")}},
		{"config.json|not a JSON object|ends too early", []edit{with("config.json", `{"model_type":`)}},
		{`config.json|"gpt2" is not supported, known are llama, pruned_llama, mistral, pruned_mistral, qwen2, pruned_qwen2, qwen3, pruned_qwen3, phi3, pruned_phi3, gemma, pruned_gemma, gemma2, pruned_gemma2`, []edit{config("model_type", "gpt2")}},
		{`config.json|"" is not supported`, []edit{with("config.json", "{}")}},
		{"config.json|string in num_hidden_layers, want a whole number", []edit{config("num_hidden_layers", "2")}},
		{"config.json|number 1.5 in hidden_size, want a whole number", []edit{config("hidden_size", 1.5)}},
		{"num_hidden_layers is 0", []edit{config("num_hidden_layers", 0)}},
		{"num_hidden_layers is -1", []edit{config("num_hidden_layers", -1)}},
		{"num_hidden_layers is 1000000", []edit{config("num_hidden_layers", 1000000)}},
		{"hidden size is 0", []edit{config("hidden_size", 0)}},
		{"head size is 15", []edit{config("head_dim", 15)}},
		{"4 query heads and 3 KV heads", []edit{config("num_key_value_heads", 3)}},
		{"0 KV heads", []edit{config("num_key_value_heads", 0)}},
		{"-5 MLP channels", []edit{config("intermediate_size", -5)}},
		{`hidden_act "gelu" is not supported`, []edit{config("hidden_act", "gelu")}},
		{"self_attn.q_proj.bias is missing", []edit{config("attention_bias", true)}},
		{"mlp.gate_proj.bias is missing", []edit{config("mlp_bias", true)}},
		{"attention_bias and mlp_bias are not supported for qwen3", []edit{config("attention_bias", true, "model_type", "qwen3")}},
		{"use_sliding_window is not supported for llama", []edit{config("use_sliding_window", true)}},
		{"self_attn.q_proj.bias is missing", []edit{config("model_type", "qwen2")}},
		{"self_attn.k_norm.weight|[15]|configuration says [16]", []edit{config("model_type", "qwen3"), weights(func(m checkpoint.Memory) {
			for _, l := range "01" {
				m["model.layers."+string(l)+".self_attn.q_norm.weight"] = filled([]int{16}, 1)
				m["model.layers."+string(l)+".self_attn.k_norm.weight"] = filled([]int{15}, 1)
			}
		})}},
		{"sliding window of -1", []edit{config("model_type", "mistral", "sliding_window", -1)}},
		{`rope scaling "ntk" is not supported`, []edit{config("rope_parameters", map[string]any{"rope_type": "ntk"})}},
		{`rope scaling "yarn" has values out of range`, []edit{config("rope_scaling", map[string]any{"rope_type": "yarn", "factor": 0.5})}},
		{gate + "|[96 64]|configuration says [97 64]", []edit{config("intermediate_size", 97)}},
		{"tensor model.layers.2|is missing", []edit{config("num_hidden_layers", 3)}},
		{"tensor model.layers.1|it says 1 layers|do not belong together", []edit{config("num_hidden_layers", 1)}},
		{"config.json|no regular file", []edit{without("config.json"), device("config.json")}},

		{"model.safetensors|header length ends after 0 of 8 bytes|download it again", []edit{cut(0)}},
		{"model.safetensors|header length ends after 7 of 8 bytes", []edit{cut(7)}},
		{"model.safetensors|truncated: download it again", []edit{cut(100)}},
		{"model.safetensors|truncated: download it again", []edit{cut(400000)}},
		{"model.safetensors|header of", []edit{patch(0, "\xff\xff\xff\xff\xff\xff\xff\xff")}},
		{"model.safetensors|does not start with '{'", []edit{patch(8, "x")}},
		{"model.safetensors|safetensors header|download it again", []edit{patch(9, "x")}},
		{"model.safetensors|safetensors header|download it again", []edit{patch(100, "\x00\x00")}},
		{head + " is missing", []edit{weights(func(m checkpoint.Memory) { delete(m, head) })}},
		{head + "|[255 64]|[256 64]", []edit{weights(func(m checkpoint.Memory) { m[head] = filled([]int{255, 64}, 1) })}},
		{head + "|has type I32, want floating point", []edit{weights(func(m checkpoint.Memory) {
			m[head] = tensor.New(tensor.I32, []int{256, 64}, make([]byte, 4*256*64))
		})}},
		{"model.safetensors.index.json|" + shard(1) + "|no such file", []edit{shards(0)}},
		{"model.safetensors.index.json|not in its shard", []edit{shards(0, 1), func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, shard(0)), read(t, filepath.Join(dir, shard(1))))
		}}},
		{"model.safetensors.index.json|weight_map", []edit{shards(0, 1), with("model.safetensors.index.json", "{}")}},
		{"model.safetensors.index.json|not a file of this folder", []edit{shards(0, 1), with("model.safetensors.index.json", `{"weight_map": {"a": "../../etc/passwd"}}`)}},
	} {
		dir := folder(t, tt.edits...)
		out := filepath.Join(t.TempDir(), "out.gguf")
		words := append(strings.Split(tt.words, "|"), dir)
		refused(t, exitInput, words, "prune", dir, "--ratio", "20%", "--ids", ids, "--no-eval", "-o", out)
		refused(t, exitInput, words, "inspect", dir)
		only(t, filepath.Dir(out))
	}
}

// device puts a link to what never ends in the place of a file.
func device(name string) edit {
	return func(t *testing.T, dir string) {
		if err := os.Symlink("/dev/zero", filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
}

// What never ends is neither read nor copied.
func TestDevicesInAFolder(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	refused(t, exitInput, []string{"tokenizer.json", "no regular file"}, "convert", folder(t, device("tokenizer.json")), "-o", out)
	must(t, "prune", folder(t, device("README.md"), device("LICENSE"), device("x.safetensors"), device(".moreau-pull.json")), "--ratio", "10%", "--method", "l1", "--no-eval", "-o", out)
	if _, err := os.Stat(filepath.Join(out, "LICENSE")); err == nil {
		t.Error("a device was copied")
	}
}

func TestShardsAreRead(t *testing.T) { must(t, "inspect", folder(t, shards(0, 1))) }

func TestBadGGUF(t *testing.T) {
	whole := len(storiesGGUF(t))
	truncated := func(n int) func(string) string { return func(s string) string { return s[:n] } }
	for _, tt := range []struct {
		words string
		path  string
	}{
		{"truncated|download it again", gguf(t, truncated(0))},
		{"truncated|download it again", gguf(t, truncated(3))},
		{"truncated|download it again", gguf(t, truncated(20))},
		{"truncated|download it again", gguf(t, truncated(100))},
		{"truncated|download it again", gguf(t, truncated(5000))},
		{"truncated|download it again", gguf(t, truncated(whole/2))},
		{"truncated|download it again", gguf(t, truncated(whole-1))},
		{"GGUF", gguf(t, func(s string) string { return "JUNK" + s[4:] })},
		{"version", gguf(t, func(s string) string { return s[:4] + "\x09" + s[5:] })},
		{`"gpt2" is not supported, known are llama, deci, qwen2, qwen3, phi3, gemma, gemma2`, ggufTensors(t, func(kv map[string]any, _ checkpoint.Memory) { kv["general.architecture"] = "gpt2" })},
		{"llama.block_count is missing", ggufTensors(t, func(kv map[string]any, _ checkpoint.Memory) { delete(kv, "llama.block_count") })},
		{"llama.block_count", ggufTensors(t, func(kv map[string]any, _ checkpoint.Memory) { kv["llama.block_count"] = "five" })},
		{"blk.5.attn_norm.weight is missing", ggufTensors(t, func(kv map[string]any, _ checkpoint.Memory) { kv["llama.block_count"] = uint32(6) })},
		{"blk.0.attn_q_norm.weight has no place in family llama", ggufTensors(t, func(_ map[string]any, m checkpoint.Memory) { m["blk.0.attn_q_norm.weight"] = filled([]int{64}, 0) })},
		{"blk.1.attn_q.bias is missing", ggufTensors(t, func(_ map[string]any, m checkpoint.Memory) { m["blk.0.attn_q.bias"] = filled([]int{64}, 0) })},
		{"blk.1.attn_q.bias has no place in family llama", ggufTensors(t, func(_ map[string]any, m checkpoint.Memory) { m["blk.1.attn_q.bias"] = filled([]int{64}, 0) })},
		{"blk.1.ffn_up.weight is missing", ggufTensors(t, func(_ map[string]any, m checkpoint.Memory) { delete(m, "blk.1.ffn_up.weight") })},
		{"no token_embd.weight", ggufTensors(t, func(_ map[string]any, m checkpoint.Memory) { delete(m, "token_embd.weight") })},
		{"blk.1.ffn_up.weight|shape", ggufTensors(t, func(_ map[string]any, m checkpoint.Memory) { m["blk.1.ffn_up.weight"] = filled([]int{171, 64}, 0) })},
	} {
		out := filepath.Join(t.TempDir(), "out")
		words := append(strings.Split(tt.words, "|"), tt.path)
		refused(t, exitInput, words, "prune", tt.path, "--ratio", "20%", "-o", out)
		refused(t, exitInput, words, "inspect", tt.path)
		only(t, filepath.Dir(out))
	}
}

func TestNoModel(t *testing.T) {
	dir := t.TempDir()
	text := write(t, filepath.Join(dir, "model.txt"), "hello")
	for path, words := range map[string]string{
		filepath.Join(dir, "nothing"):      "no such file or directory; check the path",
		filepath.Join(dir, "nothing.gguf"): "no such file or directory; check the path",
		text:                               "want a Hugging Face folder or a .gguf file",
		dir:                                "no config.json; give a Hugging Face model folder",
		"builtin:llama":                    "the only built-in model is builtin:stories260K",
	} {
		for _, command := range []string{"inspect", "eval", "generate"} {
			refused(t, exitInput, []string{path, words}, command, path)
		}
		refused(t, exitInput, []string{words}, "prune", path, "--ratio", "20%", "--dry-run")
		refused(t, exitInput, []string{words}, "score", path, "-o", filepath.Join(dir, "s.json"))
	}
	only(t, dir, "model.txt")
}

// NaN and infinite weights are named by whatever reads them.
func TestWeightsThatAreNotFinite(t *testing.T) {
	ids := write(t, filepath.Join(t.TempDir(), "ids.json"), "[[1, 2, 3, 4]]")
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		dir := folder(t, weights(func(m checkpoint.Memory) { m[gate] = filled([]int{96, 64}, float32(v)) }))
		words := []string{dir, gate, "holds NaN or infinite values"}
		out := filepath.Join(t.TempDir(), "out")
		for _, method := range []string{"l1", "taylor", "moreau", "smoothgrad"} {
			refused(t, exitInput, words, "score", dir, "--method", method, "--ids", ids, "-o", out)
			refused(t, exitInput, words, "prune", dir, "--method", method, "--ids", ids, "--no-eval", "--ratio", "20%", "-o", out)
		}
		refused(t, exitInput, words, "eval", dir, "--ids", ids)
		refused(t, exitInput, words, "generate", dir, "--ids", ids, "--json")
		refused(t, exitInput, words, "convert", dir, "--dtype", "q4_k", "-o", out+".gguf")
		only(t, filepath.Dir(out))
	}
}
