package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// The bars that a choice of scaler goes by; docs/init.md says the same in words.
const (
	fewValues  = 100 // with less, quantiles near the ends say nothing
	longTails  = 5   // interquartile ranges that the middle 98 % span: normal 3.4, Student's t with 5 degrees 4.6, Laplace 5.6
	farOut     = 10  // interquartile ranges from the median to the farthest value
	overRange  = 30  // the 99th over the 1st percentile of what is positive
	skewed     = 0.5 // (q99 + q1 - 2 median) / (q99 - q1): exponential 0.70, log-normal 0.82
	oftenAtEnd = 0.02
)

// A choice is how a feature is to be scaled, and why.
type choice struct{ pre, scaler, why string }

// A spread describes values by their order.
type spread struct {
	n                            int
	min, q1, q25, q50, q75, q99  float64
	max                          float64
	atMin, atMax                 float64 // shares of the values
	distinct                     int
	positiveQ1, positiveQ50, top float64 // 1st, 50th and 99th percentile of the positive ones; 0 without any
}

// spreadOf describes at least one value; it sorts them.
func spreadOf(values []float64) spread {
	slices.Sort(values)
	n := len(values)
	s := spread{n: n, min: values[0], max: values[n-1],
		q1: quantile(values, 0.01), q25: quantile(values, 0.25), q50: quantile(values, 0.5), q75: quantile(values, 0.75), q99: quantile(values, 0.99)}
	for i, x := range values {
		switch {
		case x == s.min:
			s.atMin += 1 / float64(n)
		case x == s.max:
			s.atMax += 1 / float64(n)
		}
		if i == 0 || x != values[i-1] {
			s.distinct++
		}
	}
	first, _ := slices.BinarySearch(values, math.SmallestNonzeroFloat64)
	if positive := values[first:]; len(positive) > 0 {
		s.positiveQ1, s.positiveQ50, s.top = quantile(positive, 0.01), quantile(positive, 0.5), quantile(positive, 0.99)
	}
	return s
}

// quantile returns the value at the nearest rank of sorted ones.
func quantile(sorted []float64, p float64) float64 {
	return sorted[int(math.Round(p*float64(len(sorted)-1)))]
}

// tails is how many interquartile ranges the middle 98 % of the values span.
func (s *spread) tails() float64 { return s.ranges(s.q99 - s.q1) }

// far is how many interquartile ranges the farthest value is from the median.
func (s *spread) far() float64 { return s.ranges(max(s.max-s.q50, s.q50-s.min)) }

// ranges returns a distance in interquartile ranges.
func (s *spread) ranges(distance float64) float64 {
	if s.flat() {
		return math.Inf(1)
	}
	return distance / (s.q75 - s.q25)
}

// flat says that at least half of the values are the same.
func (s *spread) flat() bool { return s.q25 == s.q75 }

func (s *spread) heavy() bool { return !s.flat() && (s.tails() > longTails || s.far() > farOut) }

// decades says that the positive values go over decades, most of them at the
// lower end, and that their logarithms are more even.
func (s *spread) decades() bool {
	if s.min < 0 || s.top < overRange*s.positiveQ1 || s.top == 0 {
		return false
	}
	skew := skewness(s.positiveQ1, s.positiveQ50, s.top)
	return skew >= skewed && math.Abs(skewness(math.Log(s.positiveQ1), math.Log(s.positiveQ50), math.Log(s.top))) < skew
}

// skewness is 0 for what is even around its median, 1 for a tail to the right alone.
func skewness(low, median, high float64) float64 { return (high + low - 2*median) / (high - low) }

func (s *spread) bothEnds() bool {
	return s.distinct == 2 || s.atMin >= oftenAtEnd && s.atMax >= oftenAtEnd
}

// choose picks a scaler for the values of each series, of which there is at least one.
// Series with few values, or one value only, say nothing unless there are no others.
func choose(name string, series [][]float64) choice {
	all := spreadOf(slices.Concat(series...))
	why := fmt.Sprintf("%.4g to %.4g: ", all.min, all.max)
	if text := bounded(name, &all); text != "" {
		return choice{"", "minmax", why + text}
	}
	spreads := telling(series)
	if len(spreads) == 0 {
		return choice{"", "standard", why + fmt.Sprintf("no series has %d values to judge the tails by", fewValues)}
	}
	if share(spreads, (*spread).bothEnds) > 0.5 {
		return choice{"", "minmax", why + "values are often at both ends"}
	}
	if pre := logOf(&all); pre != "" && share(spreads, (*spread).decades) > 0.5 {
		return behindLog(pre, series, why+"over decades, most at the lower end")
	}
	scaler, tails := byTails(spreads)
	return choice{"", scaler, why + tails}
}

