package schema

// Fields of a record written with the output value "features", beside its
// columns. StampField is also the member that every output form may carry; no
// schema reads it.
const (
	SeriesField = "series"
	TimeField   = "time"
	SplitField  = "split"
	StampField  = "_tare"
)

// Output returns the schema that reads back records written with the output
// value "features": series and time, where s has them, and the columns by name.
// A list's series comes back as the string that named it.
func (s *Schema) Output(columns []string) *Schema {
	out := *s
	if len(s.Series.Fields) > 0 {
		out.Series = Series{Fields: []string{SeriesField}}
	}
	if s.Time.Field != "" {
		out.Time.Field = TimeField
	}
	out.Features = make([]Feature, len(columns))
	for i, c := range columns {
		out.Features[i] = Feature{Name: c, Field: c}
		if s.Format == JSON {
			out.Features[i].Field = Escape(c)
		}
	}
	return &out
}
