package tune

import (
	"encoding/gob"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"moreau/internal/output"
)

// Journal keeps what is learnt so far in a file, from which the same tuning goes on, to the same bits.
type Journal struct {
	Path  string        // in a folder that need not be there
	Key   string        // of the tuning; what another left counts for nothing
	Every time.Duration // least time between saves, but for the one when a tuning is interrupted

	saved time.Time
}

// kept is the file: a gob.
type kept struct {
	Format, Key string
	Step        int // that were taken
	KL          float64
	Learnt      map[string][3][]float64 // of each projection's gates logarithm, Adam's mean and mean square
}

const keptFormat = "moreau-tune 1"

// restore brings back what is kept, if it is of these gates, and says after how many steps, and at what divergence, it was.
func (j *Journal) restore(g *gates) (step int, kl float64) {
	if j == nil {
		return 0, 0
	}
	j.saved = time.Now()
	f, err := os.Open(j.Path)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	var k kept
	if err := gob.NewDecoder(f).Decode(&k); err != nil || k.Format != keptFormat || k.Key != j.Key || !k.fits(g) {
		return 0, 0
	}
	for name, m := range g.learnt {
		m.log, m.mean, m.square = k.Learnt[name][0], k.Learnt[name][1], k.Learnt[name][2]
		for i, v := range m.log {
			g.factors[name][i] = float32(math.Exp(v))
		}
	}
	return k.Step, k.KL
}

func (k *kept) fits(g *gates) bool {
	for name, m := range g.learnt {
		for _, v := range k.Learnt[name] {
			if len(v) != len(m.log) {
				return false
			}
		}
	}
	return len(k.Learnt) == len(g.learnt)
}

// keep saves if it is time to, or must be.
func (j *Journal) keep(g *gates, step int, kl float64, must bool) error {
	if j == nil || !must && time.Since(j.saved) < j.Every {
		return nil
	}
	j.saved = time.Now()
	k := kept{keptFormat, j.Key, step, kl, map[string][3][]float64{}}
	for name, m := range g.learnt {
		k.Learnt[name] = [3][]float64{m.log, m.mean, m.square}
	}
	if err := os.MkdirAll(filepath.Dir(j.Path), 0o777); err != nil {
		return &output.Error{Path: j.Path, Err: err}
	}
	return output.File(j.Path, true, func(w io.Writer) error { return gob.NewEncoder(w).Encode(k) })
}
