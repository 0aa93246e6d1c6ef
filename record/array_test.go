package record

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"tare/schema"
)

// grids is the schema of testdata/badarray.txt and of the fuzz tests: arrays of
// one, two and three levels among single numbers, one within an object, and two
// of different shapes that read the same field.
func grids() *schema.Schema {
	return &schema.Schema{
		Format: schema.JSON,
		Features: []schema.Feature{
			{Name: "load", Field: "load"},
			{Name: "list", Field: "list", Shape: []int{4}},
			{Name: "grid", Field: "in.grid", Shape: []int{2, 3}},
			{Name: "speed", Field: "speed"},
			{Name: "cube", Field: "cube", Shape: []int{2, 1, 2}},
			{Name: "twin", Field: "twin", Shape: []int{2}},
			{Name: "other", Field: "twin", Shape: []int{1, 2}},
		},
		Limits: schema.Limits{Depth: 5},
	}
}

func TestBadArray(t *testing.T) { testVerdicts(t, "testdata/badarray.txt", newJSON(t, grids())) }

func TestArray(t *testing.T) {
	s := grids()
	s.Features = s.Features[:5]
	var row Row
	f := func(d *JSON, value, want string) {
		t.Helper()
		reason := d.Decode(&row, inFile([]byte(value)))
		got := fmt.Sprintf("%s %v bad=%d", reason, row.Numbers, row.Bad)
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s %s", value, got, want, d.Detail())
		}
	}
	d := newJSON(t, s)
	const rest = `,"in":{"grid":[[1,2,3],[4,5,6]]},"speed":8,"cube":[[[1,2]],[[3,4]]]}`
	f(d, `{"load":7,"list":[1,2.5,-3e1,0.125]`+rest, `ok [7 1 2.5 -30 0.125 1 2 3 4 5 6 8 1 2 3 4] bad=0`)
	f(d, `{"load":7,"list":[1 , null,-0, 4 ]`+rest, `ok [7 1 NaN 0 4 1 2 3 4 5 6 8 1 2 3 4] bad=0`)
	f(d, `{"list":null,"in":{"grid":[ [ 1 , 2 , null ] , [ 4 , 5 , 6 ] ]},"cube":[[[null,null]],[[3,4]]]}`, `ok [NaN NaN NaN NaN NaN 1 2 NaN 4 5 6 NaN NaN NaN 3 4] bad=0`)
	f(d, `{}`, `ok [NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN] bad=0`)
	f(d, `{"load":[1],"list":[1,2,3,4]}`, `type [NaN 1 2 3 4 NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN] bad=0`)

	s.BadValue = schema.Missing
	d = newJSON(t, s)
	f(d, `{"load":7,"list":[1,"x",1e151,true]`+rest, `ok [7 1 NaN NaN NaN 1 2 3 4 5 6 8 1 2 3 4] bad=3`)
	f(d, `{"load":7,"list":["x",{},3,4,5]`+rest, `ok [7 NaN NaN NaN NaN 1 2 3 4 5 6 8 1 2 3 4] bad=1`)
	f(d, `{"list":[1,2,3],"in":{"grid":[[1,2],[4,5,"x"]]},"speed":8,"cube":[[[1,2],[1,2]],null]}`, `ok [NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN 8 NaN NaN NaN NaN] bad=3`)
	f(d, `{"list":7,"in":[],"cube":"x"}`, `ok [NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN] bad=3`)
	f(d, `{"list":[],"in":{"grid":[[],[]]}}`, `ok [NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN] bad=2`)

	f(d, `{"list":[1,2,3,4]`+rest, `ok [NaN 1 2 3 4 1 2 3 4 5 6 8 1 2 3 4] bad=0`)
	d.limits.Value = 20
	f(d, `{"list":[5,6,7,8]}   `, `too_large [NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN] bad=0`)
	d.limits.Value = 100
	d.AnyMagnitude = true
	f(d, `{"list":[1e151,1e308,-1e200,1e309]}`, `ok [NaN 1e+151 1e+308 -1e+200 NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN] bad=1`)
}

