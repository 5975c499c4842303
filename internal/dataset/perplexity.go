package dataset

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"moreau/internal/tokenizer"
)

// Perplexity encodes the text once, without BOS, and cuts the ids from the start into rows of
// seqLen; the tail is dropped. At most max rows, all of them where max is 0: the protocol of
// LLM-Pruner's PPLMetric and of GPTQ. An error when the text is shorter than one row.
func Perplexity(text string, tok tokenizer.Tokenizer, seqLen, max int) (Rows, error) {
	if seqLen < 2 {
		return nil, fmt.Errorf("perplexity: sequence length %d, at least 2 is needed", seqLen)
	}
	ids := tok.Encode(text)
	if len(ids) < seqLen {
		return nil, fmt.Errorf("perplexity: the text has %d tokens, one row needs %d: give more text or a shorter sequence length", len(ids), seqLen)
	}
	var rows Rows
	for chunk := range slices.Chunk(ids, seqLen) {
		if len(chunk) < seqLen || max > 0 && len(rows) == max {
			break
		}
		rows = append(rows, IDs(chunk))
	}
	return rows, nil
}

// Join reads an evaluation text the way the pruning papers join its rows. "wikitext2": lines with
// their newline, blank ones as "", joined by an empty line. "ptb": stripped lines joined by an
// empty line. Of records, which the hub has line by line as "text" or "sentence", both are these as they
// are. Any other name: the documents of ReadText joined by an empty line, a text file as it is.
func Join(name, path string) (string, error) {
	switch name {
	case "wikitext2":
		return joinLines(path, func(line string) string {
			if strings.TrimSpace(line) == "" {
				return ""
			}
			return line + "\n"
		})
	case "ptb":
		return joinLines(path, strings.TrimSpace)
	}
	docs, err := ReadText(path)
	return strings.Join(docs, separator), err
}

func joinLines(path string, row func(line string) string) (string, error) {
	if ext := strings.ToLower(filepath.Ext(path)); recordReaders[ext] != nil && ext != ".raw" {
		rows, err := lineFields(path)
		return strings.Join(rows, separator), err
	}
	data, err := readFile(path)
	if err != nil {
		return "", err
	}
	if len(data) == 0 {
		return "", fmt.Errorf("%s: no text in it; give another file", path)
	}
	rows := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i, line := range rows {
		rows[i] = row(line)
	}
	return strings.Join(rows, separator), nil
}

// lineFields are the lines that records hold: the hub's WikiText calls them text, its PTB sentence.
func lineFields(path string) ([]string, error) {
	records, err := ReadRecords(path)
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(records))
	for i, r := range records {
		line, ok := cmp.Or(r["text"], r["sentence"]).(string)
		if !ok {
			return nil, fmt.Errorf("%s: record %d has neither a field \"text\" nor a \"sentence\" of text", path, i)
		}
		lines[i] = line
	}
	return lines, nil
}
