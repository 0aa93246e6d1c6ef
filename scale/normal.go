package scale

// The normal distribution function and its inverse, written out for the same
// reason as elementary.go.
//
// normalCDF uses the approximations of erf and erfc in FreeBSD's msun, s_erf.c:
//
//	Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//	Developed at SunPro, a Sun Microsystems, Inc. business. Permission to use,
//	copy, modify, and distribute this software is freely granted, provided that
//	this notice is preserved.
//
// normalQuantile is ndtri of the Cephes Math Library, release 2.1, as in SciPy,
// by way of gonum (BSD-style license):
//
//	Copyright 1984, 1987, 1989 by Stephen L. Moshier. Made freely available
//	without support or guarantee.

import "math"

var (
	// (erf(x)-x) / x in x², |x| < 0.84375.
	erfNum = [...]float64{
		1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02, -5.77027029648944159157e-03,
		-2.37630166566501626084e-05,
	}
	// Its denominator.
	erfDen = [...]float64{
		1, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03,
		1.32494738004321644526e-04, -3.96022827877536812320e-06,
	}
	// erf(x) - erfOne in x-1, 0.84375 <= x < 1.25.
	erfOneNum = [...]float64{
		-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01, 3.18346619901161753674e-01,
		-1.10894694282396677476e-01, 3.54783043256182359371e-02, -2.16637559486879084300e-03,
	}
	// Its denominator.
	erfOneDen = [...]float64{
		1, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
		1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02,
	}
	// log(x·erfc(x)) + x² + 0.5625 in 1/x², 1.25 <= x < 1/0.35.
	erfcNum = [...]float64{
		-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01, -6.23753324503260060396e+01,
		-1.62396669462573470355e+02, -1.84605092906711035994e+02, -8.12874355063065934246e+01, -9.81432934416914548592e+00,
	}
	// Its denominator.
	erfcDen = [...]float64{
		1, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02,
		6.45387271733267880336e+02, 4.29008140027567833386e+02, 1.08635005541779435134e+02, 6.57024977031928170135e+00,
		-6.04244152148580987438e-02,
	}
	// The same, x >= 1/0.35.
	erfcFarNum = [...]float64{
		-9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01, -1.60636384855821916062e+02,
		-6.37566443368389627722e+02, -1.02509513161107724954e+03, -4.83519191608651397019e+02,
	}
	// Its denominator.
	erfcFarDen = [...]float64{
		1, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03,
		3.19985821950859553908e+03, 2.55305040643316442583e+03, 4.74528541206955367215e+02, -2.24409524465858183362e+01,
	}
	// (x/√(2π) - w) / w³ in w², w = p - 1/2, |w| <= 3/8.
	centerNum = [...]float64{
		-1.23916583867381258016e0, 1.39312609387279679503e1, -5.66762857469070293439e1, 9.80010754185999661536e1,
		-5.99633501014107895267e1,
	}
	// Its denominator.
	centerDen = [...]float64{
		-1.18331621121330003142e0, 1.59056225126211695515e1, -8.20372256168333339912e1, 2.00260212380060660359e2,
		-2.25462687854119370527e2, 8.63602421390890590575e1, 4.67627912898881538453e0, 1.95448858338141759834e0,
		1,
	}
	// z·(z - log(z)/z - x) in 1/z, z = √(-2 log p), 2 <= z < 8.
	tailNum = [...]float64{
		-8.57456785154685413611e-4, -3.50424626827848203418e-2, -1.40256079171354495875e-1, 2.18663306850790267539e0,
		1.46849561928858024014e1, 4.40805073893200834700e1, 5.71628192246421288162e1, 3.15251094599893866154e1,
		4.05544892305962419923e0,
	}
	// Its denominator.
	tailDen = [...]float64{
		-9.33259480895457427372e-4, -3.80806407691578277194e-2, -1.42182922854787788574e-1, 2.50464946208309415979e0,
		1.50425385692907503408e1, 4.13172038254672030440e1, 4.53907635128879210584e1, 1.57799883256466749731e1,
		1,
	}
	// The same, 8 <= z < 64.
	farNum = [...]float64{
		6.23974539184983293730e-9, 2.65806974686737550832e-6, 3.01581553508235416007e-4, 1.23716634817820021358e-2,
		2.01485389549179081538e-1, 1.33303460815807542389e0, 3.93881025292474443415e0, 6.91522889068984211695e0,
		3.23774891776946035970e0,
	}
	// Its denominator.
	farDen = [...]float64{
		6.79019408009981274425e-9, 2.89247864745380683936e-6, 3.28014464682127739104e-4, 1.34204006088543189037e-2,
		2.16236993594496635890e-1, 1.37702099489081330271e0, 3.67983563856160859403e0, 6.02427039364742014255e0,
		1,
	}
)

const (
	erfOne  = 8.45062911510467529297e-01 // erf(1) rounded to 24 bits
	expM2   = 0.13533528323661269189     // exp(-2)
	sqrt2Pi = 2.50662827463100050242
)

// normalCDF returns the probability that a standard normal variable is below x.
func normalCDF(x float64) float64 {
	z := float64(math.Abs(x) * (math.Sqrt2 / 2))
	if z < 0.84375 {
		square := z * z
		half := float64(0.5 * (z + float64(z*(poly5(square, &erfNum)/poly6(square, &erfDen)))))
		return 0.5 + math.Copysign(half, x)
	}
	tail := normalTail(math.Abs(x), z)
	if x > 0 {
		return 1 - tail
	}
	return tail
}

// normalTail returns the probability beyond a, where z = a/√2 >= 0.84375. The
// exponential of -a²/2 comes from a itself, with a² in two parts: the rounding
// of z would cost a relative error of a².
func normalTail(a, z float64) float64 {
	switch {
	case z < 1.25:
		return 0.5 * ((1 - erfOne) - poly7(z-1, &erfOneNum)/poly7(z-1, &erfOneDen))
	case a > 40:
		return 0
	}
	s := 2 / float64(a*a)
	correction := 0.0
	if z < 1/0.35 {
		correction = poly8(s, &erfcNum) / poly9(s, &erfcDen)
	} else {
		correction = poly7(s, &erfcFarNum) / poly8(s, &erfcFarDen)
	}
	b := short(a)
	return exp(-float64(0.5*b*b)-0.5625) * exp(float64(0.5*(b-a)*(b+a))+correction) / (math.Sqrt2 * a)
}

// normalQuantile returns the x below which a standard normal variable lies with
// probability p: -Inf for 0, +Inf for 1, NaN outside of [0, 1].
func normalQuantile(p float64) float64 {
	switch {
	case p == 0:
		return math.Inf(-1)
	case p == 1:
		return math.Inf(1)
	case p > 1-expM2:
		return -normalQuantileTail(1 - p)
	case p > expM2:
		w := p - 0.5
		square := float64(w * w)
		return sqrt2Pi * (w + float64(w*(float64(square*poly5(square, &centerNum))/poly9(square, &centerDen))))
	}
	return normalQuantileTail(p)
}

// normalQuantileTail is normalQuantile for p <= exp(-2).
func normalQuantileTail(p float64) float64 {
	z := math.Sqrt(-2 * log(p))
	y := 1 / z
	first := z - log(z)/z
	if z < 8 {
		return float64(y*poly9(y, &tailNum))/poly9(y, &tailDen) - first
	}
	return float64(y*poly9(y, &farNum))/poly9(y, &farDen) - first
}
