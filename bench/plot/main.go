// Plot draws a chart of what TestGrowth has measured as SVG: processor time for a
// record over the records read, or over the series.
//
//	go run ./bench/plot history < bench/results/FILE.txt > docs/growth-history.svg
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strconv"
	"strings"
)

// A chart is the curves of one chart in the order of the file.
type chart struct {
	title, x string
	curves   []curve
}

type curve struct {
	name string
	at   []point
}

type point struct{ x, ns float64 }

var charts = map[string]chart{
	"history": {title: "What a record costs, by the records read before it (1,000 series)", x: "records read"},
	"series":  {title: "What a record costs in a warm fit pass, by the number of series", x: "series"},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 || charts[os.Args[1]].x == "" {
		log.Fatal("usage: plot history|series < measurements > chart.svg")
	}
	c, err := read(os.Stdin, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(os.Stdout, c.svg())
}

// read takes the lines of one chart: its name, the curve, x and ns, and more that
// it does not draw, with tabs between them.
func read(r io.Reader, name string) (chart, error) {
	c := charts[name]
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if fields[0] != name {
			continue
		}
		if len(fields) < 4 {
			return c, fmt.Errorf("%q: want %s, a curve, x and ns", lines.Text(), name)
		}
		x, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return c, err
		}
		ns, err := strconv.ParseFloat(fields[3], 64)
		if err != nil {
			return c, err
		}
		if n := len(c.curves); n == 0 || c.curves[n-1].name != fields[1] {
			c.curves = append(c.curves, curve{name: fields[1]})
		}
		last := &c.curves[len(c.curves)-1]
		last.at = append(last.at, point{x, ns})
	}
	if len(c.curves) == 0 {
		return c, fmt.Errorf("no line begins with %s: run make bench-growth", name)
	}
	return c, lines.Err()
}

// The drawing: its size, the plot inside it, and the place for names at its right.
const (
	width, height             = 860, 420
	left, right, top, bottom  = 70.0, 680.0, 50.0, 360.0
	nameGap, minNameDistance  = 10.0, 18.0
	stepOfNs                  = 250.0
	ink, grid                 = "#333333", "#dddddd"
	fontFamily, fontSizePixel = "sans-serif", 13
)

// colors can be told apart by colour-blind readers too (Okabe and Ito).
var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7"}

func (c chart) svg() string {
	lo, hi, most := math.Inf(1), 0.0, 0.0
	for _, v := range c.curves {
		for _, p := range v.at {
			lo, hi, most = min(lo, p.x), max(hi, p.x), max(most, p.ns)
		}
	}
	most = math.Ceil(most*1.1/stepOfNs) * stepOfNs
	x := func(v float64) float64 {
		return left + (right-left)*(math.Log10(v)-math.Log10(lo))/(math.Log10(hi)-math.Log10(lo))
	}
	y := func(v float64) float64 { return bottom - (bottom-top)*v/most }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="%s" font-size="%d" fill="%s">`+"\n",
		width, height, fontFamily, fontSizePixel, ink)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	text := func(at, down float64, anchor, words string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", at, down, anchor, words)
	}
	line := func(x1, y1, x2, y2 float64) {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, grid)
	}
	text(left, 26, "start", c.title)
	for ns := 0.0; ns <= most; ns += stepOfNs {
		line(left, y(ns), right, y(ns))
		text(left-8, y(ns)+4, "end", fmt.Sprintf("%.0f ns", ns))
	}
	for v := math.Pow(10, math.Ceil(math.Log10(lo))); v <= hi; v *= 10 {
		line(x(v), top, x(v), bottom)
		text(x(v), bottom+20, "middle", power(v))
	}
	text((left+right)/2, bottom+44, "middle", c.x)
	for i, v := range c.curves {
		v.draw(&b, colors[i%len(colors)], x, y)
	}
	for i, at := range c.names(y) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", right+nameGap, at+4, colors[i%len(colors)], c.curves[i].name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (v curve) draw(b *strings.Builder, color string, x, y func(float64) float64) {
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, color)
	for _, p := range v.at {
		fmt.Fprintf(b, "%.1f,%.1f ", x(p.x), y(p.ns))
	}
	b.WriteString("\"/>\n")
	for _, p := range v.at {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(p.x), y(p.ns), color)
	}
}

// names returns how far down the name of each curve stands: beside its end, moved
// so that none covers another.
func (c chart) names(y func(float64) float64) []float64 {
	at := make([]float64, len(c.curves))
	for i, v := range c.curves {
		at[i] = y(v.at[len(v.at)-1].ns)
	}
	for range at {
		for i := range at {
			for j := range at {
				if d := at[i] - at[j]; i != j && d >= 0 && d < minNameDistance && (d > 0 || i > j) {
					at[i] = at[j] + minNameDistance
				}
			}
		}
	}
	return at
}

// power writes a power of ten.
func power(v float64) string {
	n := int(math.Round(math.Log10(v)))
	if n < 4 {
		return strconv.Itoa(int(math.Round(v)))
	}
	return fmt.Sprintf(`10<tspan dy="-5" font-size="10">%d</tspan>`, n)
}
