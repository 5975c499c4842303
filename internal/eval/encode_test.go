package eval

import (
	"slices"
	"strings"
	"testing"

	"moreau/internal/task"
	"moreau/internal/tokenizer"
)

// letters is a tokenizer of one token a byte.
type letters struct{ vocab tokenizer.Vocab }

func (l *letters) Encode(text string) (ids []int) {
	for _, b := range []byte(text) {
		ids = append(ids, int(b))
	}
	return ids
}
func (l *letters) Decode([]int) string     { return "" }
func (l *letters) Vocab() *tokenizer.Vocab { return &l.vocab }

func TestRequest(t *testing.T) {
	const bos, eos = 1, 2
	for _, c := range []struct {
		context, continuation string
		bos                   bool
		most                  int
		want                  string // ids as bytes
		from, cut             int
	}{
		{"ab", " c", false, 9, "ab c", 2, 0},
		{"ab \n", "c", false, 9, "ab \nc", 2, 0}, // outer blanks belong to the continuation
		{"ab", " c", true, 9, "\x01ab c", 3, 0},
		{"", "c", false, 9, "\x01c", 1, 0}, // BOS stands for nothing
		{"", "c", true, 9, "\x01c", 1, 0},
		{"abcdef", " g", false, 4, "def g", 3, 3}, // as many as are read, and the last one
		{"abcdef", " gh", false, 3, "f gh", 1, 5},
	} {
		e := Encoding{&letters{tokenizer.Vocab{BOS: bos, EOS: eos}}, c.bos, c.most}
		text, cut, err := e.Request(task.Request{Context: c.context, Continuation: c.continuation})
		var want []int32
		for _, b := range []byte(c.want) {
			want = append(want, int32(b))
		}
		if err != nil || !slices.Equal(text.IDs, want) || text.From != c.from || cut != c.cut {
			t.Errorf("%+v: %v, %d cut, %v", c, text, cut, err)
		}
	}
}

func TestRequestThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		context, continuation, word string
		bos                         int
	}{
		{"ab", "", "no tokens of its own", 1},
		{"ab", " cdef", "has 5 tokens, the model reads 4", 1},
		{"", "c", "neither BOS nor EOS", -1},
	} {
		e := Encoding{Tokenizer: &letters{tokenizer.Vocab{BOS: c.bos, EOS: -1}}, MaxLength: 4}
		if _, _, err := e.Request(task.Request{Context: c.context, Continuation: c.continuation}); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
