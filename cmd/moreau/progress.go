package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"moreau/internal/job"
)

// phases are what people read of a job's phases: a label, with what the phase is of, and
// a note on its result.
var phases = map[job.Phase]struct {
	label string
	note  func(result float64) string
}{
	job.Scoring:             {"scoring (%s)", noted("last loss %.4f")},
	job.Perplexity:          {"perplexity on %s", noted("perplexity %.4f")},
	job.DensePerplexity:     {"dense perplexity on %s", noted("perplexity %.4f")},
	job.PrunedPerplexity:    {"pruned perplexity on %s", noted("perplexity %.4f")},
	job.RefittedPerplexity:  {"refitted perplexity on %s", noted("perplexity %.4f")},
	job.TunedPerplexity:     {"tuned perplexity on %s", noted("perplexity %.4f")},
	job.RecoveredPerplexity: {"recovered perplexity on %s", noted("perplexity %.4f")},
	job.Drawing:             {"drawing the model's own text%s", noted("")},
	job.Weighing:            {"weighing columns%s", noted("")},
	job.Refitting:           {"refitting%s", noted("")},
	job.Tuning:              {"tuning gates%s", noted("divergence from the dense model %.4f")},
	job.Recovering:          {"learning adapters%s", noted("held-out loss %.4f")},
	job.Allocating:          {"measuring what the cut of each layer costs%s", noted("")},
	job.Comparing:           {"comparing%s", noted("")},
	job.Answering:           {"answering %s", noted("%.4f right")},
	job.Hashing:             {"hashing %s", noted("")},
	job.Writing:             {"writing%s", func(bytes float64) string { return job.Size(int64(bytes)) }},
	job.Pulling:             {"pulling %s", noted("")},
	job.TimingStep:          {"step of %s", noted("")},
	job.TimingOps:           {"ops of %s", noted("")},
	job.TimingGeneration:    {"generating %s", noted("")},
}

func noted(format string) func(float64) string {
	return func(result float64) string {
		if math.IsNaN(result) {
			return ""
		}
		return fmt.Sprintf(format, result)
	}
}

// console shows how far a job is: a bar with an ETA on a terminal, a plain line now and
// then elsewhere.
type console struct {
	w     io.Writer
	phase job.Phase
	label string
	total int64
	start time.Time
	last  time.Time
	bar   *progressbar.ProgressBar
}

// plainEvery is the time between two plain lines.
const plainEvery = 10 * time.Second

func newConsole(w io.Writer) *console { return &console{w: w} }

// Begin implements job.Progress.
func (c *console) Begin(p job.Phase, of string, total int64) {
	now := time.Now()
	*c = console{w: c.w, phase: p, label: visible(fmt.Sprintf(phases[p].label, of)), total: max(1, total), start: now, last: now}
	if f, ok := c.w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		c.bar = progressbar.NewOptions64(c.total, progressbar.OptionSetWriter(c.w), progressbar.OptionSetDescription(c.label),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish())
	}
}

// At implements job.Progress.
func (c *console) At(done int64) {
	if c.bar != nil {
		c.bar.Set64(done)
		return
	}
	if now := time.Now(); now.Sub(c.last) >= plainEvery && done > 0 && done < c.total {
		c.last = now
		elapsed := now.Sub(c.start)
		left := time.Duration(float64(elapsed) * float64(c.total-done) / float64(done))
		fmt.Fprintf(c.w, "%s: %d %%, %s, about %s left\n", c.label, 100*done/c.total, seconds(elapsed), seconds(left))
	}
}

// End implements job.Progress.
func (c *console) End(result float64) {
	if c.bar != nil {
		c.bar.Finish()
	}
	note := phases[c.phase].note(result)
	if note != "" {
		note = ", " + note
	}
	fmt.Fprintf(c.w, "%s: done in %s%s\n", c.label, seconds(time.Since(c.start)), note)
}

// Note implements job.Progress.
func (c *console) Note(line string) { fmt.Fprintln(c.w, visible(line)) }
