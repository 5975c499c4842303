package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// visible is text as it may go to a terminal: control characters other than line ends and tabs, and
// those that turn the direction of writing, are written out, for names and words of files and hubs may hold any.
func visible(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r) // as JSON has them
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden says whether r may do something to a terminal, or to how what follows is read.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}

// plainWriter makes what is written visible. A write holds whole characters.
type plainWriter struct{ io.Writer }

func (w plainWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// asItIs is standard output for a model's text: files and programs get its bytes, a terminal
// what is visible of it.
func asItIs(stdout io.Writer) io.Writer {
	plain, ok := stdout.(plainWriter)
	if !ok {
		return stdout
	}
	if r, ok := plain.Writer.(*remembering); ok && isTerminal(r.Writer) {
		return stdout
	}
	return plain.Writer
}

// mostMessage bounds the line of an error, in characters.
const mostMessage = 1000

// short keeps the beginning of a long text, which says what it is about, and its end, which says what to do.
func short(text string) string {
	r := []rune(text)
	if len(r) <= mostMessage {
		return text
	}
	half := mostMessage / 2
	return string(r[:half]) + " ... " + string(r[len(r)-half+5:])
}
