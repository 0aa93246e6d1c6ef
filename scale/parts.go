package scale

// Parts are the values of a feature as stretches in which they lie evenly, ascending
// and apart: so many from Lows to Highs, which are the same where all are equal.
type Parts struct{ Lows, Highs, Counts []float64 }

func (p *Parts) middle(i int) float64 { return float64((p.Lows[i] + p.Highs[i]) * 0.5) }
