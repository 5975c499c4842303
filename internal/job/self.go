package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"moreau/internal/backend"
	"moreau/internal/dataset"
	"moreau/internal/generate"
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/output"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
)

// selfSource is the source of rows that the dense model itself writes.
const selfSource = "self"

// selfRows are the rows of a calibration that the dense model is to write.
type selfRows struct {
	generate.RowOptions
	at     []int // which rows of the calibration they are
	hidden bool  // their first token is not part of them
}

// newSelfRows says how rows of seqLen tokens begin: with BOS, which is part of them where bos says so,
// else with EOS, which in training stood between texts, else with a random token.
func newSelfRows(cfg *model.Config, tok tokenizer.Tokenizer, bos bool, seqLen int, seed uint64) *selfRows {
	s := &selfRows{RowOptions: generate.RowOptions{Tokens: seqLen, First: generate.Random, Seed: seed}}
	if tok != nil {
		if first, err := prefix(tok); err == nil {
			s.First = first
		}
	}
	if s.hidden = s.First != generate.Random && !bos; s.hidden {
		s.Tokens++
	}
	const most = 256 << 20 // bytes of keys and values, in float32
	s.Group = int(min(64, max(16, most/(2*cfg.KVBytes()*int64(s.Tokens))/16*16)))
	return s
}

// blank are rows until they are written.
func blank(rows, seqLen int) dataset.Rows {
	all := make(dataset.Rows, rows)
	for i := range all {
		all[i] = make([]int32, seqLen)
	}
	return all
}

// draw lets the dense model write the rows that it is to give, which completes what the manifest says
// of them. What is written is kept in a file until removed, if path is not "": the same rows, or
// more, go on from there.
func (c *calibration) draw(ctx context.Context, be backend.Backend, dense *load.Model, path string, progress Progress) error {
	if c.self == nil {
		return nil
	}
	rows, err := c.self.write(ctx, be, dense, path, progress)
	if err != nil {
		return Blame(dense, err)
	}
	for i, at := range c.self.at {
		if c.rows[at] = rows[i]; c.self.hidden {
			c.rows[at] = rows[i][1:]
		}
	}
	c.info.SHA256 = hashRows(c.rows)
	return nil
}

// write gives all rows, those that are kept and those that are not yet.
func (s *selfRows) write(ctx context.Context, be backend.Backend, m *load.Model, path string, progress Progress) (dataset.Rows, error) {
	kept := selfFile{Format: selfFormat, Key: s.key(be, m)}
	kept.read(path)
	need, known := len(s.at), len(kept.Rows)
	if known >= need {
		return kept.Rows, nil
	}
	w := transformer.NewCompact(be, m.Weights)
	defer be.Trim()
	defer w.Free()
	steps := s.steps(need - known)
	progress.Begin(Drawing, "", steps)
	var done int64
	err := generate.Rows(ctx, transformer.New(be, m.Config), w, known, need, s.RowOptions, func() { done++; progress.At(done) }, func(rows [][]int32) error {
		kept.Rows = append(kept.Rows, rows...)
		return kept.write(path)
	})
	if err == nil {
		progress.End(math.NaN())
	}
	return kept.Rows, err
}

// steps is how many tokens groups of rows take in turn.
func (s *selfRows) steps(rows int) int64 {
	return int64((rows+s.Group-1)/s.Group) * int64(s.Tokens-1)
}

// bytes estimates the memory of drawing the rows, 0 of none.
func (s *selfRows) bytes(m *load.Model) int64 {
	if s == nil {
		return 0
	}
	return generate.RowBytes(m.Config, m.Weights, s.RowOptions)
}

// key identifies the rows: another model, kernels, seed or length make others.
func (s *selfRows) key(be backend.Backend, m *load.Model) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d %d %d", identity(m), be.Name(), s.Tokens, s.First, s.Seed))
	return hex.EncodeToString(sum[:])
}

// selfStore is where rows that a model wrote are until the run is done.
func selfStore(out string) string {
	return filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".moreau-self")
}

// selfFile is what such a file holds.
type selfFile struct {
	Format string       `json:"format"`
	Key    string       `json:"key"`
	Rows   dataset.Rows `json:"rows"` // with their first token
}

const selfFormat = "moreau-self 1"

// read takes the rows of a file that has them of the same key.
func (f *selfFile) read(path string) {
	var there selfFile
	data, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(data, &there) == nil && there.Format == f.Format && there.Key == f.Key {
		f.Rows = there.Rows
	}
}

func (f *selfFile) write(path string) error {
	if path == "" {
		return nil
	}
	return output.File(path, true, func(w io.Writer) error { return json.NewEncoder(w).Encode(f) })
}

// SelfPlan says how much text the model will write of its own for calibration.
type SelfPlan struct {
	Rows, SeqLen int
	Seconds      Seconds

	rows *selfRows
}

// planSelf is the most that scores, a refit or a tuning take of the model's own text, nil for none; what
// one has drawn, the other need not draw again.
func (j *Prune) planSelf() (p *SelfPlan) {
	var all []*calibration
	if j.scoring != nil && j.scoring.calib != nil {
		all = append(all, j.scoring.calib)
	}
	if j.refit != nil {
		all = append(all, j.refit.calib)
	}
	if j.tuning != nil {
		all = append(all, j.tuning.calib)
	}
	for _, c := range all {
		if c.self != nil && (p == nil || len(c.self.at) > p.Rows) {
			p = &SelfPlan{Rows: len(c.self.at), SeqLen: c.info.SeqLen, rows: c.self}
		}
	}
	return p
}

// work is what drawing takes: every step of a group reads all weights.
func (p *SelfPlan) work(cfg *model.Config) (w work) {
	if p != nil {
		for n := p.Rows; n > 0; n -= p.rows.Group {
			w.addPass(cfg, min(n, p.rows.Group), transformer.NoGradients, p.rows.Tokens-1)
		}
	}
	return w
}