// telling describes the series whose values say something.
func telling(series [][]float64) (spreads []spread) {
	for _, values := range series {
		if len(values) < fewValues {
			continue
		}
		if s := spreadOf(values); s.distinct > 1 {
			spreads = append(spreads, s)
		}
	}
	return spreads
}

func share(spreads []spread, has func(*spread) bool) float64 {
	n := 0
	for i := range spreads {
		if has(&spreads[i]) {
			n++
		}
	}
	return float64(n) / float64(len(spreads))
}

// logOf returns the logarithm that suits values from 0 on: log1p where there is a 0,
// or most are so large that the 1 does not matter. It is empty if none does.
func logOf(all *spread) string {
	switch {
	case all.min < 0 || all.min == 0 && all.top < 10:
		return ""
	case all.min == 0 || all.positiveQ50 >= 10:
		return "log1p"
	}
	return "log"
}

// behindLog picks the scaler of the logarithms.
func behindLog(pre string, series [][]float64, why string) choice {
	f := math.Log
	if pre == "log1p" {
		f = math.Log1p
	}
	logs := make([][]float64, len(series))
	for i, values := range series {
		for _, x := range values {
			logs[i] = append(logs[i], f(x))
		}
	}
	scaler, tails := byTails(telling(logs))
	return choice{pre, scaler, why + "; of the logarithms " + tails}
}

// byTails returns robust for long tails, unless the quartiles of some series
// coincide, which leaves robust without a scale.
func byTails(spreads []spread) (scaler, why string) {
	heavy, flat := share(spreads, (*spread).heavy), share(spreads, (*spread).flat)
	typical := typicalOf(spreads)
	switch {
	case flat > 0.1 && len(spreads) == 1:
		return "standard", fmt.Sprintf("half or more are %.4g, so robust would have no scale", typical.q50)
	case flat > 0.1:
		return "standard", fmt.Sprintf("half or more are the same in %.0f %% of the series, so robust would have no scale there", 100*flat)
	case heavy < 0.25:
		return "standard", fmt.Sprintf("98 %% span %.1f interquartile ranges: no long tails", typical.tails())
	case len(spreads) > 1:
		return "robust", fmt.Sprintf("long tails in %.0f %% of the series", 100*heavy)
	case typical.tails() > longTails:
		return "robust", fmt.Sprintf("98 %% span %.1f interquartile ranges: long tails", typical.tails())
	}
	return "robust", fmt.Sprintf("one is %.0f interquartile ranges from the median: outliers", typical.far())
}

// typicalOf returns the spread with the median of the tails.
func typicalOf(spreads []spread) *spread {
	sorted := slices.SortedFunc(slices.Values(spreads), func(a, b spread) int {
		switch x, y := a.tails(), b.tails(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return &sorted[len(sorted)/2]
}

// shareWords are names of quantities that have natural bounds.
var shareWords = []string{"pct", "percent", "percentage", "ratio", "fraction", "share", "prob", "probability", "confidence", "score",
	"humidity", "rh", "util", "utilization", "utilisation", "soc", "soh", "duty", "opening", "valve", "throttle"}

// bounded says why values have natural bounds; it is empty if they do not seem to.
func bounded(name string, s *spread) string {
	for _, top := range []float64{1, 100} {
		if s.min < 0 || s.max > top {
			continue
		}
		if slices.ContainsFunc(words(name), func(w string) bool { return slices.Contains(shareWords, w) }) {
			return fmt.Sprintf("by its name a share of %v", top)
		}
		if s.n >= fewValues && s.min <= 0.05*top && s.max >= 0.95*top && s.q75-s.q25 >= 0.05*top {
			return fmt.Sprintf("the values fill 0 to %v", top)
		}
	}
	return ""
}

// words splits the last part of a field's path where letters and digits meet anything
// else, or lower case meets upper case, and returns them in lower case.
func words(field string) []string {
	field = field[strings.LastIndexByte(field, '.')+1:]
	var spaced strings.Builder
	last := ' '
	for _, r := range field {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(last), unicode.IsDigit(r) != unicode.IsDigit(last) && last != ' ':
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(unicode.ToLower(r))
		last = r
	}
	return strings.Fields(spaced.String())
}
