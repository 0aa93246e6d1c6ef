package sketch_test

import (
	"fmt"

	"tare/sketch"
)

// Two partitions learn apart; up to 128 distinct values, nothing is lost.
func ExampleQuantiles() {
	var a, b sketch.Quantiles
	for i := range 100_000 {
		a.Add(float64(i % 50))
		b.Add(float64(i % 101))
	}
	if err := a.Merge(&b); err != nil {
		fmt.Println(err)
	}
	fmt.Println(a.N(), a.Exact())
	fmt.Println(a.Min(), a.Quantile(0.25), a.Median(), a.Quantile(0.75), a.Max())
	// Output:
	// 200000 true
	// 0 16 33 50 100
}

// A curve is for many reads of one sketch.
func ExampleCurve() {
	var s sketch.Quantiles
	for _, x := range []float64{1, 2, 2, 2, 5} {
		s.Add(x)
	}
	var c sketch.Curve
	s.Curve(&c)
	fmt.Println(c.Quantile(0.875), c.CDF(2))
	fmt.Println(c.Anchors())
	// Output:
	// 3.5 0.5
	// [0 0.25 0.75 1] [1 2 2 5]
}

func ExampleDistinct() {
	monday, tuesday := sketch.NewDistinct(), sketch.NewDistinct()
	for i := range 1000 {
		monday.AddBytes(fmt.Appendf(nil, "sensor-%d", i))
		tuesday.AddBytes(fmt.Appendf(nil, "sensor-%d", i+500))
	}
	monday.Merge(tuesday)
	fmt.Println(monday.Estimate(), "of 1500")
	// Output:
	// 1515 of 1500
}
