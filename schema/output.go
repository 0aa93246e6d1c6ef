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
// A list's series comes back as the string that named it. A series that is Key
// alone and the time Timestamp are no fields; they stay with the Kafka record.
// Arrays keep their shapes, labels are labels: columns are one a feature. A Binary record stays one,
// whatever its new DType.
func (s *Schema) Output(columns []string) *Schema {
	out := *s
	if s.Series.Written() {
		out.Series = Series{Fields: []string{SeriesField}}
	}
	if s.Time.Written() {
		out.Time.Field = TimeField
	}
	if s.Format == Binary {
		return &out
	}
	out.Features = make([]Feature, len(columns))
	for i, c := range columns {
		out.Features[i] = Feature{Name: c, Field: c, Shape: s.Features[i].Shape, Label: s.Features[i].Label}
		if s.Format == JSON {
			out.Features[i].Field = Escape(c)
		}
	}
	return &out
}

// Written reports whether the output value "features" has a field for the
// series.
func (s Series) Written() bool {
	return len(s.Fields) > 0 && !(len(s.Fields) == 1 && s.Fields[0] == Key)
}

// Written reports whether the output value "features" has a field for the time.
func (t Time) Written() bool { return t.Field != "" && t.Field != Timestamp }
