package scale

import "math"

const (
	goldenMean = 0.3819660112501051 // (3 - √5) / 2
	// precision of minimum: near a minimum a function changes with the square of the
	// distance only, so that float64 tells no more than half of its digits.
	relativeStep = 1.4901161193847656e-08 // √2^-52
	absoluteStep = 1.48e-08 / 3
	maxSteps     = 500
)

// minimum returns an x in [a, b] where f has a minimum, by golden sections and,
// where they promise more, by parabolas through the three lowest points (Brent,
// "Algorithms for minimization without derivatives", 1973, as in SciPy's fminbound).
// f may be infinite, not NaN. It returns a where a > b.
func minimum(f func(float64) float64, a, b float64) float64 {
	if a > b {
		return a
	}
	x := a + float64(goldenMean*(b-a)) // the lowest point, then the second and the third
	second, third := x, x
	fx := f(x)
	fsecond, fthird := fx, fx
	step, before := 0.0, 0.0 // the last one, and that before it
	for range maxSteps {
		middle := float64(0.5 * (a + b))
		least := float64(relativeStep*math.Abs(x)) + absoluteStep
		if math.Abs(x-middle) <= float64(2*least)-float64(0.5*(b-a)) {
			break
		}
		next, ok := parabola(x, second, third, fx, fsecond, fthird)
		if ok && math.Abs(before) > least && math.Abs(next) < math.Abs(0.5*before) && a < x+next && x+next < b {
			step, before = next, step
			if u := x + step; u-a < float64(2*least) || b-u < float64(2*least) {
				step = math.Copysign(least, middle-x)
			}
		} else {
			before = b - x
			if x >= middle {
				before = a - x
			}
			step = float64(goldenMean * before)
		}
		u := x + math.Copysign(max(math.Abs(step), least), step)
		fu := f(u)
		if fu <= fx {
			if u >= x {
				a = x
			} else {
				b = x
			}
			third, fthird, second, fsecond, x, fx = second, fsecond, x, fx, u, fu
			continue
		}
		if u < x {
			a = u
		} else {
			b = u
		}
		if fu <= fsecond || second == x {
			third, fthird, second, fsecond = second, fsecond, u, fu
		} else if fu <= fthird || third == x || third == second {
			third, fthird = u, fu
		}
	}
	return x
}

// parabola returns how far from x the parabola through three points has its
// extreme; false where it has none.
func parabola(x, second, third, fx, fsecond, fthird float64) (step float64, ok bool) {
	r := float64((x - second) * (fx - fthird))
	q := float64((x - third) * (fx - fsecond))
	step = (float64((x-second)*r) - float64((x-third)*q)) / float64(2*(r-q))
	return -step, !math.IsNaN(step) && !math.IsInf(step, 0)
}
