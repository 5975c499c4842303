package interop

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// corpusLines is how many texts tokenizers are compared on.
const corpusLines = 2000

// fragments are what tokenizers disagree about: alone, and strung together at random.
var fragments = []string{
	// blanks
	"", " ", "  ", "   ", strings.Repeat(" ", 40), "\t", "\t\t x", "\n", "\n\n", " \n ", "\r\n", "\r\n\r\n", "\r", "\v\f", "\u0085", "\u00a0", " \u00a0 ", "\u1680",
	"\u2009\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u3000\u3000a", "\ufeff", "\u2060", "\u2581", "\u2581\u2581x", " \u2581 ", "x \n\n\n  y",
	// words and contractions
	"Hello", "world", " the", "don't", "DON'T", "I'LL", "I'Ll", "We'Ve", "it's", "'S", "'s", "x='s'", "y'all'd've", "o'Re", "'m'M", "'\u017f", "it'\u017ft", "'\u212a", "can\u2019t", "''", "'",
	"camelCaseWord", "snake_case_word", "SCREAMING_CASE", "antidisestablishmentarianism", "na\u00efve", "Stra\u00dfe", "STRASSE", "\u0130stanbul", "I\u0131i\u0130", "\u01c5\u01c8", "\u03a3\u03c3\u03c2", "Once upon a time",
	// numbers
	"1234567", "12345678901234567890", " 1 22 333 4444", "3.14159", "1,234,567.89", "0x1F", "1e-9", "\u0661\u0662\u0663\u0664", "\u2460\u00bd\u2167\u00b2", "H\u2082O", "\u0967\u0968\u0969", "\U0001d7d8\U0001d7d9", "10\u00d710", "1st2nd",
	// scripts
	"\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "\uff8a\uff9d\uff76\uff78", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5", "\u1112\u1161\u11ab\u1100\u1173\u11af", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
	"\u03b3\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5", "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd", "\u0645\u064e\u0631\u0652\u062d\u064e\u0628\u064b\u0627", "\u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u064e\u0651\u0629", "\u200f\u0645\u200e", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0915\u094d\u200d\u0937",
	"\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u0e40\u0e1b\u0e47\u0e19\u0e19\u0e49\u0e33", "\u0bb5\u0ba3\u0b95\u0bcd\u0b95\u0bae\u0bcd", "\u1218\u1230\u120d\u121d", "\u10d2\u10d0\u10db\u10d0\u10e0", "\u0531\u0562\u0563", "\u1785\u17d2\u179a\u17be\u1793", "Ti\u1ebfng Vi\u1ec7t",
	// emoji
	"\U0001f600", "\U0001f600\U0001f600\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1e9\U0001f1ea\U0001f1ef\U0001f1f5", "\U0001f44d\U0001f3fd", "\U0001f43b\u200d\u2744\ufe0f", "\u2764\ufe0f", "1\ufe0f\u20e3", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
	// composed and decomposed, compatibility forms
	"\u00e9", "e\u0301", " \u304c\u304b\u3099", "\u212b\u00c5A\u030a", "\u1e9b\u0323", "q\u0307\u0323", "\u0958", "\u1100\u1161", "\uac00", "\ufb01", "\uff21\uff22\uff43", "\u00b5\u03bc", "\u2126", "\u2460", "\u33a5", "\u0301", " \u0301x", "a\u0301\u0302\u0303\u0304\u0305", "\u0344", "\ufdfa", "\u00a8", "\u2024\u2025\u2026",
	// code and punctuation
	"for (int i = 0; i < 10; i++) {\n\tprintf(\"%d\\n\", i);\n}", "def f(x):\n    return x ** 2  # square\n", "<div class=\"a\">&nbsp;</div>", "SELECT * FROM t WHERE a != 'b';", "https://example.com/?q=1&r=%20#x", "a@b.co", "$100", "-->", "!=", "===", "...", "!?!?", "--", "[[", "]]", "{}", "\\", "/", "//", "~`^", "\"q\"", "\u201cq\u201d", "\u2014", "(\u00a9)", "_", "a/b\r\n/c",
	// controls, and what looks broken but is valid
	"\x00", "a\x00b", "\x01\x02\x1b[0m", "\x7f", "\u0080\u009f", "\ufffd", "\ufffd\ufffd", "\u00c3\u00a9", "\u00e2\u20ac\u2122", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\U000f0000", "\U00020000\U0002f800", "\U0001d400", "'\U0002ebf0\U00010d40\U00010d41",
	// literal tokens
	"<s>", "</s>", "<unk>", "<s", "s>", "<<s>>", " <s> ", "<|endoftext|>", "<|im_start|>user\n", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<|assistant|>  \n", "<start_of_turn>", "<think>\n", "</think>", "[INST]", "[PAD]", "[pad]", "<extra>", "A<extra>B", "  <extra>  ", "<0x0A>", "<0xE4>",
}

