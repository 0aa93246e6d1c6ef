package scale

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kinds of pre-transforms.
const (
	Log    = "log"
	Log1p  = "log1p"
	Sqrt   = "sqrt"
	Asinh  = "asinh"
	Affine = "affine"
	Clip   = "clip"
)

var preKinds = []string{Log, Log1p, Sqrt, Asinh, Affine, Clip}

// A Pre names a pre-transform: a fixed function applied to a value before
// anything is learned from it. Options of other kinds are zero.
type Pre struct {
	Kind   string   `json:"kind"`
	Scale  float64  `json:"scale,omitempty"`  // affine: x·scale + offset, not 0
	Offset float64  `json:"offset,omitempty"` // affine
	Min    *float64 `json:"min,omitempty"`    // clip: the lower bound; nil is none
	Max    *float64 `json:"max,omitempty"`    // clip: the upper bound; nil is none
}

// NewPre returns the Step of a valid pre-transform. It has Dims (1, 1), maps
// every value of x, however many there are, and does not read p. A value
// outside of its domain becomes NaN: that is x <= 0 for log, x <= -1 for log1p,
// x < 0 for sqrt, and for affine a result beyond 1e150. Its results have the
// same bits on every machine.
func NewPre(p Pre) (Step, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	switch p.Kind {
	case Log:
		return function{forward: log, inverse: exp}, nil
	case Log1p:
		return function{forward: log1p, inverse: expm1}, nil
	case Sqrt:
		return function{forward: math.Sqrt, inverse: square}, nil
	case Asinh:
		return function{forward: asinh, inverse: sinh}, nil
	case Affine:
		return affine{scale: p.Scale, offset: p.Offset}, nil
	}
	return newClip(p), nil
}

// Validate reports the first option that is out of bounds or belongs to another
// kind of pre-transform.
func (p Pre) Validate() error {
	switch {
	case !slices.Contains(preKinds, p.Kind):
		return fmt.Errorf("pre %q: must be one of %s", p.Kind, strings.Join(preKinds, ", "))
	case p.Kind != Affine && (p.Scale != 0 || p.Offset != 0):
		return fmt.Errorf("scale and offset are options of affine, not of %s", p.Kind)
	case p.Kind != Clip && (p.Min != nil || p.Max != nil):
		return fmt.Errorf("min and max are options of clip, not of %s", p.Kind)
	case p.Kind == Affine:
		return p.validAffine()
	case p.Kind == Clip:
		return p.validClip()
	}
	return nil
}

func (p Pre) validAffine() error {
	switch {
	case p.Scale == 0 || !bounded(p.Scale):
		return fmt.Errorf("affine scale %v: must not be 0, and within ±%v; 1 leaves the unit as it is", p.Scale, maxMagnitude)
	case !bounded(p.Offset):
		return fmt.Errorf("affine offset %v: must be within ±%v", p.Offset, maxMagnitude)
	}
	return nil
}

func (p Pre) validClip() error {
	lo, hi := p.bounds()
	switch {
	case p.Min == nil && p.Max == nil:
		return fmt.Errorf("clip has neither min nor max: set at least one")
	case p.Min != nil && !bounded(lo):
		return fmt.Errorf("clip min %v: must be within ±%v", lo, maxMagnitude)
	case p.Max != nil && !bounded(hi):
		return fmt.Errorf("clip max %v: must be within ±%v", hi, maxMagnitude)
	case !(lo < hi):
		return fmt.Errorf("clip min %v, max %v: min must be below max", lo, hi)
	}
	return nil
}

// bounds returns min and max, infinite where not set.
func (p Pre) bounds() (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	if p.Min != nil {
		lo = *p.Min
	}
	if p.Max != nil {
		hi = *p.Max
	}
	return lo, hi
}

// bounded reports whether x is a number of magnitude up to maxMagnitude.
func bounded(x float64) bool { return math.Abs(x) <= maxMagnitude }

// function maps x to forward(x).
type function struct {
	scalar
	forward, inverse func(float64) float64
}

func (f function) Transform(dst, x, _ []float64) { apply(dst, x, f.forward) }

func (f function) Inverse(dst, y, _ []float64) { apply(dst, y, f.inverse) }

func apply(dst, x []float64, f func(float64) float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = f(v)
	}
}

// square inverts the square root. No square root is negative, so a negative y
// has no inverse: NaN.
func square(y float64) float64 {
	if y < 0 {
		return math.NaN()
	}
	return y * y
}

// affine maps x to x·scale + offset.
type affine struct {
	scalar
	scale, offset float64
}

func (a affine) Transform(dst, x, _ []float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		y := float64(v*a.scale) + a.offset
		if !bounded(y) {
			y = math.NaN()
		}
		dst[i] = y
	}
}

func (a affine) Inverse(dst, y, _ []float64) {
	dst = dst[:len(y)]
	for i, v := range y {
		dst[i] = (v - a.offset) / a.scale
	}
}

// clip moves values into [lo, hi]. Its inverse cannot know what was clipped and
// leaves every value as it is.
type clip struct {
	scalar
	lo, hi float64
}

func newClip(p Pre) clip {
	lo, hi := p.bounds()
	return clip{lo: lo, hi: hi}
}

func (c clip) Transform(dst, x, _ []float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = min(max(v, c.lo), c.hi)
	}
}

func (clip) Inverse(dst, y, _ []float64) { copy(dst, y) }
