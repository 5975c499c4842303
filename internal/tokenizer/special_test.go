package tokenizer

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// Special tokens come back from both containers wherever in the vocabulary they stand, the
// first and the last token included, and stay absent where there is none.
func TestSpecialTokensComeBack(t *testing.T) {
	for name, fresh := range map[string]func() *Vocab{"llama": small, "gpt2": func() *Vocab { return tiktoken(t) }} {
		for i, s := range fresh().specialIDs() {
			for _, id := range []int{-1, 0, 1, len(fresh().Tokens) - 1} {
				v := fresh()
				for k, other := range v.specialIDs() {
					*other.id = -1
					if v.Model == "llama" && k < 3 { // what a llama's file says nothing of has an id
						*other.id = k
					}
				}
				if v.Model == "llama" && id < 0 && i < 3 {
					continue
				}
				*v.specialIDs()[i].id = id
				what := fmt.Sprintf("%s: %s token %d", name, s.name, id)
				kv := map[string]any{}
				for _, pair := range mustGGUF(t, v) {
					kv[pair.Key] = pair.Value
				}
				back, err := FromGGUF(maps.Clone(kv))
				if err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				for k, other := range back.specialIDs() {
					if want := *v.specialIDs()[k].id; *other.id != want {
						t.Errorf("%s: from a GGUF file, %s is %d, want %d", what, other.name, *other.id, want)
					}
				}
				if value, ok := kv[ggml+s.gguf]; ok != (id >= 0) || ok && value != uint32(id) {
					t.Errorf("%s: the key says %v, %t", what, value, ok)
				}
				if id == 0 && v.Model == "llama" && s.name != "unk" {
					continue // token 0 is its unknown one
				}
				files, err := v.HF()
				if err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				dir := t.TempDir()
				for file, data := range files {
					write(t, filepath.Join(dir, file), string(data))
				}
				if back, err = FromHF(dir); err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				if got := *back.specialIDs()[i].id; got != id {
					t.Errorf("%s: from a folder it is %d", what, got)
				}
			}
		}
	}
}

// The tokens behind the ranks of Llama 3, with the numbers that tokenizer.json of Llama 3.1 gives them.
func TestLlama3Specials(t *testing.T) {
	named := map[int]string{0: "begin_of_text", 1: "end_of_text", 2: "reserved_special_token_0", 3: "reserved_special_token_1", 4: "finetune_right_pad_id",
		5: "reserved_special_token_2", 6: "start_header_id", 7: "end_header_id", 8: "eom_id", 9: "eot_id", 10: "python_tag", 11: "reserved_special_token_3",
		100: "reserved_special_token_92", 255: "reserved_special_token_247"}
	all := llama3Specials()
	for id, name := range named {
		if len(all) != 256 || all[id] != "<|"+name+"|>" {
			t.Errorf("of %d, 128000 + %d is %s, want %s", len(all), id, all[id], name)
		}
	}
	v := tiktoken(t)
	for id, kind := range v.Types {
		if want := map[bool]int32{true: Control, false: Normal}[id >= 258]; kind != want {
			t.Errorf("token %d, %q, is of type %d, want %d", id, v.Tokens[id], kind, want)
		}
	}
	if v.BOS != 258 || v.EOS != 259 || v.UNK != -1 || v.PAD != -1 || !v.AddBOS || v.AddEOS || v.Pre != "llama-bpe" || !v.IgnoreMerges {
		t.Errorf("%+v", *v)
	}
}

// Rows of an embedding without a token get one that nothing is encoded to: of type unused, and with
// the score that llama.cpp's converter gives such tokens; as many tokens as rows need none.
func TestPadding(t *testing.T) {
	for name, v := range map[string]*Vocab{"llama": small(), "gpt2": tiktoken(t)} {
		n := len(v.Tokens)
		if err := v.Pad(n); err != nil || len(v.Tokens) != n {
			t.Errorf("%s: %d tokens for %d rows: %v", name, len(v.Tokens), n, err)
		}
		if err := v.Pad(n - 1); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%d tokens, the model only %d", n, n-1)) {
			t.Errorf("%s: %v", name, err)
		}
		if err := v.Pad(n + 2); err != nil || len(v.Tokens) != n+2 || len(v.Types) != n+2 || v.Scores != nil && len(v.Scores) != n+2 || (v.Scores != nil) != (name == "llama") {
			t.Fatalf("%s: %d tokens, %d types, %d scores, %v", name, len(v.Tokens), len(v.Types), len(v.Scores), err)
		}
		for id := n; id < n+2; id++ {
			if v.Tokens[id] != fmt.Sprintf("[PAD%d]", id) || v.Types[id] != Unused || v.Scores != nil && v.Scores[id] != -1000 {
				t.Errorf("%s: token %d is %q of type %d", name, id, v.Tokens[id], v.Types[id])
			}
		}
	}
}
