package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a phase is: a bar with an ETA on a terminal, a plain
// line now and then elsewhere.
type progress struct {
	w     io.Writer
	label string
	total int64
	done  int64
	start time.Time
	last  time.Time
	bar   *progressbar.ProgressBar
}

// plainEvery is the time between two plain lines.
const plainEvery = 10 * time.Second

func newProgress(w io.Writer, label string, total int64) *progress {
	now := time.Now()
	p := &progress{w: w, label: label, total: max(1, total), start: now, last: now}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(p.total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish())
	}
	return p
}

// set says that done of the total is done.
func (p *progress) set(done int64) {
	p.done = min(done, p.total)
	if p.bar != nil {
		p.bar.Set64(p.done)
		return
	}
	if now := time.Now(); now.Sub(p.last) >= plainEvery && p.done > 0 && p.done < p.total {
		p.last = now
		elapsed := now.Sub(p.start)
		left := time.Duration(float64(elapsed) * float64(p.total-p.done) / float64(p.done))
		fmt.Fprintf(p.w, "%s: %d %%, %s, about %s left\n", p.label, 100*p.done/p.total, seconds(elapsed), seconds(left))
	}
}

// add says that n more are done.
func (p *progress) add(n int64) { p.set(p.done + n) }

// finish ends the phase with a line.
func (p *progress) finish(note string) {
	if p.bar != nil {
		p.bar.Finish()
	}
	if note != "" {
		note = ", " + note
	}
	fmt.Fprintf(p.w, "%s: done in %s%s\n", p.label, seconds(time.Since(p.start)), note)
}
