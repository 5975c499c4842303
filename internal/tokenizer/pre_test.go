package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

func TestPre(t *testing.T) {
	const text = "I'LL it's  12345 a  1\r\n\r\n  x= ...!!\n end  "
	for name, want := range map[string]string{
		"gpt-2":     "I|'|LL| it|'s| | 12345| a| | 1|\r\n\r\n | x|=| ...!!|\n| end|  ",
		"smollm":    "I|'|LL| it|'s|  |1|2|3|4|5| a|  |1|\r\n\r\n | x|=| ...!!|\n| end|  ",
		"llama-bpe": "I|'LL| it|'s| | |123|45| a| | |1|\r\n\r\n| | x|=| ...!!\n| end|  ",
		"qwen2":     "I|'LL| it|'s| | |1|2|3|4|5| a| | |1|\r\n\r\n| | x|=| ...!!\n| end|  ",
	} {
		var words []string
		pres[name].split(text, func(w string) { words = append(words, w) })
		if got := strings.Join(words, "|"); got != want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
	for name := range pres {
		if !strings.Contains(knownPres(), name) {
			t.Errorf("%s is not listed", name)
		}
	}
}

// As Oniguruma in HF tokenizers: the long s is an s in another case, letters and numbers are those of Unicode 16.
func TestPreUnicode(t *testing.T) {
	var words []string
	pres["llama-bpe"].split("'\u017ft'\u017f \u212a\U0002ebf0\U00010d40\U00010d41", func(w string) { words = append(words, w) })
	if want := []string{"'\u017f", "t", "'\u017f", " \u212a\U0002ebf0", "\U00010d40\U00010d41"}; !slices.Equal(words, want) {
		t.Errorf("%q, want %q", words, want)
	}
}

func TestByteLevel(t *testing.T) {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	letters := toByteLevel(string(all))
	if fromByteLevel(letters) != string(all) || !strings.HasPrefix(letters, "\u0100") || toByteLevel(" \n") != "\u0120\u010a" {
		t.Errorf("byte letters %q", letters)
	}
	if !slices.IsSorted([]rune(toByteLevel("\x00\x01\x02"))) {
		t.Error("unprintable bytes out of order")
	}
}
