package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// readParquet reads the column "text".
func readParquet(path string) (docs []string, err error) {
	err = openParquet(path, func(p *parquet.File) error {
		leaf, ok := p.Schema().Lookup("text")
		if !ok || leaf.Node.Type().Kind() != parquet.ByteArray {
			return fmt.Errorf("no column \"text\" of strings (columns: %.200q)", p.Schema().Columns())
		}
		size := 0
		for _, group := range p.RowGroups() {
			if docs, err = readColumn(group.ColumnChunks()[leaf.ColumnIndex], docs, &size); err != nil {
				return fmt.Errorf("column \"text\": %w", err)
			}
		}
		return nil
	})
	return docs, err
}

// openParquet opens a file for read; errors name it. The library panics on some corrupt files;
// that becomes an error too.
func openParquet(path string, read func(p *parquet.File) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: corrupt Parquet file; download it again", path)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := checkFooter(f, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	p, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("%s: corrupt Parquet file: %w; download it again", path, err)
	}
	if err := read(p); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// checkFooter compares the length of the footer with that of the file before the library
// allocates as much: a Parquet file ends in the footer, its length in 4 bytes, and "PAR1".
func checkFooter(f io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return fmt.Errorf("corrupt Parquet file of %d bytes; download it again", size)
	}
	if _, err := f.ReadAt(end[:], size-8); err != nil {
		return err
	}
	if footer := int64(binary.LittleEndian.Uint32(end[:4])); footer > size-12 {
		return fmt.Errorf("corrupt Parquet file: a footer of %d bytes in a file of %d; download it again", footer, size)
	}
	return nil
}

// readColumn appends the values of a column chunk; size counts the bytes of all of them.
func readColumn(chunk parquet.ColumnChunk, docs []string, size *int) ([]string, error) {
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		docs, err = readPage(page, docs, size)
		parquet.Release(page)
		if err != nil {
			return nil, err
		}
	}
}

func readPage(page parquet.Page, docs []string, size *int) ([]string, error) {
	values := make([]parquet.Value, 256)
	from := page.Values()
	for {
		n, err := from.ReadValues(values)
		for _, v := range values[:n] {
			if *size += len(v.ByteArray()); *size > maxFile {
				return nil, fmt.Errorf("more than %d bytes of text: take a part of it", maxFile)
			}
			docs = append(docs, string(v.ByteArray()))
		}
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
