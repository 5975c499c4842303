package main

import (
	"fmt"
	"strings"
	"time"

	"moreau/internal/backend"
	"moreau/internal/model"
	"moreau/internal/prune"
	"moreau/internal/transformer"
)

// planSummary is the printed plan; the JSON output of a dry run.
type planSummary struct {
	Model        string           `json:"model"`
	ParamsBefore int64            `json:"params_before"`
	ParamsAfter  int64            `json:"params_after"`
	KVBefore     int64            `json:"kv_cache_bytes_per_token_before"`
	KVAfter      int64            `json:"kv_cache_bytes_per_token_after"`
	BytesBefore  int64            `json:"bytes_before"` // of the output, were nothing cut; without one, of the weights at 16 bits
	BytesAfter   int64            `json:"bytes_after"`
	CutLayers    string           `json:"cut_layers"`
	Protected    []string         `json:"protected_layers"`
	Selection    prune.Selection  `json:"selection"`
	Uniform      bool             `json:"uniform"`
	Before       []layerBeforeCut `json:"layers"`
	Scoring      string           `json:"scoring"`
	RAMBytes     int64            `json:"estimated_ram_bytes,omitempty"`
	Seconds      float64          `json:"estimated_seconds,omitempty"`
	Output       string           `json:"output,omitempty"`
	OutputBytes  int64            `json:"output_bytes,omitempty"`
}

// layerBeforeCut is one layer's sizes, before and after.
type layerBeforeCut struct {
	Heads        [2]int `json:"heads"`
	KVHeads      [2]int `json:"kv_heads"`
	Intermediate [2]int `json:"intermediate_size"`
}

func cutSizes(cut *prune.Plan) []layerBeforeCut {
	var sizes []layerBeforeCut
	for l, b := range cut.Before.Layers {
		a := cut.After.Layers[l]
		sizes = append(sizes, layerBeforeCut{[2]int{b.Heads, a.Heads}, [2]int{b.KVHeads, a.KVHeads}, [2]int{b.Intermediate, a.Intermediate}})
	}
	return sizes
}

func (j *pruneJob) summary() (planSummary, error) {
	before, after := j.cut.Before, j.cut.After
	s := planSummary{Model: j.m.Path, ParamsBefore: before.ParamCount(), ParamsAfter: after.ParamCount(),
		KVBefore: before.KVBytes(), KVAfter: after.KVBytes(), CutLayers: j.budget.Layers.String(),
		Protected: protected(before, j.budget.Layers), Selection: j.budget.Selection, Uniform: j.Uniform, Scoring: j.describeScoring(), Before: cutSizes(j.cut)}
	if j.be != nil {
		s.RAMBytes, s.Seconds = j.estimate()
	}
	if j.out != nil {
		s.Output, s.OutputBytes = j.out.String(), j.out.Bytes
	}
	var err error
	s.BytesBefore, s.BytesAfter, err = j.bytes()
	return s, err
}

// protected lists the spans of layers outside the budget's range.
func protected(cfg *model.Config, r model.Range) []string {
	spans := []string{}
	if r.First > 0 {
		spans = append(spans, span(0, r.First-1))
	}
	if last := len(cfg.Layers) - 1; r.Last < last {
		spans = append(spans, span(r.Last+1, last))
	}
	return spans
}

func (j *pruneJob) describeScoring() string {
	switch {
	case j.Scores != "":
		return fmt.Sprintf("%s (by %s)", j.Scores, j.manifest.Method)
	case j.scoring == nil:
		return j.Method
	case j.scoring.calib == nil:
		return j.Method + ", no calibration"
	}
	c := j.scoring.calib
	return fmt.Sprintf("%s, %d passes over %d x %d tokens of %s", j.Method, j.scoring.passes(), c.per, c.info.SeqLen, c.info.Source)
}

// estimate is the resident memory and the time of the whole run; the time from
// a short measurement of this machine.
func (j *pruneJob) estimate() (bytes int64, secs float64) {
	cfg := j.m.Config
	var flops float64
	if j.scoring != nil {
		bytes, flops = j.scoring.bytes(cfg), j.scoring.flops(cfg)
	}
	for _, t := range j.texts {
		rows := len(t.rows)
		bytes = max(bytes, transformer.PassBytes(cfg, max(1, 2048/j.Seq), j.Seq, transformer.NoGradients))
		flops += transformer.PassFLOPs(cfg, rows*j.Seq, transformer.NoGradients) + transformer.PassFLOPs(j.cut.After, rows*j.Seq, transformer.NoGradients)
	}
	return resident(bytes), flops / measureFLOPs(j.be)
}

