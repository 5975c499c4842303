package tokenizer

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"moreau/internal/fuzztest"
)

const (
	jsonModel = `"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}`
	jsonLevel = `"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}`
)

func TestHostileJSON(t *testing.T) {
	for name, c := range map[string]struct {
		json string
		kind error
	}{
		"cut":            {`{"model": {"vocab"`, ErrCorrupt},
		"empty":          {``, ErrCorrupt},
		"array":          {`[]`, ErrCorrupt},
		"null vocab":     {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": null, "merges": ["a b"]}}`, ErrCorrupt},
		"negative id":    {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}`, ErrCorrupt},
		"huge id":        {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 999999999}, "merges": []}}`, ErrCorrupt},
		"fraction":       {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 0.5}, "merges": []}}`, ErrCorrupt},
		"same id":        {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}`, ErrCorrupt},
		"no merges":      {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}`, ErrCorrupt},
		"bad merge":      {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}}`, ErrCorrupt},
		"unknown merge":  {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "c"]]}}`, ErrCorrupt},
		"number merge":   {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": [1]}}`, ErrCorrupt},
		"added huge id":  {`{` + jsonLevel + `, "added_tokens": [{"id": 1000000000, "content": "x"}], ` + jsonModel + `}`, ErrCorrupt},
		"added conflict": {`{` + jsonLevel + `, "added_tokens": [{"id": 0, "content": "x"}], ` + jsonModel + `}`, ErrCorrupt},
		"added twice":    {`{` + jsonLevel + `, "added_tokens": [{"id": 5, "content": "a"}], ` + jsonModel + `}`, ErrCorrupt},
		"deep":           {`{"pre_tokenizer": ` + strings.Repeat(`{"type": "Sequence", "pretokenizers": [`, 20000), ErrCorrupt},
		"unigram":        {`{"model": {"type": "Unigram", "vocab": [["a", 0.5]]}}`, ErrUnsupported},
		"word suffix":    {`{"model": {"type": "BPE", "end_of_word_suffix": "</w>"}}`, ErrUnsupported},
		"no pipeline":    {`{` + jsonModel + `}`, ErrUnsupported},
		"prefix space":   {`{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true}, ` + jsonModel + `}`, ErrUnsupported},
		"other regex":    {`{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\d"}}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}, ` + jsonModel + `}`, ErrUnsupported},
		"no gaps":        {`{` + jsonLevel + `, "model": {"type": "BPE", "vocab": {"a": 0, "b": 65540}, "merges": []}}`, ErrCorrupt},
		"strip accents":  {`{"normalizer": {"type": "StripAccents"}, ` + jsonLevel + `, ` + jsonModel + `}`, ErrUnsupported},
		"replace regex":  {`{"normalizer": {"type": "Replace", "pattern": {"Regex": "a+"}, "content": ""}, ` + jsonLevel + `, ` + jsonModel + `}`, ErrUnsupported},
		"replace none":   {`{"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "x"}, ` + jsonLevel + `, ` + jsonModel + `}`, ErrUnsupported},
		"late NFKC":      {`{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "NFKC"}]}, ` + jsonModel + `}`, ErrUnsupported},
		"whitespace":     {`{"pre_tokenizer": {"type": "Whitespace"}, ` + jsonModel + `}`, ErrUnsupported},
		"metaspace sign": {`{"pre_tokenizer": {"type": "Metaspace", "replacement": "_"}, ` + jsonModel + `}`, ErrUnsupported},
		"post-processor": {`{"post_processor": {"type": "RobertaProcessing"}, ` + jsonLevel + `, ` + jsonModel + `}`, ErrUnsupported},
		"dropout":        {`{` + jsonLevel + `, "model": {"type": "BPE", "dropout": 0.1, "vocab": {"a": 0}, "merges": []}}`, ErrUnsupported},
		"null step":      {`{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [null]}, ` + jsonModel + `}`, ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "tokenizer.json"), c.json)
			v, err := FromHF(dir)
			if err == nil {
				_, err = New(v)
			} else if !strings.Contains(err.Error(), "tokenizer.json") {
				t.Errorf("file not named: %v", err)
			}
			if !errors.Is(err, c.kind) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 {
				t.Errorf("%v, want one line of %v", err, c.kind)
			}
		})
	}
}

func TestHostileModel(t *testing.T) {
	piece := "\x0a\x08\x0a\x01a\x15\x00\x00\x80\x3f"
	bpe := "\x12\x02\x18\x02"
	for name, c := range map[string]struct {
		data string
		kind error
	}{
		"empty":          {"", ErrCorrupt},
		"bad key":        {"\xff", ErrCorrupt},
		"tag 0":          {"\x00\x00", ErrCorrupt},
		"group":          {"\x0b", ErrCorrupt},
		"long claim":     {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", ErrCorrupt},
		"cut piece":      {"\x0a\x04\x0a\x01a\x15", ErrCorrupt},
		"same pieces":    {piece + piece + bpe, ErrCorrupt},
		"score NaN":      {"\x0a\x08\x0a\x01a\x15\x00\x00\xc0\x7f" + bpe, ErrCorrupt},
		"ids outside":    {piece + bpe, ErrCorrupt},
		"unigram":        {piece, ErrUnsupported},
		"character map":  {"\x1a\x03\x12\x01x" + piece + bpe, ErrUnsupported},
		"tiktoken ranks": {"YQ== 0\nYg== 7\n", ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "tokenizer.model"), c.data)
			_, err := FromHF(dir)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), "tokenizer.model: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one line of %v", err, c.kind)
			}
		})
	}
}

