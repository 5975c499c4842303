package tokenizer

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// small is a llama vocabulary that needs no file: bytes, the letters of "hello" and some merges.
func small() *Vocab {
	v := &Vocab{Model: "llama", Pre: "default", UNK: 0, BOS: 1, EOS: 2, PAD: -1, AddBOS: true, AddSpacePrefix: true, ChatTemplate: "{{ messages }}"}
	v.add("<unk>", 0, Unknown)
	v.add("<s>", 0, Control)
	v.add("</s>", 0, Control)
	for b := range 256 {
		v.add(byteToken(byte(b)), 0, Byte)
	}
	for i, t := range []string{"ll", "he", "hell", "hello", blank + "hello", blank, "h", "e", "l", "o"} {
		v.add(t, -float32(i), Normal)
	}
	v.add("[NEW]", -1000, UserDefined)
	return v
}

func TestSmall(t *testing.T) {
	tok := mustNew(t, small())
	for text, want := range map[string][]int{
		"":                nil,
		"hello":           {263},
		" hello":          {264, 263},
		"hello</s>hello":  {263, 2, 263},
		"[NEW]é":          {269, 264, 3 + 0xc3, 3 + 0xa9},
		"\xff":            {264, 3 + 0xff},
		"<unk><s>":        {0, 1},
		"hellhell":        {264, 261, 261},
		"he\U0001f600llo": {264, 260, 3 + 0xf0, 3 + 0x9f, 3 + 0x98, 3 + 0x80, 259, 268},
	} {
		if got := tok.Encode(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := tok.Decode([]int{263, 3 + 0xc3, -1, 9999, 2}); got != " hello\xc3</s>" {
		t.Errorf("decoded %q", got)
	}
}

func TestGGUFRoundTrip(t *testing.T) {
	v := small()
	if err := v.Pad(280); err != nil {
		t.Fatal(err)
	}
	if v.Pad(10) == nil {
		t.Error("280 tokens padded to 10")
	}
	kv := map[string]any{}
	for _, e := range mustGGUF(t, v) {
		kv[e.Key] = e.Value
	}
	back, err := FromGGUF(kv)
	if err != nil || !reflect.DeepEqual(back, v) {
		t.Errorf("%v: got %+v\nwant %+v", err, back, v)
	}
}

func mustGGUF(t *testing.T, v *Vocab) []KeyValue {
	t.Helper()
	kv, err := v.GGUF()
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func TestHFRoundTrip(t *testing.T) {
	for name, v := range map[string]*Vocab{"llama": small(), "gpt2": tiktoken(t)} {
		files, err := v.HF()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for file, data := range files {
			write(t, filepath.Join(dir, file), string(data))
		}
		back, err := FromHF(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(back.Tokens, v.Tokens) || !slices.Equal(back.Types, v.Types) || back.Pre != v.Pre ||
			back.BOS != v.BOS || back.EOS != v.EOS || back.UNK != v.UNK || back.AddBOS != v.AddBOS || back.ChatTemplate != v.ChatTemplate {
			t.Errorf("%s: got %+v\nwant %+v", name, back, v)
		}
		text := " hello hellohe  abba </s>"
		if got, want := mustNew(t, back).Encode(text), mustNew(t, v).Encode(text); !slices.Equal(got, want) {
			t.Errorf("%s: ids %v, want %v", name, got, want)
		}
	}
}

// tiktoken is a tokenizer.model of the 256 bytes, "ab" and "bba".
func tiktoken(t *testing.T) *Vocab {
	var b strings.Builder
	for i := range 256 {
		fmt.Fprintf(&b, "%s %d\n", base64.StdEncoding.EncodeToString([]byte{byte(i)}), i)
	}
	b.WriteString("YWI= 256\nYmJh 257\n")
	v, err := parseModel([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got := mustNew(t, v).Encode("abba<|eot_id|>bba"); !slices.Equal(got, []int{256, 'b', 'a', 258 + 9, 257}) {
		t.Errorf("tiktoken ids %v", got)
	}
	return v
}

// Tokens that only the configuration knows, as in folders with a tokenizer.model.
func TestAddedTokens(t *testing.T) {
	dir := t.TempDir()
	files, err := small().HF()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tokenizer.json"), string(files["tokenizer.json"]))
	write(t, filepath.Join(dir, "added_tokens.json"), `{"<extra>": 272}`)
	write(t, filepath.Join(dir, "tokenizer_config.json"), `{"added_tokens_decoder": {"270": {"content": "<pad>", "special": true}}, "pad_token": {"content": "<pad>"},
		"add_bos_token": false, "chat_template": [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]}`)
	v, err := FromHF(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.Tokens[270:], []string{"<pad>", "[PAD271]", "<extra>"}) || !slices.Equal(v.Types[270:], []int32{Control, Unused, UserDefined}) {
		t.Errorf("added tokens %q of types %v", v.Tokens[270:], v.Types[270:])
	}
	if v.PAD != 270 || v.AddBOS || v.ChatTemplate != "D" {
		t.Errorf("pad %d, add BOS %v, template %q", v.PAD, v.AddBOS, v.ChatTemplate)
	}
}

func TestLlama2C(t *testing.T) {
	f, err := os.Open(need(t, "data/models/stories260K/tok512.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := FromLlama2C(f, 512)
	if err != nil {
		t.Fatal(err)
	}
	tok := mustNew(t, v)
	// The ids are those of a transcription of encode in llama2.c's run.c.
	for text, want := range map[string][]int{
		"Once upon a time, there was a little girl named Lily.\n": {403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 13},
		"Tom said, \"Héllo!\" twice.  ":                           {274, 287, 336, 432, 313, 440, 485, 306, 414, 443, 436, 259, 424, 417, 331, 426, 410, 410},
	} {
		ids := tok.Encode(text)
		if !slices.Equal(ids, want) {
			t.Errorf("%q: %v, want %v", text, ids, want)
		}
		if tok.Decode(ids) != " "+text {
			t.Errorf("%q comes back as %q", text, tok.Decode(ids))
		}
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
