package task

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Read is what Task.Read found.
type Read struct {
	Files    []string // with their folder
	SHA256   string   // of the files' bytes, one after the other
	Records  int      // in all
	Examples []Example
}

// Read makes questions of the first limit records in dir, of all where limit is 0. An error
// names the record; where no form of the data is in dir it says what to fetch and where it goes.
func (t *Task) Read(dir string, limit int) (*Read, error) {
	d, files, err := t.find(dir)
	if err != nil {
		return nil, err
	}
	records, err := d.records(files)
	if err != nil {
		return nil, err
	}
	r := &Read{Files: files, Records: len(records)}
	if r.SHA256, err = hash(files); err != nil {
		return nil, err
	}
	if limit > 0 && limit < len(records) {
		records = records[:limit]
	}
	for i, record := range records {
		e, err := d.example(record)
		if err != nil {
			return nil, fmt.Errorf("%s: record %d: %w %s: %w", files[0], i, ErrTask, t.Name, err)
		}
		e.Index = i
		r.Examples = append(r.Examples, e)
	}
	return r, nil
}

// find is the first form of the data that is in dir, and its files.
func (t *Task) find(dir string) (*Data, []string, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil, fmt.Errorf("%s: no such folder; --data names the folder of the tasks' records: %w", dir, fs.ErrNotExist)
	}
	for i := range t.Data {
		if files := t.Data[i].files(dir, t.Split); files != nil {
			return &t.Data[i], files, nil
		}
	}
	return nil, nil, t.missing(dir)
}

// missing says what to fetch and where it goes.
func (t *Task) missing(dir string) error {
	d := t.Data[0]
	place := filepath.Join(dir, filepath.FromSlash(cmp.Or(d.File, d.Dataset)))
	if d.File != "" {
		return fmt.Errorf("%w %s: there is no %s; put the file there: %w", ErrTask, t.Name, place, fs.ErrNotExist)
	}
	for _, d := range t.Data {
		other := filepath.Join(dir, filepath.FromSlash(d.Dataset))
		if _, err := os.Stat(other); err == nil && d.Dataset != "" {
			return fmt.Errorf("%w %s: %s has no file of the split %q; fetch it, such as %s: %w", ErrTask, t.Name, other, t.Split, d.usual(t.Split), fs.ErrNotExist)
		}
	}
	return fmt.Errorf("%w %s: no records in %s; fetch the data set %s from the hub, of it %s, into %s: %w", ErrTask, t.Name, dir, d.Dataset, d.usual(t.Split), place, fs.ErrNotExist)
}

// hash is the SHA-256 of files, one after the other.
func hash(files []string) (string, error) {
	sum := sha256.New()
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
