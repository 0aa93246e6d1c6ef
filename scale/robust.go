package scale

import "math"

// RobustParams appends center and scale of a feature with this median and
// these quantiles at the two ends of the spec's quantile_range. The scale is
// hi-lo, or 1 where that is zero; with unit_variance it is then divided by the
// same range of the standard normal distribution. All are NaN without values.
func RobustParams(p []float64, s Spec, lo, median, hi float64) []float64 {
	if math.IsNaN(median) {
		return append(p, math.NaN(), math.NaN())
	}
	scale := 1.0
	if s.WithScaling {
		scale = nonZero(hi-lo) / s.normalRange()
	}
	if !s.WithCentering {
		median = 0
	}
	return append(p, median, scale)
}

// normalRange is the width of the quantile range of a standard normal
// distribution, or 1 where unit_variance is off.
func (s Spec) normalRange() float64 {
	if !s.UnitVariance {
		return 1
	}
	return normalQuantile(s.QuantileRange[1]/100) - normalQuantile(s.QuantileRange[0]/100)
}