func TestHostileGGUF(t *testing.T) {
	good := map[string]any{}
	for _, e := range mustGGUF(t, small()) {
		good[e.Key] = e.Value
	}
	for key, value := range map[string]any{
		ggml + "model":            nil,
		ggml + "tokens":           []int32{1},
		ggml + "scores":           []float32{1},
		ggml + "token_type":       []int32{1},
		ggml + "bos_token_id":     uint32(9999),
		ggml + "eos_token_id":     "two",
		ggml + "eot_token_id":     uint32(9999),
		ggml + "unknown_token_id": int32(-7),
		ggml + "add_bos_token":    uint32(1),
		"tokenizer.chat_template": true,
		ggml + "pre":              int32(1),
		ggml + "padding_token_id": int32(1 << 30),
		ggml + "add_space_prefix": "yes",
	} {
		kv := map[string]any{}
		for k, v := range good {
			kv[k] = v
		}
		kv[key] = value
		if value == nil {
			delete(kv, key)
		}
		want := ErrCorrupt
		if key == ggml+"model" && value == nil {
			want = ErrNone
		}
		if _, err := FromGGUF(kv); !errors.Is(err, want) {
			t.Errorf("%s = %v: %v, want %v", key, value, err, want)
		}
	}
	for _, v := range []*Vocab{{Model: "t5", Tokens: []string{"a"}}, {Model: "gpt2", Pre: "dbrx", Tokens: []string{"a"}, Merges: []string{"a a"}}} {
		if _, err := New(v); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "known: ") {
			t.Errorf("%s/%s: %v", v.Model, v.Pre, err)
		}
	}
	if _, err := FromLlama2C(bytes.NewReader([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\x7f")), 512); !errors.Is(err, ErrCorrupt) {
		t.Errorf("llama2.c: %v", err)
	}
}

// A vocabulary that parses must encode, decode and be written without a panic.
func exercise(t *testing.T, v *Vocab, err error) {
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("neither corrupt nor unsupported: %v", err)
		}
		return
	}
	tok, err := New(v)
	if err != nil {
		return
	}
	for _, id := range tok.Encode("ab  aab \u00e9\xff <s>") {
		if id < 0 || id >= len(v.Tokens) {
			t.Errorf("id %d of %d", id, len(v.Tokens))
		}
		tok.Decode([]int{id})
	}
	if _, err := v.HF(); err != nil {
		t.Errorf("not written: %v", err)
	}
	if _, err := v.GGUF(); err != nil && !errors.Is(err, ErrUnsupported) {
		t.Errorf("not written: %v", err)
	}
}

// parseMultiple is how many times the size of a file its parsing may allocate: most of
// it are merges derived from tokens.
const parseMultiple = 512

func FuzzJSON(f *testing.F) {
	fuzztest.Corpus(f)
	f.Add([]byte(`{` + jsonLevel + `, "added_tokens": [{"id": 3, "content": "<s>", "special": true}], ` + jsonModel + `}`))
	f.Add([]byte(`{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}, "model": {"type": "BPE", "byte_fallback": true, "unk_token": "b", "vocab": {"a": 0, "b": 1, "ab": 2, "<0xC3>": 3}, "merges": [["a", "b"]]}}`))
	f.Add([]byte(`{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}, ` + jsonModel + `}`))
	f.Add([]byte(`{"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": true}, {"type": "Replace", "pattern": {"String": "a"}, "content": "bb"}]},
		"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": false}]},
		"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "b"}}, {"Sequence": {"id": "A"}}]},
		"added_tokens": [{"id": 3, "content": "<s>", "special": true, "lstrip": true, "rstrip": true, "single_word": true, "normalized": true}], ` + jsonModel + `}`))
	f.Add([]byte(`{"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"}, ` + jsonModel + `}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v *Vocab
		var err error
		fuzztest.Allocates(t, len(data), parseMultiple, func() { v, err = parseJSON(data) })
		exercise(t, v, err)
	})
}

func FuzzModel(f *testing.F) {
	fuzztest.Corpus(f)
	f.Add([]byte("\x0a\x08\x0a\x01a\x15\x00\x00\x80\x3f\x0a\x08\x0a\x01b\x15\x00\x00\x80\x3f\x0a\x09\x0a\x02ab\x15\x00\x00\x80\x3f\x12\x02\x18\x02\x1a\x04\x18\x00\x20\x00"))
	f.Add([]byte("YQ== 0\nYg== 1\nYWI= 2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v *Vocab
		var err error
		fuzztest.Allocates(t, len(data), parseMultiple, func() { v, err = parseModel(data) })
		exercise(t, v, err)
	})
}

// Some writers say that there is no such token by the largest uint32.
func TestGGUFSaysNone(t *testing.T) {
	kv := map[string]any{}
	for _, e := range mustGGUF(t, small()) {
		kv[e.Key] = e.Value
	}
	kv[ggml+"eos_token_id"] = uint32(1<<32 - 1)
	if v, err := FromGGUF(kv); err != nil || v.EOS != -1 {
		t.Errorf("%+v, %v", v, err)
	}
}
