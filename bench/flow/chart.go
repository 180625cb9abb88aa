package main

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/godwit-go/godwit/bench/quota"
)

// The collapse chart: what each policy makes of a quota whose refusals cost
// quota too. One row is one policy.
const (
	chartScenario = "E"
	chartFleet    = 100

	chartWidth = 880
	chartTop   = 118 // of the first row
	rowHeight  = 28
	barHeight  = 14
	barLeft    = 300
	barFull    = 300 // width of 100 %
	colFailed  = 738 // right edges of the columns
	colRefused = 856
	chartFoot  = 66 // below the last row
)

// chartStyle has the colours of both themes; the card brings its own ground, so
// that it can be read on any page.
const chartStyle = `
  .card{fill:#ffffff;stroke:#d0d7de} .ink{fill:#1f2328} .soft{fill:#59636e} .grid{stroke:#d8dee4}
  .peer{fill:#c2410c} .ours{fill:#0969da} text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:13px}
  .head{font-size:17px;font-weight:600} .small{font-size:12px} .bold{font-weight:600} .end{text-anchor:end} .mid{text-anchor:middle}
  @media (prefers-color-scheme:dark){
    .card{fill:#0d1117;stroke:#3d444d} .ink{fill:#f0f6fc} .soft{fill:#9198a1} .grid{stroke:#30363d} .peer{fill:#f0883e} .ours{fill:#4493f8}
  }
`

// drawChart simulates the scenario and writes the chart to a file.
func drawChart(file string, p plan) error {
	p.letters, p.fleets, p.late, p.policy = chartScenario, []int{chartFleet}, []float64{0}, ""
	cells, err := p.cells()
	if err != nil {
		return err
	}
	cells = slices.DeleteFunc(cells, func(c cell) bool { return strings.HasPrefix(c.name, "godwit") && !c.ours })
	results := p.run(cells)
	return os.WriteFile(file, []byte(chart(cells[0].sc, results)), 0o644)
}

// chart returns the SVG.
func chart(sc quota.Scenario, results []quota.Result) string {
	slices.SortStableFunc(results, func(a, b quota.Result) int { return cmp.Compare(b.QuotaUsedPct, a.QuotaUsedPct) })
	d := &drawing{}
	height := chartTop + rowHeight*len(results) + chartFoot
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="t d">`, chartWidth, height, chartWidth, height)
	title := "The collapse: when refused calls cost quota too"
	about := fmt.Sprintf("%d processes with %d workers each, %s calls, %.0f calls/s allowed. Bars: how much of the quota became successes.",
		chartFleet, quota.Workers(chartFleet), thousands(float64(sc.Jobs)), sc.Law.PerSecond())
	d.add(`<title id="t">%s</title><desc id="d">%s</desc>`, title, html.EscapeString(about))
	d.add(`<style>%s</style>`, chartStyle)
	d.add(`<rect class="card" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>`, chartWidth-1, height-1)
	d.text(24, 34, "head ink", title)
	d.text(24, 57, "soft", about)
	d.axis(chartTop, chartTop+rowHeight*len(results))
	for i, r := range results {
		d.row(chartTop+rowHeight*i, r)
	}
	d.text(24, height-18, "soft small", "Simulated, scenario "+sc.ID+" of bench/flow; libraries as models of their defaults. Failed: given up, or not done when the run was cut off.")
	d.add(`</svg>`)
	return d.String()
}

// drawing collects the elements of an SVG.
type drawing struct{ strings.Builder }

func (d *drawing) add(format string, a ...any) {
	fmt.Fprintf(d, format, a...)
	d.WriteByte('\n')
}

func (d *drawing) text(x, y int, class, text string) {
	d.add(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, html.EscapeString(text))
}

// axis draws the grid with its numbers, and the heads of the columns.
func (d *drawing) axis(top, bottom int) {
	for pct := 0; pct <= 100; pct += 25 {
		x := barLeft + barFull*pct/100
		d.add(`<line class="grid" x1="%d" y1="%d" x2="%d" y2="%d"/>`, x, top-6, x, bottom)
		d.text(x, bottom+18, "soft small mid", strconv.Itoa(pct)+" %")
	}
	d.text(barLeft, top-18, "soft small", "of the quota, turned into successes")
	d.text(colFailed, top-18, "soft small end", "calls failed")
	d.text(colRefused, top-32, "soft small end", "refusals")
	d.text(colRefused, top-18, "soft small end", "per success")
}

func (d *drawing) row(y int, r quota.Result) {
	mid, bar, label := y+rowHeight/2+4, "peer", "ink end"
	if r.Missed != nil {
		bar, label = "ours", "ink end bold"
	}
	d.text(barLeft-12, mid, label, r.Policy)
	width := math.Max(1, barFull*r.QuotaUsedPct/100)
	d.add(`<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, bar, barLeft, y+(rowHeight-barHeight)/2, width, barHeight)
	d.text(barLeft+int(width)+8, mid, "ink", fmt.Sprintf("%.1f", r.QuotaUsedPct))
	d.text(colFailed, mid, "ink end", percent(r.FailedPct))
	d.text(colRefused, mid, "ink end", perSuccess(r.RefusalsPer100/100))
}

func percent(p float64) string {
	if p == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f %%", p)
}

func perSuccess(n float64) string {
	switch {
	case n < 0.0005:
		return "0"
	case n < 10:
		return fmt.Sprintf("%.2f", n)
	}
	return thousands(n)
}

// thousands writes a whole number with separators.
func thousands(n float64) string {
	s := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
