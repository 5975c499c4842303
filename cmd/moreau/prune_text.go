package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"moreau/internal/job"
	"moreau/internal/prune"
)

// printPlan prints a plan for people.
func printPlan(p job.PrunePlan, stdout io.Writer) {
	before, after := p.Before, p.After
	rows := []string{
		"model\t" + p.Model,
		fmt.Sprintf("parameters\t%s -> %s (%s)", count(before.ParamCount()), count(after.ParamCount()), percent(float64(before.ParamCount()), float64(after.ParamCount()))),
		fmt.Sprintf("KV cache\t%s -> %s a token at 16 bits", job.Size(before.KVBytes()), job.Size(after.KVBytes())),
		sizeRow(p),
	}
	if gone := p.Dropped(); len(gone) > 0 {
		which := ": " + spans(gone)
		if !p.Decided {
			which = ", whichever score lowest"
		}
		rows = append(rows, fmt.Sprintf("dropped\t%d of %d layers%s", len(gone), len(before.Layers), which))
	}
	if p.Chosen != nil {
		rows = append(rows, "choice\t"+layersNote(p))
	}
	if p.Cut.Removed() > 0 {
		rows = append(rows, "cut\t"+cutNote(p))
	}
	if scores := p.ScoresInWords(); scores != "" {
		rows = append(rows, "scores\t"+scores)
	}
	if s := p.Self; s != nil {
		rows = append(rows, fmt.Sprintf("self\t%d x %d tokens that the model writes, %s", s.Rows, s.SeqLen, secondsRange(s.Seconds)))
	}
	switch {
	case p.Refit != nil:
		rows = append(rows, "refit\t"+refitNote(p))
	case p.NoRefit != "":
		rows = append(rows, "refit\tnone: "+p.NoRefit)
	}
	if p.Tune != nil {
		rows = append(rows, "tuning\t"+tuneNote(p))
	}
	rows = append(rows, layerRows(p)...)
	if !before.HeadsCutAreMasked() && cutsHeads(p.Cut) {
		rows = append(rows, "heads\tunder one norm over all of them: heads that go change what it makes of the others, which no score foresees")
	}
	if p.RAM > 0 {
		rows = append(rows, fmt.Sprintf("estimate\t%s of RAM, %s", job.Size(p.RAM), secondsRange(p.Seconds)))
	}
	if p.Scoring != nil && p.Scoring.State != nil {
		rows = append(rows, "state\t"+stateNote(p.Scoring.State))
	}
	if p.Out != nil {
		rows = append(rows, "output\t"+p.Out.String())
	}
	for _, w := range p.Warnings {
		rows = append(rows, "warning\t"+w)
	}
	table(stdout, rows...)
}

// cutsHeads says whether KV groups or query heads may go.
func cutsHeads(cut *prune.Plan) bool {
	return cut.Removed() > 0 && slices.Contains(cut.Budget.Kinds, cut.Before.AttentionKind())
}

// sizeRow is the size of the files that hold weights, or that of the weights while there are none.
func sizeRow(p job.PrunePlan) string {
	what, unit := "file size", "bytes"
	if p.AtHalf {
		what, unit = "weights", "bytes at 16 bits"
	}
	return fmt.Sprintf("%s\t%s -> %s %s (%s)", what, count(p.BytesBefore), count(p.BytesAfter), unit, percent(float64(p.BytesBefore), float64(p.BytesAfter)))
}

// cutNote says which layers lose units, and how these compete.
func cutNote(p job.PrunePlan) string { return layersNote(p) + ", " + sharesNote(p) }

// layersNote says which layers lose units, or go.
func layersNote(p job.PrunePlan) string {
	layers, protected := p.CutLayers()
	note := ""
	if len(protected) > 0 {
		note = " (protected: " + spans(protected) + ")"
	}
	return fmt.Sprintf("layers %s%s", layers, note)
}

// sharesNote says how much each of them loses.
func sharesNote(p job.PrunePlan) string {
	switch {
	case p.OneSize:
		return "all alike (a GGUF file has one size for all layers of a " + p.Before.Family.Name + ")"
	case p.Cut.Budget.Uniform:
		return "all alike"
	case p.Cut.Budget.Selection == prune.Global:
		return "units of all by their scores"
	case p.Cut.Budget.Selection == prune.Threshold:
		return "units of all layers and kinds by their scores as they are"
	case p.Measured || p.Cut.Budget.Shares != nil:
		return "each the less the more its cut alone, refitted, changes predictions"
	}
	return "alike"
}

