package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// readers are the file formats by extension.
var readers = map[string]func(path string) ([]string, error){
	".txt":     readPlain,
	".raw":     readPlain,
	".jsonl":   readLines,
	".json":    readArray,
	".parquet": readParquet,
}

// ReadText reads the documents of a file by its extension: .txt and .raw (the file is one
// document), .jsonl (a record a line), .json (an array of records), .parquet (the column "text").
// A record is a JSON object with "text", or with "instruction", "input" and "output", which are
// joined as in the Alpaca prompt. Blank documents are left out; an error when none is left.
func ReadText(path string) (docs []string, err error) {
	read, ok := readers[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return nil, fmt.Errorf("%s: unknown kind of text file: want .txt, .raw, .jsonl, .json or .parquet", path)
	}
	docs, err = read(path)
	if err != nil {
		return nil, err
	}
	docs = slices.DeleteFunc(docs, func(d string) bool { return strings.TrimSpace(d) == "" })
	if len(docs) == 0 {
		return nil, fmt.Errorf("%s: no text in it; give another file", path)
	}
	return docs, nil
}

func readPlain(path string) ([]string, error) {
	data, err := readFile(path)
	return []string{string(data)}, err
}

func readLines(path string) ([]string, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var docs []string
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		doc, err := document(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

func readArray(path string) ([]string, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var records []json.RawMessage
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, fmt.Errorf("%s: want a JSON array of records (one record a line: call it .jsonl): %w", path, err)
	}
	docs := make([]string, len(records))
	for i, r := range records {
		if docs[i], err = document(r); err != nil {
			return nil, fmt.Errorf("%s: record %d: %w", path, i, err)
		}
	}
	return docs, nil
}

// document gives the text of one JSON record.
func document(data []byte) (string, error) {
	var r struct {
		Text, Instruction *string
		Input, Output     string
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return "", fmt.Errorf("invalid record: %w", err)
	}
	switch {
	case r.Text != nil:
		return *r.Text, nil
	case r.Instruction != nil:
		return alpaca(*r.Instruction, r.Input, r.Output), nil
	}
	return "", fmt.Errorf(`neither a "text" nor an "instruction" field (fields here: %s)`, fieldNames(data))
}

func fieldNames(data []byte) string {
	var fields map[string]json.RawMessage
	json.Unmarshal(data, &fields)
	var names []string
	for name := range fields {
		names = append(names, fmt.Sprintf("%.40q", name))
	}
	slices.Sort(names)
	if len(names) > 10 {
		names = append(names[:10], "...")
	}
	return strings.Join(names, ", ")
}

// alpaca is the prompt of Stanford Alpaca (train.py), followed by the answer.
func alpaca(instruction, input, output string) string {
	if input == "" {
		return "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n" +
			"### Instruction:\n" + instruction + "\n\n### Response:\n" + output
	}
	return "Below is an instruction that describes a task, paired with an input that provides further context. " +
		"Write a response that appropriately completes the request.\n\n" +
		"### Instruction:\n" + instruction + "\n\n### Input:\n" + input + "\n\n### Response:\n" + output
}
