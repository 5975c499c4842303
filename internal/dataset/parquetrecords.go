package dataset

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// parquetRecords reads the rows of a file.
func parquetRecords(path string) (records []Record, err error) {
	err = openParquet(path, func(p *parquet.File) error {
		if p.Size() > maxFile {
			return fmt.Errorf("%d bytes, at most %d are read: take a part of it", p.Size(), maxFile)
		}
		rows := parquet.NewReader(p)
		defer rows.Close()
		for {
			var r any
			err := rows.Read(&r)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("row %d: corrupt Parquet file: %w; download it again", len(records), err)
			}
			record, ok := plain(r).(Record)
			if !ok {
				return fmt.Errorf("row %d is no record", len(records))
			}
			records = append(records, record)
		}
	})
	return records, err
}

// plain gives a value of the library the types of a Record's fields.
func plain(v any) any {
	switch x := v.(type) {
	case int32:
		return int64(x)
	case float32:
		return float64(x)
	case []byte:
		return string(x)
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = plain(x[k])
		}
	}
	return v
}
