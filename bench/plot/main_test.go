package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestChart(t *testing.T) {
	c, err := read(strings.NewReader("# a remark\nseries\ta\t1\t400.5\t7\t0\nseries\ta\t1000000\t900\t7\t0\nhistory\tb\t5\t1\t1\t1\nseries\tc\t1\t400\t7\t0\nseries\tc\t10\t899\t7\t0\n"), "series")
	if err != nil || len(c.curves) != 2 || len(c.curves[0].at) != 2 || c.curves[1].at[1] != (point{10, 899}) {
		t.Fatalf("%+v, %v", c, err)
	}
	svg := c.svg()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
	// The plot ends at 1,000 ns and 10^6 series: 900 ns there is a tenth down.
	if want := `<circle cx="680.0" cy="81.0" r="3" fill="#0072b2"/>`; !strings.Contains(svg, want) {
		t.Errorf("no %s in\n%s", want, svg)
	}
	names := c.names(func(float64) float64 { return 100 })
	if d := names[1] - names[0]; d < minNameDistance {
		t.Errorf("names at %v cover each other", names)
	}
	for text, want := range map[string]string{"series\tx\n": "want series", "series\tx\ty\t1\n": "invalid syntax", "": "no line begins with series"} {
		if _, err := read(strings.NewReader(text), "series"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}
