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
// around what no other cut beats.
func drawSweep(cells []job.Cell) string {
	a := newSweepAxes(cells)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", sweepWidth, sweepHeight)
	a.draw(&b, cells[0].After[0].Text)
	var methods []string
	for _, c := range cells[1:] {
		if !slices.Contains(methods, c.Method) {
			methods = append(methods, c.Method)
		}
	}
	for i, method := range methods {
		a.line(&b, cells, method, sweepColours[i%len(sweepColours)], sweepTop+10+i*sweepLineGap)
	}
	for _, c := range cells {
		if c.Front {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="7" fill="none" stroke="black"/>`+"\n", a.x(c.Params), a.y(c.After[0].Perplexity))
		}
	}
	for i, note := range []string{"ring: not beaten", "dashed: before the refit"} {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", sweepLegend, sweepTop+14+(len(methods)+1+i)*sweepLineGap, note)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// sweepAxes are the ranges of the picture.
type sweepAxes struct{ least, most, low, high float64 }

func newSweepAxes(cells []job.Cell) sweepAxes {
	a := sweepAxes{math.Inf(1), 0, math.Inf(1), 0}
	for _, c := range cells {
		a.least, a.most = min(a.least, float64(c.Params)), max(a.most, float64(c.Params))
		for _, m := range slices.Concat(c.Cut[:min(1, len(c.Cut))], c.After[:1]) {
			a.low, a.high = min(a.low, m.Perplexity), max(a.high, m.Perplexity)
		}
	}
	return a
}

func (a sweepAxes) x(params int64) float64 {
	return sweepLeft + sweepPlotW*share(float64(params), a.least, a.most)
}

func (a sweepAxes) y(perplexity float64) float64 {
	return sweepTop + sweepPlotH*(1-share(math.Log(perplexity), math.Log(a.low), math.Log(a.high)))
}

// share is where v lies between two ends, which may be one.
func share(v, low, high float64) float64 {
	if high == low {
		return 0.5
	}
	return (v - low) / (high - low)
}

// draw draws the axes.
func (a sweepAxes) draw(b *strings.Builder, text string) {
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="black"/>`+"\n", sweepLeft, sweepTop, sweepTop+sweepPlotH, sweepLeft+sweepPlotW)
	const ticks = 4
	for i := range ticks + 1 {
		part := float64(i) / ticks
		params, perplexity := a.least+part*(a.most-a.least), a.low*math.Pow(a.high/a.low, part)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", sweepLeft+part*sweepPlotW, sweepTop+sweepPlotH+18, shortCount(params))
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n", sweepLeft-8, sweepTop+(1-part)*sweepPlotH+4, perplexity)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">parameters</text>`+"\n", sweepLeft+sweepPlotW/2, sweepTop+sweepPlotH+42)
	fmt.Fprintf(b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">perplexity, %s</text>`+"\n", sweepTop+sweepPlotH/2, html.EscapeString(text))
}

// line draws a method's cells, and its name at height y.
func (a sweepAxes) line(b *strings.Builder, cells []job.Cell, method, colour string, y int) {
	var cut, after []string
	for _, c := range cells {
		if c.Method != method && c.Method != "" {
			continue
		}
		at := func(m job.Measured) string { return fmt.Sprintf("%.1f,%.1f", a.x(c.Params), a.y(m.Perplexity)) }
		after = append(after, at(c.After[0]))
		switch {
		case c.Cut != nil:
			cut = append(cut, at(c.Cut[0]))
		case c.Method == "":
			cut = append(cut, at(c.After[0]))
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
