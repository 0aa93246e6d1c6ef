package accuracy

import (
	"math"
	"strings"
)

// Sections of the table, and peers.
const (
	Moments     = "Moments"
	Quantiles   = "Quantiles"
	Distinct    = "Distinct values"
	Normalizing = "Normalizing"
	Memory      = "Memory"
	SameBytes   = "The same bytes"

	Welford = "Welford's update"
	Influx  = "influxdata/tdigest"
)

// Names of rows that several tests measure, or that are made of a number.
const (
	MeanOrdinary     = "mean, ordinary data, in 1 to 20,000 parts"
	VarianceOrdinary = "variance, ordinary data, in 1 to 20,000 parts"
	MeanHard         = "mean, data far from zero or of mixed sizes"
	VarianceHard     = "variance, data far from zero or of mixed sizes: N(1e9, 1e-3), N(1e12, 1), N(1e15, 1)"
	Builds           = "builds for other processors that give other bytes"
)

// Why influxdata/tdigest is a little nearer in some rows.
const (
	raw  = "influxdata/tdigest blends nothing before it has 800 values, in 16.9 KB; here 32 values wait, in 1.9 KB"
	both = "two digests of one compression have errors of one size at other places: either may have the worst of so many"
)

// Bars is the table, in the order of docs/accuracy.md. Errors of quantiles are
// rank errors; see RankError.
var Bars = []Bar{
	{Moments, MeanOrdinary, 1, ULP, Welford, ""},
	{Moments, VarianceOrdinary, 1e-14, Relative, Welford, ""},
	{Moments, MeanHard, 1, ULP, Welford, ""},
	{Moments, VarianceHard, 1e-14, Relative, Welford, ""},
	{Moments, "mean of 100 million values", 1, ULP, Welford, ""},
	{Moments, "variance of 100 million values", 1e-14, Relative, Welford, ""},
	{Moments, "mean, NIST's univariate sets, whole and in parts", 1, ULP, Welford, ""},
	{Moments, "variance, NIST's univariate sets, whole and in parts", 1e-14, Relative, Welford, ""},
	{Moments, "mean, 22 hard samples, whole and in parts", 1, ULP, Welford, ""},
	{Moments, "variance, 22 hard samples, whole and in parts", 1e-14, Relative, Welford, ""},
	{Moments, "constants with a variance, or with another mean", 0, Count, Welford, ""},
	{Moments, "covariance, over the two standard deviations", 1e-12, Relative, "", ""},
	{Moments, "covariance, over the two standard deviations, N(1e9, 1e-3)", 1e-4, Relative, "", ""},

	{Quantiles, "quartiles of 300 values", .01, Percent, Influx, raw},
	{Quantiles, "quartiles of 1,000 values", .009, Percent, Influx, raw},
	{Quantiles, "quartiles of 1,000 values, 995 of 1,000 answers", .006, Percent, Influx, ""},
	{Quantiles, "quartiles of 3,000 values", .005, Percent, Influx, raw},
	{Quantiles, "quartiles of 30,000 values", .0025, Percent, Influx, ""},
	{Quantiles, "quartiles of 300,000 values", .001, Percent, Influx, ""},
	{Quantiles, "quartiles of 10 million values", .001, Percent, Influx, ""},
	{Quantiles, "root mean square over the quartiles of 300 values", .001, Percent, Influx, raw},
	{Quantiles, "root mean square over the quartiles of 1,000 values", .001, Percent, Influx, raw},
	{Quantiles, "root mean square over the quartiles of 3,000 values", .0009, Percent, Influx, raw},
	{Quantiles, "root mean square over the quartiles of 30,000 values", .0005, Percent, Influx, ""},
	{Quantiles, "root mean square over the quartiles of 300,000 values", .0004, Percent, Influx, ""},
	{Quantiles, "0.001 and 0.999 of 300,000 values", .0005, Percent, Influx, ""},
	{Quantiles, "0.001 and 0.999 of 10 million values", .0005, Percent, Influx, ""},
	{Quantiles, "up to 128 values, against numpy", 0, ULP, Influx, ""},
	{Quantiles, "up to 128 distinct values, in any order and parts, against numpy", 0, ULP, Influx, ""},
	{Quantiles, "centroids of a constant", 1, Count, Influx, ""},
	{Quantiles, "quartiles of 129 to 500 distinct values, rank", .02, Percent, Influx, ""},
	{Quantiles, "quartiles of 129 to 500 distinct values, part of the interquartile range", .04, Percent, Influx, ""},
	{Quantiles, "quartiles of values that close in from both sides", .012, Percent, Influx, both},
	{Quantiles, "quartiles of two far hills", .01, Percent, Influx, both},
	{Quantiles, "quartiles of logarithms of 300 decades, huge, tiny, and far from zero", .0025, Percent, Influx, ""},
	{Quantiles, "quartiles of 300 decades, without a logarithm", math.Inf(1), Percent, Influx, "no digest of one compression can hold them: `pre: log` does"},
	{Quantiles, "quartiles of twelve reference streams of 100,000 values", 1, Share, Influx, ""},
	{Quantiles, "0.001 and 0.999 of twelve reference streams of 100,000 values", 1, Share, Influx, ""},
	{Quantiles, "quartiles of 29 real sensors (NAB) up to their cutoffs", .006, Percent, Influx, ""},
	{Quantiles, "quartiles of 8, 64 and 1,024 merged parts of 2^20 values", .002, Percent, Influx, both},
	{Quantiles, "quartiles of merged parts with 300 distinct values", .02, Percent, Influx, ""},
	{Quantiles, "quartiles of merged parts with 85 distinct values", 0, Percent, Influx, ""},
	{Quantiles, "merges that lose a count, minimum or maximum", 0, Count, Influx, ""},
	{Quantiles, "weight lost by 64 merged parts of 10,000 values", 0, Percent, Influx, "AddCentroidList of v0.0.1, the only release, drops what its buffer has no room for; TestInfluxdataLosesWeight reproduces it, and it keeps influxdata/tdigest off the path of the data"},
	{Quantiles, "quantiles that descend, of 100,001", 0, Count, Influx, ""},
	{Quantiles, "ends that are not the minimum and the maximum, bit for bit", 0, Count, Influx, ""},
	{Quantiles, "CDF(Quantile(q)) from q, where the curve ascends", 1e-12, Absolute, Influx, ""},

	{Distinct, "estimates of 1 to 10 million numbers and texts", 4, Sigma, "", "one standard error is 0.81 %"},
	{Distinct, "root mean square over many draws", 1.25, Sigma, "", ""},
	{Distinct, "mean over many draws, in standard errors of that mean", 4, Sigma, "", ""},
	{Distinct, "merges, orders and restores with other bytes than the direct count", 0, Count, "", ""},

	{Normalizing, "`quantile` to uniform with scikit-learn's landmarks", 0, Absolute, "", ""},
	{Normalizing, "`quantile` to normal with scikit-learn's landmarks", 1e-9, Absolute, "", ""},
	{Normalizing, "normal quantiles from 1e-7 to 1 - 1e-7", 1e-14, Relative, "", ""},
	{Normalizing, "covariance of whitened training data, against the identity", 1e-9, Absolute, "", "four methods, condition 1e5"},
	{Normalizing, "`quantile` to uniform of 100,000 values, worst against exact landmarks", .002, Absolute, Influx, ""},
	{Normalizing, "`quantile` to uniform of 100,000 values, mean against exact landmarks", .0004, Absolute, Influx, ""},
	{Normalizing, "`quantile` to normal within ±3 of 100,000 values, worst against exact landmarks", .06, Absolute, Influx, ""},
	{Normalizing, "`quantile` to normal within ±3 of 100,000 values, mean against exact landmarks", .002, Absolute, Influx, ""},
	{Normalizing, "`quantile` of up to 128 values, against exact landmarks", 1e-9, Absolute, Influx, ""},

	{Memory, "bytes of heap a series and feature with a digest", 2048, Count, Influx, ""},
	{Memory, "objects of the heap a series and feature with a digest", .1, Count, Influx, ""},

	{SameBytes, "digests restored after any count, with other bytes at the end", 0, Count, "", ""},
	{SameBytes, "digests merged from parts of up to 31 values, with other bytes than one stream", 0, Count, "", ""},
	{SameBytes, "digests read at any time, with other bytes than unread", 0, Count, Influx, ""},
	{SameBytes, "moments restored or read at any count, with other bytes at the end", 0, Count, "", ""},
	{SameBytes, Builds, 0, Count, "", ""},
}

// Beside reports whether a bar is measured on files beside the repository, which
// a clone of it may lack.
func (b *Bar) Beside() bool {
	return strings.Contains(b.Name, "reference streams") || strings.Contains(b.Name, "NAB")
}
