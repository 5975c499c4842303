package dataset

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Document is a text that is read whole. Words and Bytes are those of its source, by which
// perplexities a word and a byte are taken.
type Document struct {
	Text  string
	Words int // stretches between blanks, an empty one at either end included
	Bytes int
}

// Documents reads the documents of a file: of "wikitext2" its pages, detokenised as
// lm-evaluation-harness does it; of any other name those of ReadText as they are.
func Documents(name, path string) ([]Document, error) {
	if name != "wikitext2" {
		docs, err := ReadText(path)
		return PlainDocuments(docs), err
	}
	pages, err := wikiPages(path)
	if err != nil {
		return nil, err
	}
	var docs []Document
	for _, page := range pages {
		docs = append(docs, NewDocument(Detokenise(page), page))
	}
	return docs, nil
}

// PlainDocuments are texts as they are.
func PlainDocuments(texts []string) (docs []Document) {
	for _, t := range texts {
		docs = append(docs, NewDocument(t, t))
	}
	return docs
}

// wikiPages are the pages of WikiText: the field "page" of records (the hub's wikitext_document_level),
// or any other file as raw text. Records of lines would not do: the hub's have no blanks between them.
func wikiPages(path string) (pages []string, err error) {
	read, ok := recordReaders[strings.ToLower(filepath.Ext(path))]
	if !ok {
		read = pageRecords
	}
	records, err := read(path)
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		page, ok := r["page"].(string)
		if !ok {
			return nil, fmt.Errorf("%s: record %d has no field \"page\"; whole pages are in the hub's EleutherAI/wikitext_document_level", path, i)
		}
		pages = append(pages, page)
	}
	if len(pages) == 0 {
		return nil, fmt.Errorf("%s: no text in it; give another file", path)
	}
	return pages, nil
}

// pageRecords are the pages of raw WikiText.
func pageRecords(path string) (records []Record, err error) {
	data, err := readFile(path)
	for _, page := range pages(string(data)) {
		records = append(records, Record{"page": page})
	}
	return records, err
}

// blanks is Python's \s.
const blanks = `[\s\v\x1c-\x1f\x{85}\pZ]`

var betweenWords = regexp.MustCompile(blanks + `+`)

// NewDocument is a text with the words and bytes of its source.
func NewDocument(text, source string) Document {
	return Document{text, len(betweenWords.FindAllStringIndex(source, -1)) + 1, len(source)}
}

// pages cuts WikiText where a line is a title of the first level; pages of only blanks are left out.
func pages(text string) (pages []string) {
	var page []string
	end := func() {
		if p := strings.Join(page, "\n"); strings.TrimSpace(p) != "" {
			pages = append(pages, p)
		}
		page = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if isTitle(line) {
			end()
		}
		page = append(page, line)
	}
	end()
	return pages
}

// isTitle tells " = Title = " from " = = Section = = ".
func isTitle(line string) bool {
	line = strings.TrimSpace(strings.NewReplacer("= = =", "===").Replace(line))
	line = strings.ReplaceAll(line, "= =", "==")
	return strings.HasPrefix(line, "= ") && strings.HasSuffix(line, " =")
}

// rule replaces what a pattern finds.
type rule struct {
	find *regexp.Regexp
	by   string
}

// detokenising undoes the tokenisation of WikiText, in this order.
var detokenising = []rule{
	swap("s '", "s'"), {regexp.MustCompile(`/' [0-9]/`), "/'[0-9]/"},
	swap(" @-@ ", "-"), swap(" @,@ ", ","), swap(" @.@ ", "."),
	swap(" : ", ": "), swap(" ; ", "; "), swap(" . ", ". "), swap(" ! ", "! "), swap(" ? ", "? "), swap(" , ", ", "),
	inside("(", ")"), inside("[", "]"), inside("{", "}"), inside(`"`, `"`), inside("'", "'"),
	swap("= = = =", "===="), swap("= = =", "==="), swap("= =", "=="),
	swap(" ° ", "°"), swap(" \n", "\n"), swap("\n ", "\n"), swap(" N ", " 1 "), swap(" 's", "'s"),
}

// swap replaces one string by another.
func swap(find, by string) rule { return rule{regexp.MustCompile(regexp.QuoteMeta(find)), by} }

// inside drops the blanks that a pair of marks has inside.
func inside(left, right string) rule {
	l, r := regexp.QuoteMeta(left), regexp.QuoteMeta(right)
	return rule{regexp.MustCompile(l + blanks + `*([^` + r + `]*?)` + blanks + `*` + r), left + "${1}" + right}
}

// Detokenise gives a page of WikiText as lm-evaluation-harness reads it.
func Detokenise(page string) string {
	for _, r := range detokenising {
		page = r.find.ReplaceAllString(page, r.by)
	}
	return page
}
