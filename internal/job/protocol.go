package job

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"moreau/internal/dataset"
	"moreau/internal/eval"
	"moreau/internal/model"
	"moreau/internal/tokenizer"
)

// cut reads a text as rows of equal length.
func (t *text) cut(f NamedFile, _ *model.Config, tok tokenizer.Tokenizer, o TextOptions) error {
	words, err := heldout(f)
	if err != nil {
		return Input(err)
	}
	t.rows, err = rowsOf(tok, t.bos, t.protocol.Seq, func(tokens int) (dataset.Rows, error) {
		return dataset.Perplexity(words, tok, tokens, o.Chunks)
	})
	if err != nil {
		return Input(fmt.Errorf("%s: %w", f.Path, err))
	}
	return nil
}

// roll reads documents whole, through windows.
func (t *text) roll(f NamedFile, cfg *model.Config, tok tokenizer.Tokenizer, o TextOptions) error {
	docs, err := documents(f)
	if err != nil {
		return Input(err)
	}
	if o.Chunks > 0 {
		docs = docs[:min(o.Chunks, len(docs))]
	}
	return t.read(docs, cmp.Or(o.MaxLength, cfg.MaxPositions), tok)
}

// read takes documents, through windows of so many tokens.
func (t *text) read(docs []dataset.Document, maxLength int, tok tokenizer.Tokenizer) error {
	prefix, err := prefix(tok)
	if err != nil {
		return err
	}
	encode := tok.Encode
	if t.bos {
		encode = func(text string) []int { return tokenizer.EncodeBOS(tok, text) }
	}
	for _, d := range docs {
		ids := dataset.IDs(encode(d.Text))
		t.rows = append(t.rows, ids)
		t.docs = append(t.docs, eval.Document{Windows: eval.Windows(ids, prefix, maxLength), Words: d.Words, Bytes: d.Bytes})
	}
	t.protocol.Seq = maxLength
	return nil
}

// prefix is what stands before the first token of a document: BOS, or else EOS.
func prefix(tok tokenizer.Tokenizer) (int32, error) {
	for _, id := range []int{tok.Vocab().BOS, tok.Vocab().EOS} {
		if id >= 0 {
			return int32(id), nil
		}
	}
	return 0, Input(errors.New("the tokenizer has neither BOS nor EOS to begin documents with; whole documents cannot be read"))
}

func heldout(f NamedFile) (string, error) {
	if b, ok := strings.CutPrefix(f.Path, builtinText); ok {
		_, words, err := builtin(b)
		return words, err
	}
	return dataset.Join(f.Name, f.Path)
}

func documents(f NamedFile) ([]dataset.Document, error) {
	if b, ok := strings.CutPrefix(f.Path, builtinText); ok {
		_, words, err := builtin(b)
		return dataset.PlainDocuments([]string{words}), err
	}
	return dataset.Documents(f.Name, f.Path)
}