// refitNote says on what the cut is repaired.
func refitNote(p job.PrunePlan) string {
	r, what := p.Refit, "o_proj and down_proj"
	if p.Cut.Removed() == 0 {
		what = "down_proj before the layers that go stands in for them, those behind are fitted"
	}
	if r.Bias {
		return fmt.Sprintf("biases of o_proj and down_proj make up for the mean of what goes, on %d x %d tokens of %s, %s", r.Rows, r.SeqLen, r.Calibration, job.BOSInWords(r.BOS))
	}
	return fmt.Sprintf("%s, on %d x %d tokens of %s, %s; damping %g, %g of the way to the dense model's stream",
		what, r.Rows, r.SeqLen, r.Calibration, job.BOSInWords(r.BOS), r.Damping, r.Dense)
}

// tuneNote says what is tuned, on what.
func tuneNote(p job.PrunePlan) string {
	return fmt.Sprintf("a gate on each column of o_proj and down_proj, on %s tokens, %d rows of %s, towards what the dense model predicts", count(int64(p.Tune.Tokens)), p.Tune.Rows, p.Refit.Calibration)
}

// perplexityNote says how perplexity is measured, "" where it is not.
func perplexityNote(p job.PrunePlan) string {
	if len(p.Texts) == 0 {
		return ""
	}
	return "perplexity: " + p.Texts[0].How
}

// stateNote says where the state of a run is, and whether it outlives a crash.
func stateNote(s *job.StatePlan) string {
	where := job.Size(s.Bytes) + " in memory"
	if s.Scratch != "" {
		where = fmt.Sprintf("up to %s in %s (%s)", job.Size(s.Bytes), s.Scratch, s.DType)
	}
	if s.Journal == "" {
		return where + "; a crash loses it: the disk has no room for two"
	}
	return where + "; the same command continues after a crash"
}

// layerRows describes layers of equal sizes together.
func layerRows(p job.PrunePlan) []string {
	switch {
	case p.Decided:
	case p.Chosen != nil:
		return nil
	case p.Cut.Budget.Selection != prune.Local:
		return []string{"layers\tsizes follow from the scores"}
	case p.Measured:
		return []string{"layers\tsizes follow from what their cuts cost"}
	}
	var rows []string
	eachSpan(cutSizes(p), func(layers string, l layerCut) {
		if l.gone() {
			rows = append(rows, "layers "+layers+"\tdropped")
			return
		}
		rows = append(rows, fmt.Sprintf("layers %s\t%s query heads, %s KV groups, %s channels", layers, arrow(l.Heads), arrow(l.KVHeads), arrow(l.Intermediate)))
	})
	return rows
}

// costRows say what the cut of each layer costs alone, and what it lost therefore.
func costRows(p job.PrunePlan) []string {
	rows := []string{"layer\tchannels\tdivergence (KL) when cut as the others, alone"}
	for l, c := range cutSizes(p) {
		if cost, ok := p.Costs[l]; ok {
			rows = append(rows, fmt.Sprintf("%d\t%s\t%.2g", l, arrow(c.Intermediate), cost))
		}
	}
	return rows
}

// eachSpan calls do for each span of neighbours of equal sizes.
func eachSpan(all []layerCut, do func(layers string, l layerCut)) {
	for lo := 0; lo < len(all); {
		hi := lo + 1
		for hi < len(all) && all[hi] == all[lo] {
			hi++
		}
		do(span(lo, hi-1), all[lo])
		lo = hi
	}
}

func arrow(n [2]int) string {
	if n[0] == n[1] {
		return fmt.Sprint(n[0])
	}
	return fmt.Sprintf("%d -> %d", n[0], n[1])
}

// resultRows are the lines of the before/after table, the same in every run: how fast a model is says eval --speed.
func resultRows(r job.PruneReport, sep string) []string {
	b, a := r.Plan.Before, r.Plan.After
	row := func(name, x, y, change string) string { return strings.Join([]string{name, x, y, change}, sep) }
	rows := []string{
		row("parameters", count(b.ParamCount()), count(a.ParamCount()), percent(float64(b.ParamCount()), float64(a.ParamCount()))),
		row("KV cache a token", job.Size(b.KVBytes()), job.Size(a.KVBytes()), percent(float64(b.KVBytes()), float64(a.KVBytes()))),
	}
	if x, y := r.Plan.BytesBefore, r.Plan.BytesAfter; !r.Plan.AtHalf {
		rows = append(rows, row("bytes of weights", count(x), count(y), percent(float64(x), float64(y))))
	}
	for i, y := range r.After {
		x := r.Before[i]
		if r.Cut != nil {
			rows = append(rows, row("... before the refit", "", fmt.Sprintf("%.2f", r.Cut[i].Perplexity), percent(x.Perplexity, r.Cut[i].Perplexity)))
		}
		if r.Refitted != nil {
			rows = append(rows, row("... before the tuning", "", fmt.Sprintf("%.2f", r.Refitted[i].Perplexity), percent(x.Perplexity, r.Refitted[i].Perplexity)))
		}
		rows = append(rows, row("perplexity "+x.Text, fmt.Sprintf("%.2f", x.Perplexity), fmt.Sprintf("%.2f", y.Perplexity), percent(x.Perplexity, y.Perplexity)))
	}
	return rows
}
