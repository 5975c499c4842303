package export

import (
	"maps"
	"path/filepath"
	"testing"

	"moreau/internal/checkpoint"
)

// What a GGUF file says of sizes, with the types that llama.cpp asks for: a Llama's, and what
// is otherwise where only a part of each head turns, and where layers differ.
func TestGGUFKeys(t *testing.T) {
	keys := func(m Model) map[string]any {
		path := filepath.Join(t.TempDir(), "a.gguf")
		write(t, m, path, Options{})
		g, err := checkpoint.OpenGGUF(path)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		return g.KV()
	}
	want := map[string]any{
		"general.architecture": "llama", "general.type": "model", "general.name": "llama", "general.file_type": uint32(0),
		"llama.block_count": uint32(2), "llama.context_length": uint32(64), "llama.embedding_length": uint32(16), "llama.vocab_size": uint32(5),
		"llama.feed_forward_length": uint32(6), "llama.attention.head_count": uint32(4), "llama.attention.head_count_kv": uint32(2),
		"llama.attention.key_length": uint32(4), "llama.attention.value_length": uint32(4), "llama.rope.dimension_count": uint32(4),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5), "llama.rope.freq_base": float32(10000),
		"tokenizer.ggml.model": "no_vocab",
	}
	if got := keys(tiny(t, "llama", "")); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got := keys(tiny(t, "phi3", partial+`, "pad_token_id": 0`))
	for key, want := range map[string]any{"phi3.attention.key_length": uint32(4), "phi3.attention.value_length": uint32(4), "phi3.rope.dimension_count": uint32(2)} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}
