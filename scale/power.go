package scale

import "math"

// powerStep maps x to (y - mean) / scale, where y is x bent by lambda, with
// p = lambda, mean, scale.
type powerStep struct {
	scalar
	forward, inverse func(x, lambda float64) float64
}

func newPower(s Spec) powerStep {
	switch {
	case s.Kind == YeoJohnson:
		return powerStep{forward: yeoJohnson, inverse: yeoJohnsonInverse}
	case s.Standardize:
		return powerStep{forward: boxCoxShifted, inverse: boxCoxShiftedInverse}
	}
	return powerStep{forward: boxCox, inverse: boxCoxInverse}
}

func (s powerStep) Transform(dst, x, p []float64) {
	dst = dst[:len(x)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	lambda, mean, scale := p[0], p[1], p[2]
	for i, v := range x {
		dst[i] = (s.forward(v, lambda) - mean) / scale
	}
}

func (s powerStep) Inverse(dst, y, p []float64) {
	dst = dst[:len(y)]
	if len(p) == 0 {
		missing(dst)
		return
	}
	lambda, mean, scale := p[0], p[1], p[2]
	for i, v := range y {
		dst[i] = s.inverse(float64(v*scale)+mean, lambda)
	}
}

// bend returns (e^(lambda·u) - 1) / lambda, and its limit u for lambda = 0.
func bend(u, lambda float64) float64 {
	if math.Abs(lambda) < epsilon {
		return u
	}
	return expm1(lambda*u) / lambda
}

// unbend returns the u that bend maps to y: NaN where there is none.
func unbend(y, lambda float64) float64 {
	if math.Abs(lambda) < epsilon {
		return y
	}
	return log1p(lambda*y) / lambda
}

// yeoJohnson returns ((1+x)^lambda - 1) / lambda for x >= 0, and the negative of
// the same of -x by 2-lambda for the rest (Yeo and Johnson, "A new family of power
// transformations to improve normality or symmetry", 2000).
func yeoJohnson(x, lambda float64) float64 {
	switch {
	case lambda == 1:
		return x
	case x < 0:
		return -bend(log1p(-x), 2-lambda)
	}
	return bend(log1p(x), lambda)
}

func yeoJohnsonInverse(y, lambda float64) float64 {
	switch {
	case lambda == 1:
		return y
	case y < 0:
		return -expm1(unbend(-y, 2-lambda))
	}
	return expm1(unbend(y, lambda))
}

// boxCox returns (x^lambda - 1) / lambda, NaN for x <= 0 (Box and Cox, "An
// analysis of transformations", 1964).
func boxCox(x, lambda float64) float64 { return bend(log(x), lambda) }

func boxCoxInverse(y, lambda float64) float64 { return exp(unbend(y, lambda)) }

// boxCoxShifted is boxCox, but for lambda = 1 it is x in place of x - 1, which a
// mean makes the same of: so a constant comes back exactly.
func boxCoxShifted(x, lambda float64) float64 {
	if lambda == 1 {
		return positive(x)
	}
	return boxCox(x, lambda)
}

func boxCoxShiftedInverse(y, lambda float64) float64 {
	if lambda == 1 {
		return positive(y)
	}
	return boxCoxInverse(y, lambda)
}

// positive returns x, NaN for x <= 0.
func positive(x float64) float64 {
	if x <= 0 {
		return math.NaN()
	}
	return x
}

// PowerParams appends lambda, mean and scale of a feature with n values, their mean
// and population variance, and their parts. Lambda is the likeliest one, that is, it
// makes the values most like a normal sample; mean and scale are those of the values
// it has bent, or 0 and 1 without standardize.
//
// Where the feature is constant, or no lambda can be found, it is 1, which leaves
// values as they are. All are NaN where n is 0.
func PowerParams(p []float64, s Spec, n uint64, mean, variance float64, parts Parts) []float64 {
	lambda := 1.0
	if n == 0 {
		lambda = math.NaN()
	} else if !constant(float64(n), mean, variance) {
		l := newLikelihood(s, parts)
		if best := minimum(l.negative, l.lowest, l.highest); l.negative(best) < math.Inf(1) {
			lambda = best
			mean, variance = l.moments(lambda)
		}
	}
	return StandardParams(append(p, lambda), Spec{WithMean: s.Standardize, WithStd: s.Standardize}, n, mean, variance)
}

// A likelihood tells how likely values are that a lambda has bent, as those of a
// normal distribution. The middles of the parts stand for the values.
type likelihood struct {
	logs            []float64 // of x, or those of 1+|x| with the sign of x
	counts          []float64 // of each
	n, sum          float64   // of counts, and of logs with their counts
	twoSided        bool      // logs < 0 are bent by 2-lambda
	lowest, highest float64   // lambda
	bent            []float64 // scratch
}

func newLikelihood(s Spec, parts Parts) *likelihood {
	n := len(parts.Counts)
	both := make([]float64, 2*n)
	l := &likelihood{counts: parts.Counts, twoSided: s.Kind == YeoJohnson, logs: both[:n], bent: both[n:]}
	for i, count := range parts.Counts {
		switch x := parts.middle(i); {
		case !l.twoSided:
			l.logs[i] = log(x)
		case x < 0:
			l.logs[i] = -log1p(-x)
		default:
			l.logs[i] = log1p(x)
		}
		l.n += count
		l.sum += float64(count * l.logs[i])
	}
	bounds := boxCoxBounds
	if l.twoSided {
		bounds = yeoJohnsonBounds
	}
	l.lowest, l.highest = bounds(parts.Lows[0], parts.Highs[n-1])
	return l
}

const (
	// logTiny and logHuge are the logarithms of bent values whose squares neither
	// vanish nor overflow: half of float64's range, less a margin of 2^-52.
	logTiny = -336.17638257157347
	logHuge = 336.8695297521334

	// headroom is how far beyond the training range values are still bent safely.
	headroom = 20
)

// yeoJohnsonBounds are SciPy's (yeojohnson_normmax). The lower one is above the
// higher one where no lambda is safe, for values of both signs beyond some 1e144.
func yeoJohnsonBounds(first, last float64) (lowest, highest float64) {
	reach := log1p(headroom * max(-first, last))
	lowest, highest = logTiny/reach, logHuge/reach
	switch {
	case last < 0:
		return 2 - highest, 2 - lowest
	case first < 0:
		return max(2-highest, lowest), min(2-lowest, highest)
	}
	return lowest, highest
}

// boxCoxBounds hold lambda to the same room on both ends of the values.
func boxCoxBounds(first, last float64) (lowest, highest float64) {
	reach := max(log(headroom*last), -log(first/headroom))
	return logTiny / reach, logHuge / reach
}

// moments returns mean and variance of the bent values.
func (l *likelihood) moments(lambda float64) (mean, variance float64) {
	for i, u := range l.logs {
		if l.twoSided && u < 0 {
			l.bent[i] = -bend(-u, 2-lambda)
		} else {
			l.bent[i] = bend(u, lambda)
		}
		mean += float64(l.counts[i] * l.bent[i])
	}
	mean /= l.n
	for i, y := range l.bent {
		variance += float64(l.counts[i] * float64((y-mean)*(y-mean)))
	}
	return mean, variance / l.n
}

// negative returns the negative logarithm of the likelihood, up to a constant: it is
// infinite where the values, once bent, can no longer be told apart.
func (l *likelihood) negative(lambda float64) float64 {
	mean, variance := l.moments(lambda)
	if !(variance >= smallestNormal) || math.IsInf(variance, 1) || constant(l.n, mean, variance) {
		return math.Inf(1)
	}
	return float64(l.n/2*log(variance)) - float64((lambda-1)*l.sum)
}

const smallestNormal = 0x1p-1022