// TestArrayDepth tries limits of nesting around what a shape needs.
func TestArrayDepth(t *testing.T) {
	for depth := 1; depth <= 5; depth++ {
		d := newJSON(t, &schema.Schema{Format: schema.JSON, Features: []schema.Feature{{Name: "x", Field: "x", Shape: []int{1, 1, 1}}}, Limits: schema.Limits{Depth: depth}})
		want := OK
		if depth < 4 {
			want = Syntax
		}
		if got := d.Decode(new(Row), inFile([]byte(`{"x":[[[1]]]}`))); got != want {
			t.Errorf("a limit of %d: got %s (%s), want %s", depth, got, d.Detail(), want)
		}
	}
}

// randomGrid returns a record of grids in which much is as it should be.
func randomGrid(r *rand.Rand) []byte {
	elements := []string{"0", "-0", "1", "-2.5", "1e3", "123456789.123456789", "null", "null", "0.1"}
	faults := []string{`"x"`, `"],["`, "{}", `{"a":[1,2]}`, "true", "[1]", "[]", "1e999", "-1e151", "2e150", "[[null,1],2]", "NaN", "[", "]"}
	blanks := []string{"", "", "", " ", "\n\t"}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	var nest func(shape []int) string
	nest = func(shape []int) string {
		if r.IntN(60) == 0 {
			return pick(faults)
		}
		if len(shape) == 0 {
			return pick(elements)
		}
		n := shape[0]
		if r.IntN(60) == 0 {
			n += r.IntN(3) - 1
		}
		var list []string
		for range n {
			list = append(list, pick(blanks)+nest(shape[1:])+pick(blanks))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	members := []string{`"load":` + nest(nil), `"list":` + nest([]int{4}), `"in":{"grid":` + nest([]int{2, 3}) + "}", `"speed":1`,
		`"cube":` + nest([]int{2, 1, 2}), `"twin":` + nest([]int{1, 2}[r.IntN(2):]), `"more":` + nest([]int{2})}
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return []byte("{" + strings.Join(members[r.IntN(4):], ",") + "}")
}

// gridDecoders returns a decoder of grids that rejects bad values and one that
// takes them as missing.
func gridDecoders(t testing.TB) (all []*JSON) {
	for _, bad := range []schema.BadValue{schema.Reject, schema.Missing} {
		s := grids()
		s.BadValue = bad
		all = append(all, newJSON(t, s))
	}
	return all
}

// TestArrayRandom holds arrays against encoding/json.
func TestArrayRandom(t *testing.T) {
	r := random(t)
	decoders := gridDecoders(t)
	var row Row
	reasons := map[Reason]int{}
	for range rounds(5_000) {
		value := randomGrid(r)
		for _, d := range decoders {
			compare(t, d, &row, value)
			reasons[d.first()]++
		}
	}
	for _, reason := range []Reason{OK, Syntax, BadType, BadShape, BadRange} {
		if reasons[reason] < 10 {
			t.Errorf("%s: %d records, want more", reason, reasons[reason])
		}
	}
}

func FuzzArray(f *testing.F) {
	list, _ := verdicts(f, "testdata/badarray.txt")
	for _, v := range list {
		f.Add([]byte(v.record))
	}
	decoders := gridDecoders(f)
	s := grids()
	s.Features = s.Features[:6]
	s.BadValue = schema.Missing
	d := newJSON(f, s)
	d.AcceptStamped = true
	encoders := replacers(f, s)
	var row Row
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, d := range decoders {
			compare(t, d, &row, value)
		}
		for _, e := range encoders {
			if d.Decode(&row, inFile(value)) == OK {
				y := randomY(rand.New(rand.NewPCG(uint64(len(value)), 0)), s.Width())
				roundTrip(t, d, e, value, &row, y)
			}
		}
	})
}

// TestReplaceArrayRandom writes arrays back where they stood.
func TestReplaceArrayRandom(t *testing.T) {
	r := random(t)
	s := grids()
	s.Features = s.Features[:6]
	s.BadValue = schema.Missing
	d := newJSON(t, s)
	d.AcceptStamped = true
	encoders := replacers(t, s)
	for range rounds(2_000) {
		value := randomGrid(r)
		var row Row
		if d.Decode(&row, inFile(value)) != OK {
			continue
		}
		for _, e := range encoders {
			d.Decode(&row, inFile(value))
			y := randomY(r, s.Width())
			for f := range s.Features {
				if r.IntN(4) == 0 { // missing as a whole
					unset(d.of(f, y))
				}
			}
			roundTrip(t, d, e, value, &row, y)
		}
	}
}

