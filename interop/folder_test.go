package interop

import (
	"bytes"
	"path/filepath"
	"reflect"
	"testing"
)

// sourceCard is a model card as published models have it.
const sourceCard = `---
license: other
license_name: a-license
license_link: https://example.com/LICENSE
language:
- en
- de
datasets:
- someone/texts
---
# A model
license: is not asked here
`

// sourceFolder is a random model with a real tokenizer and all that belongs to a published one.
func sourceFolder(t *testing.T) string {
	t.Helper()
	need(t, tinyLlama)
	dir := randomModel(t, `{"model_type": "llama", "vocab_size": 32000, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
		"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 16, "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2}`)
	files := map[string]string{
		"README.md": sourceCard, "LICENSE.txt": "free", "generation_config.json": `{"bos_token_id": 1, "eos_token_id": [2, 7], "temperature": 0.6}`,
		".moreau-pull.json": `{"repo": "someone/a-model", "commit": "0123456789abcdef0123456789abcdef01234567"}`,
	}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		files[name] = string(readFile(t, filepath.Join(tinyLlama, name)))
	}
	writeFiles(t, dir, files)
	return dir
}

// transformers reads a folder in shards through their index, and finds the
// source's tokenizer, generation settings and license in it.
func TestFolder(t *testing.T) {
	hf := needHF(t)
	source := sourceFolder(t)
	dense := hf.check(t, source, false, false)
	for _, c := range []struct {
		layers string
		remote bool
	}{{"0..2", false}, {"1..1", true}} {
		t.Run("layers "+c.layers, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "folder-"+c.layers)
			moreau(t, append(prune(source, "--layer-ratio", "50%", "--layers", c.layers), "--shard-size", "4MB", "-o", folder)...)
			if shards, _ := filepath.Glob(filepath.Join(folder, "model-0000?-of-00003.safetensors")); len(shards) != 3 {
				t.Errorf("shards %q, want 3: 8.2 MB each of embedding and head, and the layers", shards)
			}
			for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "generation_config.json", "LICENSE.txt"} {
				if !bytes.Equal(readFile(t, filepath.Join(folder, name)), readFile(t, filepath.Join(source, name))) {
					t.Errorf("%s is not the source's", name)
				}
			}
			got := hf.check(t, folder, c.remote, true)
			if len(got.Tokens) != len(texts) || !reflect.DeepEqual(got.Tokens, dense.Tokens) {
				t.Errorf("tokens %v, the source has %v", got.Tokens, dense.Tokens)
			}
			compareTokens(t, got.Tokens, folder)
			compare(t, got.logits, moreauLogits(t, folder, writeJSON(t, hfRows)), f32Diff)
			compareCard(t, got.Card, c.remote)
		})
	}
}

// compareCard looks at the metadata that huggingface_hub reads in README.md.
func compareCard(t *testing.T, got map[string]any, remote bool) {
	t.Helper()
	tags := []any{"moreau", "pruned"}
	if remote {
		tags = append(tags, "custom_code")
	}
	want := map[string]any{"library_name": "transformers", "pipeline_tag": "text-generation", "tags": tags, "base_model": "someone/a-model",
		"license": "other", "license_name": "a-license", "license_link": "https://example.com/LICENSE", "language": []any{"en", "de"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("card %v\nwant %v", got, want)
	}
}
