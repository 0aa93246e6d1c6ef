// Package scale holds the normalizers as pure functions of frozen numbers.
//
// A Step maps the values of one record to their normalized form and back, with
// the numbers that were learned for the record's series. Names, defaults,
// formulas and edge rules are scikit-learn's (1.9); see docs/scalers.md. This
// package cannot learn: it imports nothing that accumulates.
package scale

// A Step maps x to its normalized form and back. It holds options only; p is
// what was learned for one series, a view into a column of the artifact, in the
// order of Spec.Params. NaN, the missing value, maps to NaN both ways, and so
// does everything where p is empty or NaN.
type Step interface {
	// Dims returns how many numbers go in and come out.
	Dims() (in, out int)
	// Transform writes the normalized form of x to dst. dst may be x.
	Transform(dst, x, p []float64)
	// Inverse writes to dst what Transform maps to y. dst may be y.
	Inverse(dst, y, p []float64)
}

// Turns is a Step that also maps numbers which take turns with the parameters of
// several groups: p holds those of all groups, group after group, and number i is
// of group i modulo the groups. There is one group at least.
type Turns interface {
	// TransformTurns writes the normalized form of x to dst, which may be x. It
	// reports whether all of x are within [lo, hi] of their groups; NaN is not. That
	// costs nothing in the shadow of the divisions.
	TransformTurns(dst, x, p, lo, hi []float64) (inside bool)
	// InverseTurns writes to dst what TransformTurns maps to y. dst may be y.
	InverseTurns(dst, y, p []float64)
}

// Kinds of scalers.
const (
	None     = "none"
	Standard = "standard"
	MinMax   = "minmax"
	MaxAbs   = "maxabs"
	Robust   = "robust"
	Quantile = "quantile"

	YeoJohnson = "yeo_johnson"
	BoxCox     = "box_cox"
	KBins      = "kbins"
	// Of these nothing is learned: the record itself says what it is scaled by.
	Normalizer = "normalizer"
	Ratio      = "ratio"
)

// A Spec names a scaler and its options with scikit-learn's names. Options of
// other kinds are zero; Default fills in scikit-learn's defaults.
type Spec struct {
	Kind               string      `json:"kind"`
	WithMean           bool        `json:"with_mean,omitempty"`           // standard
	WithStd            bool        `json:"with_std,omitempty"`            // standard
	FeatureRange       *[2]float64 `json:"feature_range,omitempty"`       // minmax
	Clip               bool        `json:"clip,omitempty"`                // minmax, maxabs, ratio
	WithCentering      bool        `json:"with_centering,omitempty"`      // robust
	WithScaling        bool        `json:"with_scaling,omitempty"`        // robust
	QuantileRange      *[2]float64 `json:"quantile_range,omitempty"`      // robust, in percent
	UnitVariance       bool        `json:"unit_variance,omitempty"`       // robust
	NQuantiles         int         `json:"n_quantiles,omitempty"`         // quantile
	OutputDistribution string      `json:"output_distribution,omitempty"` // quantile: uniform, normal
	Standardize        bool        `json:"standardize,omitempty"`         // yeo_johnson, box_cox
	NBins              int         `json:"n_bins,omitempty"`              // kbins
	Strategy           string      `json:"strategy,omitempty"`            // kbins: uniform, quantile, kmeans
	Norm               string      `json:"norm,omitempty"`                // normalizer: l1, l2, max, peak, standard
}
