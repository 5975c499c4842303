package lora

import (
	"encoding/gob"
	"io"
	"os"
	"path/filepath"
	"time"

	"moreau/internal/backend"
	"moreau/internal/output"
)

// Journal keeps what is learnt so far in a file, from which the same recovery goes on, to the same bits.
type Journal struct {
	Path  string        // in a folder that need not be there
	Key   string        // of the recovery; what another left counts for nothing
	Every time.Duration // least time between saves, but for the one when it is interrupted

	saved time.Time
}

// kept is the file: a gob.
type kept struct {
	Format, Key string
	Result      Result
	Values      [][3][]float32 // of every A and B, in the model's order: values, Adam's mean and mean square
}

const keptFormat = "moreau-recover 1"

// restore brings back what is kept, if it is of these adapters, and says how far it was.
func (j *Journal) restore(d *adapters) *Result {
	if j == nil {
		return &Result{}
	}
	j.saved = time.Now()
	f, err := os.Open(j.Path)
	if err != nil {
		return &Result{}
	}
	defer f.Close()
	var k kept
	if err := gob.NewDecoder(f).Decode(&k); err != nil || k.Format != keptFormat || k.Key != j.Key || !k.fits(d) {
		return &Result{}
	}
	i := 0
	for v := range d.each() {
		for n, b := range v.state() {
			upload(d.be, b, k.Values[i][n])
		}
		i++
	}
	return &k.Result
}

// state is all that a step goes on from.
func (v values) state() [3]backend.Buffer { return [3]backend.Buffer{v.w, v.mean, v.square} }

func (k *kept) fits(d *adapters) bool {
	i := 0
	for v := range d.each() {
		if i == len(k.Values) {
			return false
		}
		for n, b := range v.state() {
			if len(k.Values[i][n]) != b.Len() {
				return false
			}
		}
		i++
	}
	return i == len(k.Values)
}

// keep saves if it is time to, or must be.
func (j *Journal) keep(d *adapters, now *Result, must bool) error {
	if j == nil || !must && time.Since(j.saved) < j.Every {
		return nil
	}
	j.saved = time.Now()
	k := kept{Format: keptFormat, Key: j.Key, Result: *now}
	for v := range d.each() {
		var state [3][]float32
		for n, b := range v.state() {
			state[n] = download(d.be, b)
		}
		k.Values = append(k.Values, state)
	}
	if err := os.MkdirAll(filepath.Dir(j.Path), 0o777); err != nil {
		return &output.Error{Path: j.Path, Err: err}
	}
	return output.File(j.Path, true, func(w io.Writer) error { return gob.NewEncoder(w).Encode(k) })
}
