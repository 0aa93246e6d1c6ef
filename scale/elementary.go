package scale

// The logarithms and exponentials below are written out because those of
// package math differ in their last bit between machines: some are assembly, and
// where Go code adds a product the compiler may fuse the two. Here every product
// that reaches a sum is rounded first by float64(…), so that one artifact comes
// out everywhere. Their largest errors, in units in the last place (ulp) of the
// exact result, are measured in elementary_test.go.
//
// The approximations of log, log1p, exp and expm1 are those of FreeBSD's msun,
// files e_log.c, s_log1p.c, e_exp.c and s_expm1.c, by way of Go's package math:
//
//	Copyright (C) 1993, 2004 by Sun Microsystems, Inc. All rights reserved.
//	Developed at SunPro, a Sun Microsystems, Inc. business. Permission to use,
//	copy, modify, and distribute this software is freely granted, provided that
//	this notice is preserved.
//
//	Copyright 2010 The Go Authors. All rights reserved. Use of this source code
//	is governed by a BSD-style license (https://go.dev/LICENSE).

import "math"

const (
	// ln 2 in two parts; the first times an integer up to 2000 is exact.
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
	log2E = 1.44269504088896338700e+00

	expMax = 7.09782712893383973096e+02  // exp of more is infinite
	expMin = -7.45133219101941108420e+02 // exp of less is 0
)

var (
	// (log(1+f) - log(1-f) - 2s) / s³ in s², where s = f/(2+f).
	logPoly = [...]float64{
		6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
		1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
	}
	// r - r(exp(r)+1)/(exp(r)-1) + 2, divided by r², in r².
	expPoly = [...]float64{
		1.66666666666666657415e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
		-1.65339022054652515390e-06, 4.13813679705723846039e-08,
	}
	// 6/r·((exp(r)+1)/(exp(r)-1) - 2/r) in r²/2.
	expm1Poly = [...]float64{
		1, -3.33333333333331316428e-02, 1.58730158725481460165e-03, -7.93650757867487942473e-05,
		4.00821782732936239552e-06, -2.01099218183624371326e-07,
	}
	// (sinh(x)-x) / x³ in x²: Taylor's series.
	sinhPoly = [...]float64{
		1.0 / 6, 1.0 / 120, 1.0 / 5040, 1.0 / 362880, 1.0 / 39916800, 1.0 / 6227020800, 1.0 / 1307674368000,
		1.0 / 355687428096000, 1.0 / 121645100408832000,
	}
)

// mul returns the rounded product.
func mul(x, y float64) float64 { return float64(x * y) }

func poly5(x float64, c *[5]float64) float64 {
	return c[0] + mul(x, c[1]+mul(x, c[2]+mul(x, c[3]+mul(x, c[4]))))
}

func poly6(x float64, c *[6]float64) float64 {
	return c[0] + mul(x, c[1]+mul(x, c[2]+mul(x, c[3]+mul(x, c[4]+mul(x, c[5])))))
}

func poly7(x float64, c *[7]float64) float64 {
	return c[0] + mul(x, c[1]+mul(x, c[2]+mul(x, c[3]+mul(x, c[4]+mul(x, c[5]+mul(x, c[6]))))))
}

func poly8(x float64, c *[8]float64) float64 {
	return c[0] + mul(x, c[1]+mul(x, c[2]+mul(x, c[3]+mul(x, c[4]+mul(x, c[5]+mul(x, c[6]+mul(x, c[7])))))))
}

func poly9(x float64, c *[9]float64) float64 {
	return c[0] + mul(x, c[1]+mul(x, c[2]+mul(x, c[3]+mul(x, c[4]+mul(x, c[5]+mul(x, c[6]+mul(x, c[7]+mul(x, c[8]))))))))
}

// log returns the natural logarithm of x, NaN for x <= 0.
func log(x float64) float64 {
	if !(x > 0) {
		return math.NaN()
	}
	m, k := normalize(x)
	return logSum(k, m-1, 0)
}

// log1p returns log(1+x), NaN for x <= -1.
func log1p(x float64) float64 {
	if !(x > -1) {
		return math.NaN()
	}
	return log1pSum(x, 0)
}

// asinh returns log(x + √(x²+1)). Root and sum carry the error of their
// rounding along, so that only the logarithm's is left.
func asinh(x float64) float64 {
	a := math.Abs(x)
	if a >= 1<<28 { // √(a²+1) is a
		m, k := normalize(a)
		return math.Copysign(logSum(k+1, m-1, 0), x)
	}
	u, rest := addOne(float64(a * a))
	root := math.Sqrt(u)
	high := short(root)
	low := root - high
	rest += (u - float64(high*high)) - float64(2*high*low) - float64(low*low) // u - root²
	sum := a + (root - 1)
	return math.Copysign(log1pSum(sum, (root-1)-(sum-a)+rest/(2*root)), x)
}

