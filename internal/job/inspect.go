package job

import (
	"moreau/internal/load"
	"moreau/internal/model"
	"moreau/internal/tensor"
	"moreau/internal/tokenizer"
	"moreau/internal/transformer"
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
	r := Inspection{Path: m.Path, Format: m.Format, Config: c, Bare: m.Bare, EvalBytes: EvalBytes(c, 16, 128)}
	inUse := transformer.PassBytes(c, 10, 128, transformer.LayerWeights)
	for _, p := range c.Params() {
		if p.Prunable() {
			inUse += int64(8 * p.Len())
		}
	}
	r.ScoringBytes = resident(inUse)
	r.Bytes, r.DTypes = stored(m)
	r.Vocab, r.VocabErr = m.Vocab()
	return r, nil
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
