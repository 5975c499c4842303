package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pre is how a byte-level vocabulary cuts text into words.
type pre struct {
	split        func(text string, emit func(word string))
	regex        string // as tokenizer.json states it; "" where it is ByteLevel's own
	digits       bool   // tokenizer.json has a Digits step
	ignoreMerges bool   // a word that is a token is not merged
	nfc          bool   // the models that have it compose characters first in HF; llama.cpp does not
}

const (
	llama3Regex = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Regex  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// pres are the pre-tokenizers by their names in GGUF.
var pres = map[string]pre{
	"gpt-2":     {split: byWord(gpt2Word)},
	"smollm":    {split: smollmSplit, digits: true},
	"llama-bpe": {split: byWord(func(s string) int { return llama3Word(s, 3) }), regex: llama3Regex, ignoreMerges: true},
	"qwen2":     {split: byWord(func(s string) int { return llama3Word(s, 1) }), regex: qwen2Regex, nfc: true},
}

func knownPres() string {
	var names []string
	for name := range pres {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// byWord repeats a function that gives the length in bytes of the first word of a text.
func byWord(next func(string) int) func(string, func(string)) {
	return func(text string, emit func(string)) {
		for len(text) > 0 {
			n := next(text)
			emit(text[:n])
			text = text[n:]
		}
	}
}

// smollmSplit sets every numeral alone, then cuts what is between as GPT-2 does.
func smollmSplit(text string, emit func(string)) {
	words := byWord(gpt2Word)
	from := 0
	for i, r := range text {
		if classOf(r) != number {
			continue
		}
		words(text[from:i], emit)
		from = i + utf8.RuneLen(r)
		emit(text[i:from])
	}
	words(text[from:], emit)
}

// gpt2Word is 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func gpt2Word(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	skip := 0
	if s[0] == ' ' {
		skip = 1
	}
	if c, _ := first(s[skip:]); c != space && c != end {
		return skip + run(s[skip:], c, -1)
	}
	return blanks(s)
}

// llama3Word is llama3Regex, with runs of at most that many digits.
func llama3Word(s string, digits int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	c, n := first(s)
	if c == letter {
		return run(s, letter, -1)
	}
	if c == number {
		return run(s, number, digits)
	}
	if after, _ := first(s[n:]); after == letter && s[0] != '\r' && s[0] != '\n' {
		return n + run(s[n:], letter, -1)
	}
	skip := 0
	if s[0] == ' ' {
		skip = 1
	}
	if c, _ := first(s[skip:]); c == other {
		n := skip + run(s[skip:], other, -1)
		return n + len(s[n:]) - len(strings.TrimLeft(s[n:], "\r\n"))
	}
	if i := strings.LastIndexAny(s[:run(s, space, -1)], "\r\n"); i >= 0 {
		return i + 1
	}
	return blanks(s)
}

// blanks is \s+(?!\S)|\s+ : a run of blanks leaves its last one to the word that follows.
func blanks(s string) int {
	n := run(s, space, -1)
	if n == len(s) {
		return n
	}
	if _, last := utf8.DecodeLastRuneInString(s[:n]); last < n {
		return n - last
	}
	return n
}

// contraction gives the length of 's 't 're 've 'm 'll 'd at the start, in any case where fold is set.
func contraction(s string, fold bool) int {
	if s[0] != '\'' {
		return 0
	}
	rest := s[1:]
	if fold && strings.HasPrefix(rest, "\u017f") { // the long s is an s in another case
		return len("'\u017f")
	}
	for _, c := range []string{"s", "t", "re", "ve", "m", "ll", "d"} {
		if strings.HasPrefix(rest, c) || fold && len(rest) >= len(c) && strings.EqualFold(rest[:len(c)], c) {
			return 1 + len(c)
		}
	}
	return 0
}

// class is what the regular expressions tell apart.
type class uint8

const (
	end class = iota // of the text
	letter
	number
	space
	other
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range t {
		t[r] = unicodeClass(rune(r))
	}
	return t
}()

func classOf(r rune) class {
	if r < utf8.RuneSelf {
		return asciiClass[r]
	}
	return unicodeClass(r)
}

func unicodeClass(r rune) class {
	switch {
	case unicode.IsLetter(r) || unicode.Is(newLetters, r):
		return letter
	case unicode.IsNumber(r) || unicode.Is(newNumbers, r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// first gives the class and the size of the first character.
func first(s string) (class, int) {
	if s == "" {
		return end, 0
	}
	r, n := utf8.DecodeRuneInString(s)
	return classOf(r), n
}

// run gives the length of the run of a class at the start, of at most limit characters (-1: any number).
func run(s string, c class, limit int) int {
	at := 0
	for ; limit != 0; limit-- {
		got, n := first(s[at:])
		if got != c {
			break
		}
		at += n
	}
	return at
}
