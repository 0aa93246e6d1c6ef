package scale

import (
	"fmt"
	"slices"
	"strings"
)

// maxMagnitude is the largest |x| that a Step is given and that a pre-transform
// hands on: squared it still fits a float64.
const maxMagnitude = 1e150

// maxQuantiles is the largest n_quantiles: scikit-learn's default subsample,
// above which its QuantileTransformer refuses too.
const maxQuantiles = 10_000

// Output distributions of the quantile scaler.
const (
	Uniform = "uniform"
	Normal  = "normal"
)

var (
	kinds         = []string{None, Standard, MinMax, MaxAbs, Robust, Quantile, Normalizer, Ratio}
	distributions = []string{Uniform, Normal}
)

// Default returns the scaler kind with scikit-learn's default options. Its
// error lists the kinds.
func Default(kind string) (Spec, error) {
	s := Spec{Kind: kind}
	switch kind {
	case None, MaxAbs, Ratio:
	case Standard:
		s.WithMean, s.WithStd = true, true
	case MinMax:
		s.FeatureRange = &[2]float64{0, 1}
	case Robust:
		s.WithCentering, s.WithScaling = true, true
		s.QuantileRange = &[2]float64{25, 75}
	case Quantile:
		s.NQuantiles, s.OutputDistribution = 1000, Uniform
	case Normalizer:
		s.Norm = L2
	default:
		return Spec{}, unknownKind(kind)
	}
	return s, nil
}

// New returns the Step of a valid spec. It has Dims (1, 1) and maps every value
// of x, however many there are, with the same p, whose numbers Params names.
// Values are NaN or within ±1e150; a result is infinite only where it exceeds
// float64, as 1e150 with a scale of 1e-160 does. That of Normalizer is a Norm,
// which maps the values together; that of Ratio has the divisor as its p.
func New(s Spec) (Step, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	switch s.Kind {
	case Standard, Robust:
		return linear{}, nil
	case MinMax:
		return newMinMax(s), nil
	case MaxAbs:
		return newMaxAbs(s), nil
	case Quantile:
		return quantileStep{normal: s.OutputDistribution == Normal}, nil
	case Normalizer:
		return NewNorm(s.Norm)
	case Ratio:
		return ratio{clip: s.Clip}, nil
	}
	return identity{}, nil
}

// Params names the numbers of p in their order, as scikit-learn names its
// fitted attributes, without the underscore. Where an option is off its number
// is neutral: with_mean false is mean 0, with_scaling false is scale 1.
func (s Spec) Params() []string {
	switch s.Kind {
	case Standard:
		return []string{"mean", "scale"}
	case MinMax:
		return []string{"min", "scale"}
	case MaxAbs:
		return []string{"scale"}
	case Robust:
		return []string{"center", "scale"}
	case Quantile:
		return []string{"references", "quantiles"}
	}
	return nil
}

// Alone reports whether a record is scaled by itself alone, so that nothing is
// learned.
func (s Spec) Alone() bool { return s.Kind == Normalizer || s.Kind == Ratio }

// Ragged reports whether p differs in length from series to series: each of
// Params then stands for m numbers, the first for p[:m], the second for p[m:].
func (s Spec) Ragged() bool { return s.Kind == Quantile }

// Validate reports the first option that scikit-learn would refuse, that gives
// numbers of no use, or that belongs to another kind of scaler.
func (s Spec) Validate() error {
	if !slices.Contains(kinds, s.Kind) {
		return unknownKind(s.Kind)
	}
	if err := s.foreign(); err != nil {
		return err
	}
	switch s.Kind {
	case MinMax:
		return validFeatureRange(s.FeatureRange)
	case Robust:
		return s.validQuantileRange()
	case Quantile:
		return s.validQuantile()
	case Normalizer:
		_, err := NewNorm(s.Norm)
		return err
	}
	return nil
}

// foreign reports an option that is set but belongs to other kinds.
func (s Spec) foreign() error {
	for _, o := range []struct {
		name  string
		set   bool
		kinds []string
	}{
		{"with_mean", s.WithMean, []string{Standard}},
		{"with_std", s.WithStd, []string{Standard}},
		{"feature_range", s.FeatureRange != nil, []string{MinMax}},
		{"clip", s.Clip, []string{MinMax, MaxAbs, Ratio}},
		{"with_centering", s.WithCentering, []string{Robust}},
		{"with_scaling", s.WithScaling, []string{Robust}},
		{"quantile_range", s.QuantileRange != nil, []string{Robust}},
		{"unit_variance", s.UnitVariance, []string{Robust}},
		{"n_quantiles", s.NQuantiles != 0, []string{Quantile}},
		{"output_distribution", s.OutputDistribution != "", []string{Quantile}},
		{"norm", s.Norm != "", []string{Normalizer}},
	} {
		if o.set && !slices.Contains(o.kinds, s.Kind) {
			return fmt.Errorf("%s is an option of %s, not of %s", o.name, strings.Join(o.kinds, ", "), s.Kind)
		}
	}
	return nil
}

func validFeatureRange(r *[2]float64) error {
	switch {
	case r == nil:
		return fmt.Errorf("feature_range is not set: minmax needs two numbers, scikit-learn's default is [0, 1]")
	case !(bounded(r[0]) && bounded(r[1]) && r[1]-r[0] >= 1/maxMagnitude):
		return fmt.Errorf("feature_range [%v, %v]: the first must be below the second, both within ±%v", r[0], r[1], maxMagnitude)
	}
	return nil
}

func (s Spec) validQuantileRange() error {
	r := s.QuantileRange
	switch {
	case r == nil:
		return fmt.Errorf("quantile_range is not set: robust needs two percentages, scikit-learn's default is [25, 75]")
	case !(0 <= r[0] && r[0] <= r[1] && r[1] <= 100):
		return fmt.Errorf("quantile_range [%v, %v]: must be two percentages in order, 0 <= low <= high <= 100", r[0], r[1])
	case s.UnitVariance && !(0 < r[0] && r[1] < 100 && s.normalRange() > 0):
		return fmt.Errorf("quantile_range [%v, %v] with unit_variance: must be 0 < low < high < 100, else the variance of a normal distribution cannot be brought to 1", r[0], r[1])
	}
	return nil
}

func (s Spec) validQuantile() error {
	switch {
	case s.NQuantiles < 1 || s.NQuantiles > maxQuantiles:
		return fmt.Errorf("n_quantiles %d: must be 1 to %d", s.NQuantiles, maxQuantiles)
	case !slices.Contains(distributions, s.OutputDistribution):
		return fmt.Errorf("output_distribution %q: must be one of %s", s.OutputDistribution, strings.Join(distributions, ", "))
	}
	return nil
}

// unknownKind lists the kinds and names the one that was probably meant, also
// where it is written as scikit-learn's class: MinMaxScaler is minmax.
func unknownKind(kind string) error {
	plain := strings.NewReplacer("_", "", "-", "", " ", "", "scaler", "", "transformer", "").Replace(strings.ToLower(kind))
	hint := ""
	if slices.Contains(kinds, plain) {
		hint = fmt.Sprintf(" (did you mean %s?)", plain)
	}
	return fmt.Errorf("scaler %q%s: must be one of %s", kind, hint, strings.Join(kinds, ", "))
}