// resident is the memory of the process when so many bytes are in use: a fifth
// more for what is recycled or waits to be collected, and the program itself,
// its tokenizer and file buffers. SmolLM2 by moreau: 1.3 GiB said, 1.4 GiB seen.
func resident(bytes int64) int64 { return bytes + bytes/5 + 48<<20 }

// measureFLOPs is what one matrix product reaches, in operations a second.
func measureFLOPs(be backend.Backend) float64 {
	const n = 512
	a, b, c := be.New(n*n), be.New(n*n), be.New(n*n)
	defer func() { be.Free(a); be.Free(b); be.Free(c) }()
	be.LinearForward(c, a, b, n, n, n)
	start, runs := time.Now(), 0
	for ; time.Since(start) < 20*time.Millisecond; runs++ {
		be.LinearForward(c, a, b, n, n, n)
	}
	return float64(runs) * 2 * n * n * n / time.Since(start).Seconds()
}

func (j *pruneJob) printPlan() error {
	s, err := j.summary()
	if err != nil {
		return err
	}
	if j.JSON {
		return printJSON(j.stdout, s)
	}
	rows := []string{
		"model\t" + s.Model,
		fmt.Sprintf("parameters\t%s -> %s (%s)", count(s.ParamsBefore), count(s.ParamsAfter), percent(float64(s.ParamsBefore), float64(s.ParamsAfter))),
		fmt.Sprintf("KV cache\t%s -> %s a token at 16 bits", size(s.KVBefore), size(s.KVAfter)),
		sizeRow(s),
		"cut\tlayers " + s.CutLayers + protectedNote(s.Protected) + ", " + string(s.Selection) + " selection" + j.uniformNote(),
		"scores\t" + s.Scoring,
	}
	rows = append(rows, layerRows(s)...)
	if s.RAMBytes > 0 {
		rows = append(rows, fmt.Sprintf("estimate\t%s of RAM, %s", size(s.RAMBytes), seconds(time.Duration(s.Seconds*float64(time.Second)))))
	}
	if j.scoring != nil {
		if note := j.scoring.stateNote(j.m.Config); note != "" {
			rows = append(rows, "state\t"+note)
		}
	}
	if s.Output != "" {
		rows = append(rows, "output\t"+s.Output)
	}
	table(j.stdout, rows...)
	return nil
}

// sizeRow is the size of the files, or that of the weights while there are none.
func sizeRow(s planSummary) string {
	what, unit := "file size", "bytes"
	if s.Output == "" {
		what, unit = "weights", "bytes at 16 bits"
	}
	return fmt.Sprintf("%s\t%s -> %s %s (%s)", what, count(s.BytesBefore), count(s.BytesAfter), unit, percent(float64(s.BytesBefore), float64(s.BytesAfter)))
}

func protectedNote(spans []string) string {
	if len(spans) == 0 {
		return ""
	}
	return " (protected: " + strings.Join(spans, ", ") + ")"
}

func (o *budgetOptions) uniformNote() string {
	switch {
	case !o.Uniform:
		return ""
	case o.why == "":
		return ", all alike"
	}
	return ", all alike (" + o.why + ")"
}

// layerRows describes layers of equal sizes together.
func layerRows(s planSummary) []string {
	if s.Selection == prune.Global && !decided(s) {
		return []string{"layers\tsizes follow from the scores"}
	}
	var rows []string
	eachSpan(s.Before, func(layers string, l layerBeforeCut) {
		rows = append(rows, fmt.Sprintf("layers %s\t%s query heads, %s KV groups, %s channels", layers, arrow(l.Heads), arrow(l.KVHeads), arrow(l.Intermediate)))
	})
	return rows
}

// eachSpan calls do for each span of neighbours of equal sizes.
func eachSpan(all []layerBeforeCut, do func(layers string, l layerBeforeCut)) {
	for lo := 0; lo < len(all); {
		hi := lo + 1
		for hi < len(all) && all[hi] == all[lo] {
			hi++
		}
		do(span(lo, hi-1), all[lo])
		lo = hi
	}
}

// decided says whether the units to cut are known: not before scoring.
func decided(s planSummary) bool { return strings.Contains(s.Scoring, "(by ") }

func arrow(n [2]int) string {
	if n[0] == n[1] {
		return fmt.Sprint(n[0])
	}
	return fmt.Sprintf("%d -> %d", n[0], n[1])
}
