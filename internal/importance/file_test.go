package importance

import (
	"reflect"
	"strings"
	"testing"

	"moreau/internal/goldentest"
	"moreau/internal/model"
)

// twoLayers has two KV groups of one query head and three channels a layer.
func twoLayers(t *testing.T) *model.Config {
	t.Helper()
	return goldentest.Open(t, "llama_mha").Config.WithLayers([]model.Layer{{Heads: 2, KVHeads: 2, Intermediate: 3}, {Heads: 2, KVHeads: 2, Intermediate: 3}})
}

// scoresText is a scores.json with every key, as docs/formats/scores.md lists them.
const scoresText = `{"format":"moreau-scores","version":1,"manifest":{` +
	`"program":"moreau 1","command":"moreau score m","model":"m","weights_sha256":"ab","dropped_layers":[2],"method":"moreau","salience":"element1","seed":7,` +
	`"layers":"0..0","attention_unit":"query-head","backend":"cpu/generic",` +
	`"envelope":{"steps":10,"avg":5,"std":0.05,"absolute_noise":true,"lr":0.0002,"rho":0.2,"eta":0.000005,"state":"bf16"},` +
	`"calibration":{"source":"c.jsonl","rows":4,"seq_len":128,"fresh_rows":true,"ids_sha256":"cd"},` +
	`"trace":[{"pass":1,"loss":2.5},{"pass":2,"loss":2.25}]},` +
	`"layers":[{"heads":[1,0.1],"mlp":[0,1e-9,3]},{"heads":null,"mlp":null}]}`

// The text of a scores file: other programs read and write it.
func TestScoresText(t *testing.T) {
	cfg := twoLayers(t)
	s := Scores{cfg.Dim(0, model.Heads): {1, 0.1}, cfg.Dim(0, model.MLP): {0, 1e-9, 3}}
	m := Manifest{Program: "moreau 1", Command: "moreau score m", Model: "m", Weights: "ab", Dropped: []int{2}, Method: "moreau", Salience: "element1", Seed: 7,
		Layers: "0..0", Unit: "query-head", Backend: "cpu/generic",
		Envelope:    &Envelope{Steps: 10, Avg: 5, Std: 0.05, Absolute: true, LR: 2e-4, Rho: 0.2, Eta: 5e-6, State: "bf16"},
		Calibration: &CalibInfo{Source: "c.jsonl", Rows: 4, SeqLen: 128, Fresh: true, SHA256: "cd"},
		Trace:       []TraceStep{{1, 2.5}, {2, 2.25}}}
	text, err := Encode(cfg, s, m)
	if err != nil || string(text) != scoresText {
		t.Errorf("%v\n%s, want\n%s", err, text, scoresText)
	}
	back, manifest, err := Decode([]byte(scoresText), cfg)
	if err != nil || !reflect.DeepEqual(back, s) || !reflect.DeepEqual(manifest, m) {
		t.Errorf("%v, %v, %+v", err, back, manifest)
	}
	if text, err := Encode(cfg, nil, Manifest{Model: "m", Method: "random", Layers: "0..1", Backend: "b"}); err != nil ||
		string(text) != `{"format":"moreau-scores","version":1,"manifest":{"model":"m","method":"random","seed":0,"layers":"0..1","backend":"b"},`+
			`"layers":[{"heads":null,"mlp":null},{"heads":null,"mlp":null}]}` {
		t.Errorf("%v, %s", err, text)
	}
}

// Only the format, its version and the layers are needed; each of them wrong is refused.
func TestScoresRefused(t *testing.T) {
	cfg := twoLayers(t)
	const least = `{"format": "moreau-scores", "version": 1, "layers": [{"heads": [1, 2], "mlp": [1, 2, 3]}, {}]}`
	if s, _, err := Decode([]byte(least), cfg); err != nil || len(s) != 2 {
		t.Errorf("the least: %v, %v", s, err)
	}
	for change, want := range map[[2]string]string{
		{`moreau-scores`, `moreau-plan`}: `format "moreau-plan"`,
		{`[1, 2, 3]`, `[1, null, 3]`}:    `the score of unit 1 is null`,
		{`"version": 1`, `"version": 2`}: `version 2`,
		{`"version": 1`, `"version": 0`}: `version 0`,
		{`[1, 2, 3]`, `[1, 2]`}:          `2 scores for layers.0.mlp, the model has 3`,
		{`[1, 2]`, `[1, 2, 4]`}:          `3 scores for layers.0.heads, the model has 2`,
		{`, {}]`, `]`}:                   `1 layers, the model has 2`,
		{`, {}]`, `, {}, {}]`}:           `3 layers, the model has 2`,
		{`[1, 2, 3]`, `[]`}:              `0 scores for layers.0.mlp`,
		{`[1, 2]`, `["a"]`}:              `not a scores file`,
		{least, `[]`}:                    `not a scores file`,
	} {
		if _, _, err := Decode([]byte(strings.Replace(least, change[0], change[1], 1)), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change[1], err, want)
		}
	}
}
