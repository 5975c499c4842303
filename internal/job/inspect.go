package job

import (
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/tokenizer"
)

// Inspection is what can be said of a model without reading its weights.
type Inspection struct {
	Path         string
	Format       load.Format
	Config       *model.Config
	Bare         bool // no weights are there: Bytes and DTypes are what config.json promises
	Bytes        int64
	DTypes       map[string]int64 // parameters of each type
	Vocab        *tokenizer.Vocab // nil: VocabErr says why
	VocabErr     error
	ScoringBytes int64 // resident, of moreau on 10 x 128 tokens
	EvalBytes    int64 // resident
}

// Inspect looks at a model; a folder may hold config.json alone.
func Inspect(path string) (Inspection, error) {
	m, err := load.OpenSizes(path)
	if err != nil {
		return Inspection{}, err
	}
	defer m.Close()
	c := m.Config
	r := Inspection{Path: m.Path, Format: m.Format, Config: c, Bare: m.Bare, EvalBytes: EvalBytes(m, 16, 128)}
	if r.ScoringBytes, err = scoringBytes(m, 10, 128); err != nil {
		return Inspection{}, err
	}
	r.Bytes, r.DTypes = stored(m)
	r.Vocab, r.VocabErr = m.Vocab()
	return r, nil
}

// scoringBytes is the resident memory of moreau on so many rows and tokens.
func scoringBytes(m *load.Model, rows, seq int) (int64, error) {
	o := DefaultScoring()
	o.Method = "moreau"
	method, err := o.method()
	if err != nil {
		return 0, err
	}
	return resident(m.Config, method.Bytes(m.Config, m.Weights, o.importance(m.Config.AllLayers()), rows, seq, 0, nil)), nil
}

// stored counts the bytes and types of what the configuration knows.
func stored(m *load.Model) (bytes int64, dtypes map[string]int64) {
	known := map[string]bool{}
	for _, p := range m.Config.Params() {
		known[p.Name] = true
	}
	dtypes = map[string]int64{}
	for _, t := range m.Weights.Tensors() {
		if n, err := t.DType.Bytes(t.Shape); err == nil && known[t.Name] {
			bytes += int64(n)
			dtypes[t.DType.String()] += int64(tensor.Count(t.Shape))
		}
	}
	return bytes, dtypes
}

func weightBytes(m *load.Model) int64 {
	bytes, _ := stored(m)
	return bytes
}