// corpus gives the same texts every time: lines of the shared data where it is there, pieces of
// this repository's source, fragments, and random strings of them and of Unicode.
func corpus(t testing.TB) []string {
	t.Helper()
	r := rand.New(rand.NewPCG(2024, 7))
	texts := append([]string{strings.Repeat("a", 5000), strings.Repeat("ab1 ", 800), strings.Repeat("\u6f22", 1500)}, fragments...)
	for _, pattern := range []string{"wikitext-2-raw/wiki.valid.raw", "tinystories/tinystories_sample_2MiB.txt", "alpaca/*.json", "calib/c4_sample.jsonl", "tinyshakespeare/*"} {
		texts = append(texts, pieces(t, r, filepath.Join("../../shared/data", pattern), 90, 2)...)
	}
	texts = append(texts, pieces(t, r, "../internal/*/*.go", 200, 8)...)
	texts = append(texts, pieces(t, r, "../docs/*.md", 60, 3)...)
	for len(texts) < corpusLines {
		texts = append(texts, oddText(r))
	}
	return texts
}

// pieces takes n stretches of a few lines from the files of a pattern, the line ends between them included.
func pieces(t testing.TB, r *rand.Rand, pattern string, n, most int) []string {
	files, _ := filepath.Glob(pattern)
	if len(files) == 0 {
		t.Logf("corpus without %s, which is not here", pattern)
		return nil
	}
	var out []string
	for range n {
		data, err := os.ReadFile(files[r.IntN(len(files))])
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(strings.ToValidUTF8(string(data), "\ufffd"), "\n")
		from := r.IntN(len(lines))
		piece := strings.Join(lines[from:min(len(lines), from+1+r.IntN(most))], "")
		out = append(out, piece[:cut(piece, 4000)])
	}
	return out
}

// cut is the largest place up to n where no character is cut.
func cut(s string, n int) int {
	n = min(n, len(s))
	for n < len(s) && n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

func oddText(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(12) {
		switch r.IntN(8) {
		case 0:
			b.WriteRune(scalar(r))
		case 1:
			b.WriteString(strings.Repeat(string(rune('0'+r.IntN(10))), 1+r.IntN(30)))
		case 2:
			b.WriteString(strings.Repeat(" ", r.IntN(5)))
		default:
			b.WriteString(fragments[r.IntN(len(fragments))])
		}
		if r.IntN(3) == 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// scalar draws a character that Unicode 15 has assigned, below U+3400 half the time: of later
// ones each program knows others.
func scalar(r *rand.Rand) rune {
	for {
		c := rune(r.IntN(0x3400))
		if r.IntN(2) == 0 {
			c = rune(r.IntN(0x30000))
		}
		if unicode.In(c, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf, unicode.Co) {
			return c
		}
	}
}

// writeCorpus gives the texts, and a JSON file of them.
func writeCorpus(t *testing.T) (texts []string, path string) {
	t.Helper()
	texts = corpus(t)
	return texts, writeJSON(t, texts)
}
