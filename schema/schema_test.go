package schema_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"tare/schema"
)

func TestPath(t *testing.T) {
	f := func(field string, want ...string) {
		t.Helper()
		got, err := schema.Path(field)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", field, got, err, want)
		}
		var joined string
		for i, key := range got {
			if i > 0 {
				joined += "."
			}
			joined += schema.Escape(key)
		}
		if joined != field {
			t.Errorf("%q: escaped again it is %q", field, joined)
		}
	}
	f("load", "load")
	f("payload.load", "payload", "load")
	f("a.b.c", "a", "b", "c")
	f(`a\.b`, "a.b")
	f(`a\.b.c`, "a.b", "c")
	f(`a\\.b`, `a\`, "b")
	f(`a\\\.b`, `a\.b`)
	f(`\.`, ".")
	f(`\\`, `\`)
	f("é. ", "é", " ")
	f("$key", "$key")
	f("a$", "a$")

	got, err := schema.Path(`\$key.\$.a\$`)
	if want := []string{"$key", "$", "a$"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}

	bad := func(field, want string) {
		t.Helper()
		if _, err := schema.Path(field); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", field, err, want)
		}
	}
	const empty = `: an empty key, want keys parted by single dots, with \. for a dot within a key`
	bad("", `field ""`+empty)
	bad(".", `field "."`+empty)
	bad("a.", `field "a."`+empty)
	bad(".a", `field ".a"`+empty)
	bad("a..b", `field "a..b"`+empty)
	const slash = `, want \. for a dot, \\ for a backslash or \$ for a dollar`
	bad(`\`, `field "\\": a backslash before byte 1`+slash)
	bad(`a\n`, `field "a\\n": a backslash before byte 2`+slash)
	bad(`a.b\`, `field "a.b\\": a backslash before byte 4`+slash)
}

func valid() *schema.Schema {
	return &schema.Schema{
		Format:   schema.JSON,
		Series:   schema.Series{Fields: []string{"sensor"}},
		Time:     schema.Time{Field: "ts", Layout: schema.UnixMilli},
		Features: []schema.Feature{{Name: "load", Field: "payload.load"}, {Name: "x.y", Field: "x"}},
		BadValue: schema.Reject,
		Limits:   schema.DefaultLimits(),
	}
}

func TestValidate(t *testing.T) {
	f := func(change func(*schema.Schema), want string) {
		t.Helper()
		s := valid()
		change(s)
		got := "<nil>"
		if err := s.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const fine = "<nil>"
	f(func(s *schema.Schema) {}, fine)
	f(func(s *schema.Schema) { *s = schema.Schema{Format: schema.CSV, Features: s.Features} }, fine)
	f(func(s *schema.Schema) { s.BadValue = schema.Missing }, fine)
	f(func(s *schema.Schema) { s.Time.Layout = "02.01.2006" }, fine)
	f(func(s *schema.Schema) { s.Series = schema.Series{Fields: []string{"a", "b"}, List: true} }, fine)
	f(func(s *schema.Schema) { s.Features[0].Field = "_tares" }, fine)
	f(func(s *schema.Schema) { s.Format = schema.CSV; s.Features[0].Field = "_tare.x" }, fine)
	f(func(s *schema.Schema) { s.Format = "" }, `record format "", want json, csv or binary`)
	f(func(s *schema.Schema) { s.Format = "xml" }, `record format "xml", want json, csv or binary`)
	f(func(s *schema.Schema) { s.BadValue = "drop" }, `bad_value "drop", want reject or missing`)
	f(func(s *schema.Schema) { s.Time.Layout = "" }, `time field "ts" without a layout, want rfc3339, unix, unix_ms, unix_us, unix_ns or a Go layout`)
	const key, timestamp = `in JSON \$key is the member of that name`, `in JSON \$timestamp is the member of that name`
	f(func(s *schema.Schema) { s.Series.Fields = []string{"$key"} }, fine)
	f(func(s *schema.Schema) { s.Series = schema.Series{Fields: []string{"$key", `\$key`}, List: true} }, fine)
	f(func(s *schema.Schema) { s.Series = schema.Series{Fields: []string{"$key", "$key"}, List: true} }, `series: field "$key" stands twice in the list`)
	f(func(s *schema.Schema) { s.Series.Fields = []string{"$timestamp"} }, `series: $timestamp is the timestamp of a record, want $key or a field; `+timestamp)
	f(func(s *schema.Schema) { s.Series.Fields = []string{`\$timestamp`} }, fine)
	f(func(s *schema.Schema) { s.Features[0].Field = "$key" }, fine)
	f(func(s *schema.Schema) { s.Time = schema.Time{Field: "$timestamp"} }, fine)
	f(func(s *schema.Schema) { s.Time.Field = "$timestamp" }, `time field $timestamp with layout "unix_ms", want none: it is a number of milliseconds`)
	f(func(s *schema.Schema) { s.Time.Field = "$key" }, `time field $key is the key of a record, want $timestamp or a field; `+key)
	f(func(s *schema.Schema) { s.Time.Field = `\$timestamp` }, fine)
	f(func(s *schema.Schema) { s.Time.MaxFutureSkew = 24 * time.Hour }, fine)
	f(func(s *schema.Schema) { s.Time = schema.Time{Field: "$timestamp", MaxFutureSkew: time.Hour} }, fine)
	f(func(s *schema.Schema) { s.Time.MaxFutureSkew = -1 }, `max_future_skew is -1ns, want a duration above 0, or 0 for any skew`)
	f(func(s *schema.Schema) { s.Series.Fields = []string{"a", "b"} }, `series of 2 fields that is no list, want one field or list: true`)
	f(func(s *schema.Schema) { s.Series.Fields = []string{""} }, `series: an empty field, want its name`)
	f(func(s *schema.Schema) { s.Series = schema.Series{Fields: []string{"a", "a"}, List: true} }, `series: field "a" stands twice in the list`)
	f(func(s *schema.Schema) { s.Features = nil }, `no features, want at least one`)
	f(func(s *schema.Schema) { s.Features[1].Name = "" }, `feature 2 has no name`)
	f(func(s *schema.Schema) { s.Features[1].Field = "" }, `feature "x.y" has no field`)
	f(func(s *schema.Schema) { s.Features[1].Name = "load" }, `two features have the name "load"`)
	f(func(s *schema.Schema) { s.Features[1].Field = "_tare" }, `field "_tare" is reserved for the mark of tare, want another`)
	f(func(s *schema.Schema) { s.Features[1].Field = "_tare.x" }, `field "_tare.x" is reserved for the mark of tare, want another`)
	f(func(s *schema.Schema) { s.Series.Fields[0] = "_tare" }, `field "_tare" is reserved for the mark of tare, want another`)
	f(func(s *schema.Schema) { s.Time.Field = "_tare" }, `field "_tare" is reserved for the mark of tare, want another`)
	f(func(s *schema.Schema) { s.Limits.Value = -1 }, `limit of value is -1, want 1 to 2147483647, or 0 for the default`)
	f(func(s *schema.Schema) { s.Limits.Series = -1 }, `limit of series is -1, want 1 to 2147483647, or 0 for the default`)
	f(func(s *schema.Schema) { s.Limits.Depth = 10001 }, `limit of depth is 10001, want 1 to 10000, or 0 for the default`)
}

// TestValidateShapes holds the limits of arrays.
func TestValidateShapes(t *testing.T) {
	f := func(shape []int, want string) {
		t.Helper()
		s := valid()
		s.Features[1].Shape = shape
		got := "<nil>"
		if err := s.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%v: got %s, want %s", shape, got, want)
		}
	}
	f(nil, "<nil>")
	f([]int{1}, "<nil>")
	f([]int{3, 224, 224}, "<nil>")
	f([]int{1, 1, 1, 1, 1, 1, 1, 1}, "<nil>")
	f([]int{1<<24 - 1}, "<nil>")
	f([]int{1 << 24}, `features of more than 16777216 numbers together, want fewer`)
	const rank = `feature "x.y": shape of %d extents, want 1 to 8`
	f([]int{}, fmt.Sprintf(rank, 0))
	f(make([]int, 9), fmt.Sprintf(rank, 9))
	f([]int{2, 0}, `feature "x.y": shape [2 0], want extents of at least 1`)
	f([]int{-3, -3}, `feature "x.y": shape [-3 -3], want extents of at least 1`)
	const large = `feature "x.y": shape %v of more than 16777216 numbers, want a smaller one`
	f([]int{1<<24 + 1}, fmt.Sprintf(large, []int{1<<24 + 1}))
	f([]int{1 << 62, 4}, fmt.Sprintf(large, []int{1 << 62, 4}))
	f([]int{1 << 32, 1 << 32}, fmt.Sprintf(large, []int{1 << 32, 1 << 32}))
}

func TestValidateBinary(t *testing.T) {
	f := func(change func(*schema.Schema), want string) {
		t.Helper()
		s := &schema.Schema{Format: schema.Binary, DType: schema.UInt8, Features: []schema.Feature{{Name: "image", Shape: []int{3, 2, 2}}}}
		change(s)
		got := "<nil>"
		if err := s.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(func(s *schema.Schema) {}, "<nil>")
	f(func(s *schema.Schema) { s.DType = schema.Float64; s.Features[0].Shape = nil }, "<nil>")
	f(func(s *schema.Schema) {
		s.Series.Fields = []string{schema.Key}
		s.Time.Field = schema.Timestamp
	}, "<nil>")
	f(func(s *schema.Schema) { s.DType = "" }, `dtype "", want uint8, int16, float32 or float64`)
	f(func(s *schema.Schema) { s.DType = "int8" }, `dtype "int8", want uint8, int16, float32 or float64`)
	f(func(s *schema.Schema) { s.Features[0].Field = "x" }, `1 features of a binary record, want one, without a field: it is the whole value`)
	f(func(s *schema.Schema) { s.Features = append(s.Features, schema.Feature{Name: "b"}) }, `2 features of a binary record, want one, without a field: it is the whole value`)
	f(func(s *schema.Schema) { s.Series.Fields = []string{"x"} }, `series ["x"] of a binary record, want $key or none: the value has no fields`)
	f(func(s *schema.Schema) { s.Series = schema.Series{Fields: []string{"$key"}, List: true} }, `series ["$key"] of a binary record, want $key or none: the value has no fields`)
	f(func(s *schema.Schema) { s.Time = schema.Time{Field: "x", Layout: schema.Unix} }, `time field "x" of a binary record, want $timestamp or none: the value has no fields`)
	f(func(s *schema.Schema) { s.Format = schema.CSV; s.Features = valid().Features }, `dtype "uint8" with record format "csv", want none: it belongs to binary`)
	f(func(s *schema.Schema) { *s = *valid(); s.Format = schema.CSV; s.Features[0].Shape = []int{2} }, `feature "load" has a shape, want one number: csv holds no arrays`)
}

// TestValidateLabels holds where a label may stand.
func TestValidateLabels(t *testing.T) {
	f := func(change func(*schema.Schema), want string) {
		t.Helper()
		s := valid()
		s.Features[0].Label = true
		change(s)
		got := "<nil>"
		if err := s.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(func(s *schema.Schema) {}, "<nil>")
	f(func(s *schema.Schema) { s.Format = schema.CSV }, "<nil>")
	f(func(s *schema.Schema) { s.Features[0].Shape = []int{2} }, `feature "load" is a label and has a shape, want one of them: an array of labels is not read`)
	f(func(s *schema.Schema) {
		*s = schema.Schema{Format: schema.Binary, DType: schema.UInt8, Features: []schema.Feature{{Name: "image", Label: true}}}
	}, `feature "image" of a binary record is a label, want numbers: labels are of json and csv`)
}

// TestLabelAsJSON holds that a schema without labels is written as ever.
func TestLabelAsJSON(t *testing.T) {
	f := func(feature schema.Feature, want string) {
		t.Helper()
		got, err := json.Marshal(feature)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	f(schema.Feature{Name: "a", Field: "b"}, `{"name":"a","field":"b"}`)
	f(schema.Feature{Name: "a", Field: "b", Label: true}, `{"name":"a","field":"b","label":true}`)
}

func TestWidth(t *testing.T) {
	s := valid()
	if got := s.Width(); got != 2 {
		t.Errorf("two numbers are %d wide", got)
	}
	s.Features[1].Label = true
	s.Features[0].Shape = []int{3, 5, 7}
	if got := s.Width(); got != 3*5*7+1 {
		t.Errorf("an array and a label are %d wide", got)
	}
}

func TestOrDefault(t *testing.T) {
	f := func(l, want schema.Limits) {
		t.Helper()
		if got := l.OrDefault(); got != want {
			t.Errorf("%v: got %v, want %v", l, got, want)
		}
	}
	f(schema.Limits{}, schema.Limits{Value: 1 << 20, Series: 64 << 10, Depth: 64})
	f(schema.Limits{Value: 7}, schema.Limits{Value: 7, Series: 64 << 10, Depth: 64})
	f(schema.Limits{Value: 7, Series: 8, Depth: 9}, schema.Limits{Value: 7, Series: 8, Depth: 9})
}

func TestOutput(t *testing.T) {
	s := valid()
	got := s.Output([]string{"load", "x.y"})
	want := valid()
	want.Series.Fields = []string{"series"}
	want.Time.Field = "time"
	want.Features = []schema.Feature{{Name: "load", Field: "load"}, {Name: "x.y", Field: `x\.y`}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !reflect.DeepEqual(s, valid()) {
		t.Errorf("the schema itself became %+v", s)
	}

	s = &schema.Schema{Format: schema.CSV, Series: schema.Series{Fields: []string{"a", "b"}, List: true}, Features: s.Features}
	got = s.Output([]string{"load", "x.y"})
	want = &schema.Schema{Format: schema.CSV, Series: schema.Series{Fields: []string{"series"}}, Features: []schema.Feature{{Name: "load", Field: "load"}, {Name: "x.y", Field: "x.y"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestOutputOfArrays keeps shapes and labels, and a binary record as it is.
func TestOutputOfArrays(t *testing.T) {
	s := valid()
	s.Features[1].Shape = []int{2, 3}
	s.Features[0].Label = true
	got := s.Output([]string{"load", "x.y"}).Features
	want := []schema.Feature{{Name: "load", Field: "load", Label: true}, {Name: "x.y", Field: `x\.y`, Shape: []int{2, 3}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s = &schema.Schema{Format: schema.Binary, DType: schema.UInt8, Features: []schema.Feature{{Name: "image", Shape: []int{3, 2}}}}
	if got := s.Output([]string{"image"}); !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, want %+v", got, s)
	}
}

// TestOutputOfKafka leaves what the record carries beside its value.
func TestOutputOfKafka(t *testing.T) {
	f := func(series schema.Series, at schema.Time, wantSeries schema.Series, wantTime schema.Time) {
		t.Helper()
		s := valid()
		s.Series, s.Time = series, at
		got := s.Output([]string{"load", "x.y"})
		if !reflect.DeepEqual(got.Series, wantSeries) || got.Time != wantTime {
			t.Errorf("got %+v and %+v, want %+v and %+v", got.Series, got.Time, wantSeries, wantTime)
		}
		if err := got.Validate(); err != nil {
			t.Error(err)
		}
	}
	key, name := schema.Series{Fields: []string{"$key"}}, schema.Series{Fields: []string{"series"}}
	one := schema.Series{Fields: []string{"$key"}, List: true}
	clock := schema.Time{Field: "$timestamp"}
	f(key, clock, key, clock)
	f(one, clock, one, clock)
	f(schema.Series{Fields: []string{"$key", "a"}, List: true}, clock, name, clock)
	f(schema.Series{Fields: []string{`\$key`}}, schema.Time{Field: `\$timestamp`, Layout: schema.Unix}, name, schema.Time{Field: "time", Layout: schema.Unix})
	skewed := schema.Time{Field: "t", Layout: schema.Unix, MaxFutureSkew: time.Hour}
	f(key, skewed, key, schema.Time{Field: "time", Layout: schema.Unix, MaxFutureSkew: time.Hour})
}

// TestTimeAsJSON holds that a schema without a skew is written as ever.
func TestTimeAsJSON(t *testing.T) {
	f := func(at schema.Time, want string) {
		t.Helper()
		got, err := json.Marshal(at)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	f(schema.Time{Field: "ts", Layout: schema.Unix}, `{"field":"ts","layout":"unix"}`)
	f(schema.Time{Field: "$timestamp"}, `{"field":"$timestamp"}`)
	f(schema.Time{Field: "ts", Layout: schema.Unix, MaxFutureSkew: 24 * time.Hour}, `{"field":"ts","layout":"unix","max_future_skew":86400000000000}`)
}

func ExamplePath() {
	keys, err := schema.Path(`payload.axis\.x`)
	fmt.Printf("%q %v\n", keys, err)
	// Output: ["payload" "axis.x"] <nil>
}