func TestReplaceArray(t *testing.T) {
	s := &schema.Schema{Format: schema.JSON, Features: []schema.Feature{
		{Name: "x", Field: "x"}, {Name: "list", Field: "o.list", Shape: []int{3}}, {Name: "grid", Field: "grid", Shape: []int{2, 2}}}}
	d := newJSON(t, s)
	f := func(o Output, value string, y []float64, want string) {
		t.Helper()
		var row Row
		if d.Decode(&row, inFile([]byte(value))) != OK {
			t.Fatalf("%s: %s", value, d.Detail())
		}
		o.Meta = MetaNone
		if got := string(newEncoder(t, s, o, "").Append(nil, []byte(value), &row, y, testMark())); got != want {
			t.Errorf("%s:\n got %s\nwant %s", value, got, want)
		}
	}
	y := []float64{9, 0.1, nan, math.Inf(1), 1, 2, 3, -4}
	none := []float64{nan, nan, nan, nan, nan, nan, nan, nan}
	const value = `{ "grid" : [[5, 6],[7,8]],"x":1,"o":{"list":[1,2,null],"n":[0]}}`
	f(Output{}, value, y, `{ "grid" : [[1,2],[3,-4]],"x":9,"o":{"list":[0.1,null,null],"n":[0]}}`)
	f(Output{}, value, none, `{ "grid" : null,"x":null,"o":{"list":null,"n":[0]}}`)
	f(Output{}, value, []float64{1, 1, 2, 3, 5, 6, 7, 8}, `{ "grid" : [[5, 6],[7,8]],"x":1,"o":{"list":[1,2,3],"n":[0]}}`)
	f(Output{}, `{"grid":null}`, none, `{"grid":null}`)
	f(Output{}, `{"grid":null}`, y, `{"grid":[[1,2],[3,-4]],"o":{"list":[0.1,null,null]},"x":9}`)
	f(Output{}, `{}`, none, `{}`)
	f(Output{}, `{"o":{}}`, []float64{nan, nan, nan, 3, nan, nan, nan, nan}, `{"o":{"list":[null,null,3]}}`)
	f(Output{Dtype: Float32}, `{"grid":[[0.10000000000000001,1],[2,3]]}`, []float64{nan, nan, nan, nan, 0.1, 1, 2, 3e200}, `{"grid":[[0.1,1],[2,null]]}`)
	f(Output{Value: Features}, value, y, `{"split":"train","x":9,"list":[0.1,null,null],"grid":[[1,2],[3,-4]]}`)
	f(Output{Value: Features}, value, none, `{"split":"train","x":null,"list":null,"grid":null}`)
}

// TestFeaturesArray reads back what the output value features wrote.
func TestFeaturesArray(t *testing.T) {
	s := grids()
	names := []string{"a.b", "list", "grid", "speed", "cube", "twin", "other"}
	e := newEncoder(t, s, Output{Value: Features, Columns: names, Meta: MetaNone}, "")
	d := newJSON(t, s.Output(names))
	r := random(t)
	var row Row
	for range rounds(1000) {
		y := randomY(r, s.Width())
		out := e.Append(nil, nil, new(Row), y, testMark())
		if d.Decode(&row, inFile(out)) != OK {
			t.Fatalf("%s: %s", out, d.Detail())
		}
		for i, x := range row.Numbers {
			if x != y[i] && !(x != x && y[i] != y[i]) {
				t.Fatalf("%s: number %d is %v, want %v", out, i, x, y[i])
			}
		}
	}
}

func TestNoArraysInCSV(t *testing.T) {
	s := grids()
	s.Format = schema.CSV
	if _, err := NewCSV(s, []byte("load,list")); err == nil || !strings.Contains(err.Error(), `"list" has a shape`) {
		t.Errorf("got %v", err)
	}
}
