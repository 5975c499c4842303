package task

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"moreau/internal/dataset"
)

// Read is what Task.Read found.
type Read struct {
	Files     []string // with their folder
	SHA256    string   // of the files' bytes, one after the other
	Records   int      // in all
	Examples  []Example
	Documents []dataset.Document // instead, of a task that reads texts whole
}

// Read makes questions or documents of the first limit records in dir, of all where limit is 0. An error
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
		if err := r.add(d.Prompt, record, t.Whole()); err != nil {
			return nil, fmt.Errorf("%s: record %d: %w %s: %w", files[0], i, ErrTask, t.Name, err)
		}
	}
	return r, nil
}

// add adds the question or document of the next record.
func (r *Read) add(p Prompt, record dataset.Record, whole bool) error {
	if whole {
		d, err := p.document(record)
		r.Documents = append(r.Documents, d)
		return err
	}
	e, err := p.example(record)
	e.Index = len(r.Examples)
	r.Examples = append(r.Examples, e)
	return err
}

// find is the first form of the data that is in dir, and its files.
func (t *Task) find(dir string) (*Data, []string, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil, fmt.Errorf("%s: no such folder; --data names the folder of the tasks' records: %w", dir, fs.ErrNotExist)
	}
	for i := range t.Data {
		if files := t.Data[i].files(dir, t.Split); files != nil {
			return &t.Data[i], files, t.whole(&t.Data[i], files, dir)
		}
	}
	return nil, nil, t.missing(dir)
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
