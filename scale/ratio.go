package scale

// ratio maps x to x/p[0], and into [0, 1] where it clips: p is a number of the
// same record, such as the width of an image that x lies in. Without one above 0
// there is no answer.
type ratio struct {
	scalar
	clip bool
}

func (r ratio) Transform(dst, x, p []float64) {
	dst = dst[:len(x)]
	if len(p) == 0 || !(p[0] > 0) {
		missing(dst)
		return
	}
	by := p[0]
	for i, v := range x {
		y := v / by
		if r.clip {
			y = min(max(y, 0), 1)
		}
		dst[i] = y
	}
}

func (ratio) Inverse(dst, y, p []float64) {
	dst = dst[:len(y)]
	if len(p) == 0 || !(p[0] > 0) {
		missing(dst)
		return
	}
	by := p[0]
	for i, v := range y {
		dst[i] = v * by
	}
}
