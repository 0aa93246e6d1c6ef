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

// Strategies of kbins.
const (
	UniformBins  = "uniform"
	QuantileBins = "quantile"
	KMeansBins   = "kmeans"
)

// MaxBins is the largest n_bins.
const MaxBins = 10_000

var (
	kinds         = []string{None, Standard, MinMax, MaxAbs, Robust, Quantile, YeoJohnson, BoxCox, KBins, Normalizer, Ratio}
	distributions = []string{Uniform, Normal}
	strategies    = []string{UniformBins, QuantileBins, KMeansBins}
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
	case YeoJohnson, BoxCox:
		s.Standardize = true
	case KBins:
		s.NBins, s.Strategy = 5, QuantileBins
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
	case YeoJohnson, BoxCox:
		return newPower(s), nil
	case KBins:
		return bins{}, nil
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
	case YeoJohnson, BoxCox:
		return []string{"lambda", "mean", "scale"}
	case KBins:
		return []string{"bin_edges"}
	}
	return nil
}

// Alone reports whether a record is scaled by itself alone, so that nothing is
// learned.
func (s Spec) Alone() bool { return s.Kind == Normalizer || s.Kind == Ratio }

// Ragged reports whether p differs in length from series to series: each of
// Params then stands for m numbers, the first for p[:m], the second for p[m:].
func (s Spec) Ragged() bool { return s.Kind == Quantile || s.Kind == KBins }

// Sketched reports whether the parameters come from a quantile sketch, not from
// moments, minimum and maximum alone.
func (s Spec) Sketched() bool {
	switch s.Kind {
	case Robust, Quantile, YeoJohnson, BoxCox:
		return true
	}
	return s.Kind == KBins && s.Strategy != UniformBins
}

// Domain returns the Step that makes missing what the scaler has no result for,
// and leaves all else as it is: x <= 0 for box_cox. It is nil for a scaler that
// takes every number.
func (s Spec) Domain() Step {
	if s.Kind != BoxCox {
		return nil
	}
	return function{forward: positive, inverse: func(y float64) float64 { return y }}
}

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
	case KBins:
		return s.validBins()
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
		{"standardize", s.Standardize, []string{YeoJohnson, BoxCox}},
		{"n_bins", s.NBins != 0, []string{KBins}},
		{"strategy", s.Strategy != "", []string{KBins}},
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

func (s Spec) validBins() error {
	switch {
	case s.NBins < 2 || s.NBins > MaxBins:
		return fmt.Errorf("n_bins %d: must be 2 to %d", s.NBins, MaxBins)
	case !slices.Contains(strategies, s.Strategy):
		return fmt.Errorf("strategy %q: must be one of %s", s.Strategy, strings.Join(strategies, ", "))
	}
	return nil
}

// unknownKind lists the kinds and names the one that was probably meant, also
// where it is written as scikit-learn's class or method: MinMaxScaler is minmax,
// yeo-johnson and PowerTransformer are yeo_johnson.
func unknownKind(kind string) error {
	strip := strings.NewReplacer("_", "", "-", "", " ", "", "scaler", "", "transformer", "", "discretizer", "", "power", "yeojohnson")
	plain, hint := strip.Replace(strings.ToLower(kind)), ""
	if i := slices.IndexFunc(kinds, func(k string) bool { return strings.ReplaceAll(k, "_", "") == plain }); i >= 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", kinds[i])
	}
	return fmt.Errorf("scaler %q%s: must be one of %s", kind, hint, strings.Join(kinds, ", "))
}
