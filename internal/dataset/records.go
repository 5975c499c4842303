package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// Record is what a record holds by the names of its fields: strings, int64, float64, bool, nil,
// lists ([]any) and objects (map[string]any).
type Record = map[string]any

// recordReaders are the file formats of records by extension.
var recordReaders = map[string]func(path string) ([]Record, error){
	".jsonl":   lineRecords,
	".json":    arrayRecords,
	".parquet": parquetRecords,
	".raw":     pageRecords,
}

// ReadRecords reads the records of a file by its extension: .jsonl (one a line; blank lines are
// passed over), .json (an array of them), .parquet (one a row), .raw (WikiText: "page" is one of its
// pages). A file without records is an error.
func ReadRecords(path string) ([]Record, error) {
	read, ok := recordReaders[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return nil, fmt.Errorf("%s: unknown kind of file for records: want .jsonl, .json, .parquet or .raw", path)
	}
	records, err := read(path)
	if err == nil && len(records) == 0 {
		err = fmt.Errorf("%s: no records in it; download it again", path)
	}
	return records, err
}

func lineRecords(path string) ([]Record, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var records []Record
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, err := record(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: want a record, {...}: %w", path, n, err)
		}
		records = append(records, r)
	}
	return records, nil
}

func arrayRecords(path string) ([]Record, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("%s: want a JSON array of records (one record a line: call it .jsonl): %w", path, err)
	}
	records := make([]Record, len(raw))
	for i, r := range raw {
		if records[i], err = record(r); err != nil {
			return nil, fmt.Errorf("%s: record %d: want {...}: %w", path, i, err)
		}
	}
	return records, nil
}

// record reads one JSON object; whole numbers become int64, so that they print as they stand.
func record(data []byte) (Record, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var r Record
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("it is null")
	}
	return withNumbers(r).(Record), nil
}

// withNumbers replaces the JSON numbers in v, in place where v is a list or an object.
func withNumbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	case []any:
		for i := range x {
			x[i] = withNumbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = withNumbers(x[k])
		}
	}
	return v
}
