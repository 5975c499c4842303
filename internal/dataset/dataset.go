// Package dataset makes token windows from text: calibration rows drawn at random, perplexity
// rows cut in order, from text files, JSON, Parquet, token ids as they are, or the built-in texts.
package dataset

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// Rows are token ids: one slice a row, of any lengths.
type Rows [][]int32

// Tokens gives the number of ids in all rows.
func (r Rows) Tokens() int {
	n := 0
	for _, row := range r {
		n += len(row)
	}
	return n
}

// Behind gives rows that begin with id and are one longer.
func (r Rows) Behind(id int) Rows {
	rows := make(Rows, len(r))
	for i, row := range r {
		rows[i] = append([]int32{int32(id)}, row...)
	}
	return rows
}

// Longest is the most ids of a row.
func (r Rows) Longest() (n int) {
	for _, ids := range r {
		n = max(n, len(ids))
	}
	return n
}

// Predicted gives the number of ids that have one before them in their row.
func (r Rows) Predicted() int {
	n := 0
	for _, row := range r {
		n += max(0, len(row)-1)
	}
	return n
}

// maxFile limits the files read whole, in bytes.
const maxFile = 1 << 30

// ReadIDs reads rows of token ids from JSON: [[1, 2, 3], [4, 5]]. Rows may differ in length;
// none may be empty. Errors name the file and the row.
func ReadIDs(path string) (Rows, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("%s: want rows of token ids as JSON, [[1, 2], [3]]: %w", path, err)
	}
	rows := make(Rows, len(raw))
	for i, r := range raw {
		var ids []int
		if err := json.Unmarshal(r, &ids); err != nil {
			return nil, fmt.Errorf("%s: row %d: want integer ids: %w", path, i, err)
		}
		for j, id := range ids {
			if id < 0 || id > math.MaxInt32 {
				return nil, fmt.Errorf("%s: %w", path, outside(i, j, id, math.MaxInt32+1))
			}
		}
		rows[i] = IDs(ids)
	}
	if err := Validate(rows, math.MaxInt32+1); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// Validate checks that there are rows, that none is empty, and that every id is in 0..vocab-1;
// errors name row and position, counted from 0.
func Validate(rows Rows, vocab int) error {
	if len(rows) == 0 {
		return fmt.Errorf("no rows of token ids")
	}
	for i, row := range rows {
		if len(row) == 0 {
			return fmt.Errorf("row %d is empty", i)
		}
		for j, id := range row {
			if id < 0 || int(id) >= vocab {
				return outside(i, j, int(id), vocab)
			}
		}
	}
	return nil
}

func outside(row, position, id, vocab int) error {
	return fmt.Errorf("row %d, position %d: token id %d is outside 0..%d: were the rows made with this model's tokenizer?", row, position, id, vocab-1)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: name a file in it", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read: take a part of it", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}