// short returns x cut to 21 bits. Its square is exact, and so is its product
// with what was cut.
func short(x float64) float64 { return math.Float64frombits(math.Float64bits(x) &^ (1<<32 - 1)) }

// log1pSum returns log(1 + x + e) for a small correction e of x > -1.
func log1pSum(x, e float64) float64 {
	if math.Sqrt2/2-1 < x && x < math.Sqrt2-1 {
		return logSum(0, x, e/(1+x))
	}
	u, rest := addOne(x)
	m, k := normalize(u)
	return logSum(k, m-1, (rest+e)/u)
}

// addOne returns 1+x and what its rounding took away.
func addOne(x float64) (sum, rest float64) {
	sum = 1 + x
	if math.Abs(x) < 1 {
		return sum, x - (sum - 1)
	}
	return sum, 1 - (sum - x)
}

// normalize returns m in [√½, √2) and k with x = m·2^k, x > 0. The bits of x less
// those of √½ hold k above the mantissa.
func normalize(x float64) (m float64, k int) {
	const rootHalf = 0x3fe6a09e667f3bcd
	if x < 0x1p-1022 {
		x, k = x*0x1p54, -54
	}
	bits := math.Float64bits(x)
	shift := int64(bits-rootHalf) >> 52
	return math.Float64frombits(bits - uint64(shift)<<52), k + int(shift)
}

// logSum returns k·ln 2 + log(1+f) + c for a small correction c and
// √½ <= 1+f < √2.
func logSum(k int, f, c float64) float64 {
	s := f / (2 + f)
	z := s * s
	half := float64(0.5 * f * f)
	tail := float64(s*(half+float64(z*poly7(z, &logPoly)))) + (float64(float64(k)*ln2Lo) + c)
	return float64(float64(k)*ln2Hi) - ((half - tail) - f)
}

// exp returns e^x.
func exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > expMax:
		return math.Inf(1)
	case x < expMin:
		return 0
	}
	v, rest, k := expParts(x)
	return math.Ldexp(1+(v-rest), k)
}

// sinh returns (e^x - e^-x) / 2.
func sinh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case a < 1:
		z := a * a
		return x + float64(x*float64(z*poly9(z, &sinhPoly)))
	case !(a < 711):
		return x * math.Inf(1)
	}
	v, rest, k := expParts(a)
	reciprocal := math.Ldexp(1/(1+(v-rest)), -2*k)
	e, lost := addOne(v)
	return math.Copysign(math.Ldexp(e+(lost-rest-reciprocal), k-1), x)
}

// expParts returns v, |v| <= ln(2)/2, a rest of up to v²/2 and k with
// e^x = (1 + v - rest)·2^k.
func expParts(x float64) (v, rest float64, k int) {
	hi, lo, k := splitExp(x)
	r := hi - lo
	t := r * r
	c := r - float64(t*poly5(t, &expPoly))
	return hi, lo - float64(r*c)/(2-c), k
}

// splitExp returns x as k·ln 2 + hi - lo, |hi-lo| <= ln(2)/2.
func splitExp(x float64) (hi, lo float64, k int) {
	k = int(float64(log2E*x) + math.Copysign(0.5, x))
	return x - float64(float64(k)*ln2Hi), float64(float64(k) * ln2Lo), k
}

// expm1 returns e^x - 1.
func expm1(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > expMax:
		return math.Inf(1)
	case x < -56*math.Ln2:
		return -1
	}
	hi, lo, k := splitExp(x)
	r := hi - lo
	c := (hi - r) - lo
	half := 0.5 * r
	square := float64(r * half)
	q := poly6(square, &expm1Poly)
	t := 3 - float64(q*half)
	e := float64(square * ((q - t) / (6 - float64(r*t))))
	if k == 0 {
		return r - (float64(r*e) - square)
	}
	return scaledExpm1(k, r, float64(r*(e-c))-c-square)
}

// scaledExpm1 returns 2^k·(1+r-e) - 1 in the order that loses least.
func scaledExpm1(k int, r, e float64) float64 {
	switch {
	case k == -1:
		return float64(0.5*(r-e)) - 0.5
	case k == 1 && r < -0.25:
		return -2 * (e - (r + 0.5))
	case k == 1:
		return 1 + float64(2*(r-e))
	case k <= -2 || k > 56:
		return math.Ldexp(1-(e-r), k) - 1
	case k < 20:
		return math.Ldexp((1-math.Ldexp(1, -k))-(e-r), k)
	}
	return math.Ldexp((r-(e+math.Ldexp(1, -k)))+1, k)
}
