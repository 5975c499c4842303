package tokenizer

import "strings"

// byteLetters is GPT-2's bytes_to_unicode: printable bytes stand for themselves, the others for
// U+0100, U+0101, ... in order.
var byteLetters, letterBytes = byteLevel()

func byteLevel() (letters [256]rune, back map[rune]byte) {
	back = make(map[rune]byte, 256)
	next := rune(256)
	for b := range letters {
		r := rune(b)
		if printable := b > 32 && b < 127 || b > 160 && b != 173; !printable {
			r = next
			next++
		}
		letters[b], back[r] = r, byte(b)
	}
	return letters, back
}

// toByteLevel writes each byte as its letter.
func toByteLevel(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		b.WriteRune(byteLetters[raw[i]])
	}
	return b.String()
}

// fromByteLevel gives the bytes back; letters that stand for no byte stay as they are.
func fromByteLevel(text string) string {
	var b strings.Builder
	for _, r := range text {
		if c, ok := letterBytes[r]; ok {
			b.WriteByte(c)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
