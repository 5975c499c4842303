package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"moreau/internal/job"
)

// The picture of a sweep, in SVG units.
const (
	sweepWidth, sweepHeight   = 720, 440
	sweepLeft, sweepTop       = 70, 20
	sweepPlotW, sweepPlotH    = 480, 350
	sweepLegend, sweepLineGap = 570, 22
)

// sweepColours are told apart by people who see few colours, and on dark and light (Okabe and Ito's).
var sweepColours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// drawSweep is perplexity, on a logarithmic scale, over parameters: a line a method, dashed before the refit, rings
// around what no other cut beats; below it accuracy, where tasks were asked.
func drawSweep(cells []job.Cell) string {
	panels := []sweepAxes{newSweepAxes(cells)}
	if cells[0].Tasks != nil {
		panels = append(panels, newAccuracyAxes(cells))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", sweepWidth, sweepHeight*len(panels))
	for i, a := range panels {
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">`+"\n", i*sweepHeight)
		a.panel(&b, cells)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// panel draws the cells.
func (a sweepAxes) panel(b *strings.Builder, cells []job.Cell) {
	a.draw(b)
	var methods []string
	for _, c := range cells[1:] {
		if !slices.Contains(methods, c.Method) {
			methods = append(methods, c.Method)
		}
	}
	for i, method := range methods {
		a.line(b, cells, method, sweepColours[i%len(sweepColours)], sweepTop+10+i*sweepLineGap)
	}
	for _, c := range cells {
		if a.rings && c.Front {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="7" fill="none" stroke="black"/>`+"\n", a.x(c.Params), a.y(a.of(c)))
		}
	}
	if !a.rings {
		return
	}
	for i, note := range []string{"ring: not beaten", "dashed: before the refit"} {
		fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", sweepLegend, sweepTop+14+(len(methods)+1+i)*sweepLineGap, note)
	}
}

// sweepAxes are what a panel shows of cells, and the ranges.
type sweepAxes struct {
	label                  string
	of                     func(job.Cell) float64
	before                 func(job.Cell) (v float64, known bool) // the refit; nil: it is not shown
	logarithmic, rings     bool
	least, most, low, high float64
}

func newSweepAxes(cells []job.Cell) sweepAxes {
	a := sweepAxes{label: "perplexity, " + cells[0].After[0].Text, logarithmic: true, rings: true}
	a.of = func(c job.Cell) float64 { return c.After[0].Perplexity }
	a.before = func(c job.Cell) (float64, bool) {
		switch {
		case c.Cut != nil:
			return c.Cut[0].Perplexity, true
		case c.Method == "":
			return c.After[0].Perplexity, true
		}
		return 0, false
	}
	return a.over(cells)
}

func newAccuracyAxes(cells []job.Cell) sweepAxes {
	a := sweepAxes{label: cells[0].Tasks[0].Task + ", right"}
	if m := cells[0].Mean; m != nil {
		a.label = fmt.Sprintf("right, mean of %d tasks (%s)", len(cells[0].Tasks), m.Rule)
	}
	a.of = func(c job.Cell) float64 { return right(c).Value }
	return a.over(cells)
}

// over is a with the ranges of cells.
func (a sweepAxes) over(cells []job.Cell) sweepAxes {
	a.least, a.low = math.Inf(1), math.Inf(1)
	for _, c := range cells {
		a.least, a.most = min(a.least, float64(c.Params)), max(a.most, float64(c.Params))
		values := []float64{a.of(c)}
		if a.before != nil {
			if v, known := a.before(c); known {
				values = append(values, v)
			}
		}
		a.low, a.high = min(a.low, slices.Min(values)), max(a.high, slices.Max(values))
	}
	return a
}

func (a sweepAxes) x(params int64) float64 {
	return sweepLeft + sweepPlotW*share(float64(params), a.least, a.most)
}

func (a sweepAxes) y(v float64) float64 {
	low, high := a.low, a.high
	if a.logarithmic {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	return sweepTop + sweepPlotH*(1-share(v, low, high))
}

// at is the value at a share of the height.
func (a sweepAxes) at(part float64) float64 {
	if a.logarithmic {
		return a.low * math.Pow(a.high/a.low, part)
	}
	return a.low + part*(a.high-a.low)
}

// share is where v lies between two ends, which may be one.
func share(v, low, high float64) float64 {
	if high == low {
		return 0.5
	}
	return (v - low) / (high - low)
}

// draw draws the axes.
func (a sweepAxes) draw(b *strings.Builder) {
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="black"/>`+"\n", sweepLeft, sweepTop, sweepTop+sweepPlotH, sweepLeft+sweepPlotW)
	const ticks = 4
	for i := range ticks + 1 {
		part := float64(i) / ticks
		params := a.least + part*(a.most-a.least)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", sweepLeft+part*sweepPlotW, sweepTop+sweepPlotH+18, shortCount(params))
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n", sweepLeft-8, sweepTop+(1-part)*sweepPlotH+4, a.at(part))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">parameters</text>`+"\n", sweepLeft+sweepPlotW/2, sweepTop+sweepPlotH+42)
	fmt.Fprintf(b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", sweepTop+sweepPlotH/2, html.EscapeString(a.label))
}

// line draws a method's cells, and its name at height y.
func (a sweepAxes) line(b *strings.Builder, cells []job.Cell, method, colour string, y int) {
	var cut, after []string
	for _, c := range cells {
		if c.Method != method && c.Method != "" {
			continue
		}
		at := func(v float64) string { return fmt.Sprintf("%.1f,%.1f", a.x(c.Params), a.y(v)) }
		after = append(after, at(a.of(c)))
		if a.before == nil {
			continue
		}
		if v, known := a.before(c); known {
			cut = append(cut, at(v))
		}
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(after, " "), colour)
	if len(cut) > 1 {
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-dasharray="4 4"/>`+"\n", strings.Join(cut, " "), colour)
	}
	fmt.Fprintf(b, `<path d="M%d %dh20" stroke="%s" stroke-width="2"/><text x="%d" y="%d">%s</text>`+"\n", sweepLegend, y, colour, sweepLegend+26, y+4, html.EscapeString(method))
}

// shortCount is a number of parameters in three digits.
func shortCount(n float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.of {
			return fmt.Sprintf("%.3g%s", n/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%.0f", n)
}
