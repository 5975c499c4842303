package fuzztest

import (
	"archive/zip"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

// Corpus adds the inputs of testdata/NAME.zip, where NAME is the target's, as seeds:
// what earlier runs found to lead to new code. After a run,
//
//	zip -jq testdata/NAME.zip $(go env GOCACHE)/fuzz/moreau/internal/PACKAGE/NAME/*
//
// keeps what it found too. Entries have the form of Go's own corpus files.
func Corpus(f *testing.F) {
	f.Helper()
	r, err := zip.OpenReader("testdata/" + f.Name() + ".zip")
	if err != nil {
		f.Fatal(err)
	}
	defer r.Close()
	for _, entry := range r.File {
		data, err := input(entry)
		if err != nil {
			f.Fatalf("%s: %v", entry.Name, err)
		}
		f.Add(data)
	}
}

// input is the []byte of a corpus file.
func input(entry *zip.File) ([]byte, error) {
	file, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	literal, found := strings.CutPrefix(strings.TrimSpace(string(text)), "go test fuzz v1\n[]byte(")
	literal, closed := strings.CutSuffix(literal, ")")
	if !found || !closed {
		return nil, fmt.Errorf("no corpus file of one []byte")
	}
	data, err := strconv.Unquote(literal)
	return []byte(data), err
}
