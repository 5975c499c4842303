package dataset

import (
	"slices"
	"testing"
)

// Pages begin at titles of the first level alone.
func TestPages(t *testing.T) {
	got := pages(" \n = A = \n \n text \n = = B = = \n = = = C = = = \n = D E = \nmore = \n")
	want := []string{" = A = \n \n text \n = = B = = \n = = = C = = = ", " = D E = \nmore = \n"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDetokenise(t *testing.T) {
	for tokens, want := range map[string]string{
		"the cats ' 1 @,@ 000 @.@ 5 well @-@ known ( a b ) , it 's \" so \" .\n": "the cats'1,000.5 well-known (a b), it's \"so\" .\n",
		" = = A = = \n 5 ° C ; [ x ] { y } : z ! ":                               " == A ==\n5°C; [x] {y}: z! ",
	} {
		if got := detokenise(tokens); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Texts under another name stay as they are; their words are counted as Python's re.split counts them.
func TestDocuments(t *testing.T) {
	docs, err := Documents("a", file(t, "a.jsonl", `{"text": " a  @-@ b\u00a0c "}`))
	if err != nil || len(docs) != 1 || docs[0] != (Document{" a  @-@ b\u00a0c ", 6, 13}) {
		t.Errorf("%+v, %v", docs, err)
	}
}
