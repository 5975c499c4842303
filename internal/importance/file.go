package importance

import (
	"encoding/json"
	"errors"
	"fmt"

	"moreau/internal/dataset"
	"moreau/internal/model"
)

// Manifest says how scores came about: with the same program, inputs and CPU
// path it gives the same scores.
type Manifest struct {
	Program     string      `json:"program,omitempty"` // and its version
	Command     string      `json:"command,omitempty"`
	Model       string      `json:"model"`
	Weights     string      `json:"weights_sha256,omitempty"` // checkpoint.Hash of the model; "": not known
	Dropped     []int       `json:"dropped_layers,omitempty"` // of the model, which was scored without them
	Method      string      `json:"method"`
	Salience    string      `json:"salience,omitempty"`
	Seed        uint64      `json:"seed"`
	Layers      string      `json:"layers"`
	Unit        string      `json:"attention_unit,omitempty"` // "query-head"; "": KV groups
	Backend     string      `json:"backend"`
	Envelope    *Envelope   `json:"envelope,omitempty"`
	Calibration *CalibInfo  `json:"calibration,omitempty"`
	Trace       []TraceStep `json:"trace,omitempty"`
}

// Envelope are the settings of the envelope iteration.
type Envelope struct {
	Steps    int     `json:"steps"`
	Avg      int     `json:"avg"`
	Std      float64 `json:"std"`
	Absolute bool    `json:"absolute_noise"`
	LR       float64 `json:"lr"`
	Rho      float64 `json:"rho"`
	Eta      float64 `json:"eta"`
	State    string  `json:"state,omitempty"` // type of delta and its mean between uses; "": float32
}

// CalibInfo says which tokens were seen.
type CalibInfo struct {
	Source string      `json:"source"` // of ids, or of text: files and weights, as dataset.ParseMix reads them
	Rows   int         `json:"rows"`
	SeqLen int         `json:"seq_len"`
	Fresh  bool        `json:"fresh_rows"`
	BOS    bool        `json:"bos,omitempty"` // it was put before each row
	SHA256 string      `json:"ids_sha256"`
	Mix    dataset.Mix `json:"mix,omitempty"` // of text: these
}

// TraceStep is the loss a pass saw.
type TraceStep struct {
	Pass int     `json:"pass"`
	Loss float64 `json:"loss"`
}

// file is scores.json (docs/formats/scores.md).
type file struct {
	Format   string       `json:"format"`
	Version  int          `json:"version"`
	Manifest Manifest     `json:"manifest"`
	Layers   []layerEntry `json:"layers"`
}

type layerEntry struct {
	Heads      unitScores `json:"heads"`                 // null: not scored
	QueryHeads unitScores `json:"query_heads,omitempty"` // instead of heads, where they are the units
	MLP        unitScores `json:"mlp"`
	Whole      unitScores `json:"whole,omitempty"` // one number: the layer as a whole
}

// unitScores is a number a unit; null in its place would be read as 0, the least score.
type unitScores []float64

func (u *unitScores) UnmarshalJSON(data []byte) error {
	var all []*float64
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	if all != nil {
		*u = make(unitScores, 0, len(all))
	}
	for i, x := range all {
		if x == nil {
			return fmt.Errorf("the score of unit %d is null, want a number", i)
		}
		*u = append(*u, *x)
	}
	return nil
}

const formatName = "moreau-scores"

// Encode is scores.json: for each layer and kind one number per unit.
func Encode(cfg *model.Config, s Scores, m Manifest) ([]byte, error) {
	f := file{Format: formatName, Version: 1, Manifest: m}
	for l := range cfg.Layers {
		f.Layers = append(f.Layers, layerEntry{s[cfg.Dim(l, model.Heads)], s[cfg.Dim(l, model.QueryHeads)], s[cfg.Dim(l, model.MLP)], s[cfg.Dim(l, model.Whole)]})
	}
	return json.Marshal(f)
}

// Decode reads scores.json and checks it against the model's sizes.
func Decode(data []byte, cfg *model.Config) (Scores, Manifest, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, Manifest{}, fmt.Errorf("not a scores file; make one with moreau score: %w", err)
	}
	if f.Format != formatName || f.Version != 1 {
		return nil, Manifest{}, fmt.Errorf("not a scores file; make one with moreau score: format %q version %d, want %q version 1", f.Format, f.Version, formatName)
	}
	if len(f.Layers) != len(cfg.Layers) {
		return nil, Manifest{}, fmt.Errorf("scores of another model: %d layers, the model has %d; score this one", len(f.Layers), len(cfg.Layers))
	}
	if err := f.checkUnit(cfg); err != nil {
		return nil, Manifest{}, err
	}
	s := Scores{}
	for l, e := range f.Layers {
		entries := map[model.Kind]unitScores{model.Heads: e.Heads, model.QueryHeads: e.QueryHeads, model.MLP: e.MLP, model.Whole: e.Whole}
		for _, k := range append(cfg.Kinds(), model.Whole) {
			d, units := cfg.Dim(l, k), entries[k]
			if units == nil {
				continue
			}
			if len(units) != d.Units {
				return nil, Manifest{}, fmt.Errorf("scores of another model: %d scores for %s, the model has %d units; score this one", len(units), d, d.Units)
			}
			s[d] = units
		}
	}
	return s, f.Manifest, nil
}

// checkUnit refuses scores of attention that are of other units than cfg is cut by.
func (f file) checkUnit(cfg *model.Config) error {
	heads, queryHeads := false, false
	for _, e := range f.Layers {
		heads, queryHeads = heads || e.Heads != nil, queryHeads || e.QueryHeads != nil
	}
	switch {
	case cfg.QueryHeads && heads && !queryHeads:
		return errors.New("scores of KV groups; score with --attention-unit query-head, or prune without it")
	case !cfg.QueryHeads && queryHeads && !heads:
		return errors.New("scores of query heads; prune with --units query-heads, or score without it")
	}
	return nil
}
