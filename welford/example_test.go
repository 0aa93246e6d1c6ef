package welford_test

import (
	"fmt"

	"tare/welford"
)

// Two partitions learn apart; their moments are those of all values.
func Example() {
	var a, b welford.Running
	for _, x := range []float64{1e9 + 4, 1e9 + 7} {
		a.Add(x)
	}
	for _, x := range []float64{1e9 + 13, 1e9 + 16} {
		b.Add(x)
	}
	a.Merge(&b)
	m := a.Moments()
	fmt.Println(m.N, m.Mean(), m.Variance(), m.SampleVariance())
	fmt.Println(a.Min(), a.Max())
	// Output:
	// 4 1.00000001e+09 22.5 30
	// 1.000000004e+09 1.000000016e+09
}
