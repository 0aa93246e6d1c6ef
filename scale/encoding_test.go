package scale

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
)

// A label of a golden file: a text, a number as it is written there, or null,
// which scikit-learn calls None.
type label struct {
	text   string
	number float64
	null   bool
}

func (l *label) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*l = label{text: "None", null: true}
		return nil
	case b[0] == '"':
		return json.Unmarshal(b, &l.text)
	}
	l.text = string(b)
	return json.Unmarshal(b, &l.number)
}

// compare is scikit-learn's order of categories: texts by code points, numbers
// by value, null last.
func (l label) compare(o label) int {
	if l.null != o.null {
		return map[bool]int{true: 1, false: -1}[l.null]
	}
	return cmp.Or(cmp.Compare(l.number, o.number), cmp.Compare(l.text, o.text))
}

// An encoded is one case of an encoder's file: a row has a label per feature.
type encoded struct {
	Name   string
	Params json.RawMessage
	Train  [][]label
	Fitted struct {
		Categories [][]label `json:"categories_"`
		Infrequent [][]label `json:"infrequent_categories_"`
		Drop       []*int    `json:"drop_idx_"`
		Names      []string  `json:"feature_names_out"`
	}
	Test      [][]label
	Transform [][]number
	Inverse   [][]label
	Raises    string
}

// eachEncoded runs f for every case of an encoder's file.
func eachEncoded(t *testing.T, kind string, want int, f func(t *testing.T, c encoded, e Encoding)) {
	var cases []encoded
	readGolden(t, "scalers/"+kind+".json", &cases)
	if len(cases) != want {
		t.Fatalf("scalers/%s.json has %d cases, want %d", kind, len(cases), want)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			e, err := DefaultEncoding(kind)
			if err != nil {
				t.Fatal(err)
			}
			params := c.Params
			if string(params) == `{"handle_unknown":"use_encoded_value","unknown_value":"NaN"}` {
				params = []byte(`{"handle_unknown":"use_encoded_value"}`) // NaN is nil here
			}
			if err := json.Unmarshal(params, &e); err != nil {
				t.Fatal(err)
			}
			f(t, c, e)
		})
	}
}

// counted returns the labels of a feature's training records that are not
// missing, in their order, and how often each is there.
func (c *encoded) counted(feature int, missing func(label) bool) (labels [][]byte, counts []uint64) {
	count := map[label]uint64{}
	for _, row := range c.Train {
		if l := row[feature]; !missing(l) {
			count[l]++
		}
	}
	for _, l := range slices.SortedFunc(maps.Keys(count), label.compare) {
		labels, counts = append(labels, []byte(l.text)), append(counts, count[l])
	}
	return labels, counts
}

// learned returns a feature's encoder and its categories.
func (c *encoded) learned(t *testing.T, e Encoding, feature int, missing func(label) bool) (*Encoder, []string) {
	t.Helper()
	labels, counts := c.counted(feature, missing)
	categories, infrequent := EncodingParams(e, labels, counts, uint64(len(c.Train)))
	encoder, err := NewEncoder(e, categories, infrequent)
	if err != nil {
		t.Fatal(err)
	}
	var rare []string
	for code, v := range infrequent {
		if v == 1 {
			rare = append(rare, categories[code])
		}
	}
	if want := texts(c.Fitted.Categories[feature], missing); !slices.Equal(categories, want) {
		t.Errorf("categories %q, want %q", categories, want)
	}
	if c.Fitted.Infrequent != nil && !slices.Equal(rare, texts(c.Fitted.Infrequent[feature], missing)) {
		t.Errorf("infrequent are %q, want %v", rare, c.Fitted.Infrequent[feature])
	}
	return encoder, categories
}

func texts(labels []label, missing func(label) bool) (out []string) {
	for _, l := range labels {
		if !missing(l) {
			out = append(out, l.text)
		}
	}
	return out
}

// codeOf returns the code of a label: NaN if it is missing, -1 if it is unknown.
func codeOf(categories []string, l label, missing func(label) bool) float64 {
	if missing(l) {
		return math.NaN()
	}
	return float64(slices.Index(categories, l.text))
}

// inverted reports whether a code stands for this label of a golden inverse,
// where null is a missing label, an unknown one, or the category null.
func inverted(encoder *Encoder, code float64, want label) bool {
	got, ok := encoder.Label(code)
	if want.null {
		return !ok || got == want.text
	}
	return ok && got == want.text
}

// TestGoldenOneHot learns from the training records of each case and compares
// categories, columns, rows and labels with scikit-learn's. Null is a category
// there: here it is one where it arrives as a label, and else missing.
func TestGoldenOneHot(t *testing.T) {
	never := func(label) bool { return false }
	eachEncoded(t, OneHot, 23, func(t *testing.T, c encoded, e Encoding) {
		var names []string
		raises := false
		at := 0 // the feature's first column
		for feature := range c.Test[0] {
			encoder, categories := c.learned(t, e, feature, never)
			_, width := encoder.Dims()
			name := "state"
			if len(c.Test[0]) > 1 {
				name = fmt.Sprint("x", feature)
			}
			names = append(names, encoder.Names(name)...)
			c.checkDropped(t, encoder, feature)
			for i, row := range c.Test {
				code := codeOf(categories, row[feature], never)
				y, back := make([]float64, width), make([]float64, 1)
				encoder.Transform(y, []float64{code}, nil)
				encoder.Inverse(back, y, nil)
				if code < 0 && e.Rejects() {
					raises = true
					if !math.IsNaN(y[0]) || !math.IsNaN(back[0]) {
						t.Errorf("%q became %v and back %v, want NaN", row[feature].text, y, back)
					}
				}
				if c.Raises != "" {
					continue
				}
				equal(t, "transform of "+row[feature].text, y, column1(c.Transform[i][at:at+width]))
				if want := c.Inverse[i][feature]; !inverted(encoder, back[0], want) {
					t.Errorf("%q came back with code %v, want %q", row[feature].text, back[0], want.text)
				}
			}
			at += width
		}
		if !slices.Equal(names, c.Fitted.Names) {
			t.Errorf("names %q, want %q", names, c.Fitted.Names)
		}
		if raises != (c.Raises != "") {
			t.Errorf("rejects a test record: %v, scikit-learn raises %q", raises, c.Raises)
		}
	})
}

func (c *encoded) checkDropped(t *testing.T, encoder *Encoder, feature int) {
	t.Helper()
	want := nowhere
	if c.Fitted.Drop != nil && c.Fitted.Drop[feature] != nil {
		want = *c.Fitted.Drop[feature]
	}
	got := nowhere
	if encoder.dropped != nowhere {
		got = encoder.groups.code[encoder.dropped]
	}
	if got != want {
		t.Errorf("category %d is dropped, want %d", got, want)
	}
}

func column1(row []number) []float64 {
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = v.value
	}
	return out
}

// TestGoldenOrdinal does the same for ordinal. A null that scikit-learn takes as
// None is a category, one that it takes as NaN is missing.
func TestGoldenOrdinal(t *testing.T) {
	eachEncoded(t, Ordinal, 8, func(t *testing.T, c encoded, e Encoding) {
		missing := func(l label) bool { return l.null && c.Name != "null as None" }
		encoder, categories := c.learned(t, e, 0, missing)
		if in, out := encoder.Dims(); in != 1 || out != 1 || !slices.Equal(encoder.Names("level"), []string{"level"}) {
			t.Errorf("Dims() = %d, %d and names %q", in, out, encoder.Names("level"))
		}
		for i, row := range c.Test {
			v := []float64{codeOf(categories, row[0], missing)}
			encoder.Transform(v, v, nil)
			equal(t, "transform of "+row[0].text, v, column1(c.Transform[i]))
			encoder.Inverse(v, v, nil)
			if want := c.Inverse[i][0]; !inverted(encoder, v[0], want) {
				t.Errorf("%q came back with code %v, want %q", row[0].text, v[0], want.text)
			}
		}
	})
}

// TestGoldenRefusedEncodings holds that Validate refuses what scikit-learn does.
func TestGoldenRefusedEncodings(t *testing.T) {
	var cases []struct{ Name string }
	readGolden(t, "scalers/refused.json", &cases)
	changes := map[string]func(*Encoding){
		"onehot: max_categories 0":    func(e *Encoding) { e.MaxCategories = new(0) },
		"onehot: min_frequency 0":     func(e *Encoding) { e.MinFrequency = new(0.0) },
		"onehot: min_frequency 1.5":   func(e *Encoding) { e.MinFrequency = new(1.5) },
		"onehot: handle_unknown pass": func(e *Encoding) { e.HandleUnknown = "pass" },
	}
	for _, c := range cases {
		change, ok := changes[c.Name]
		if !ok {
			if len(c.Name) > 7 && c.Name[:7] == "onehot:" {
				t.Errorf("%s: not tested", c.Name)
			}
			continue
		}
		e := encoding(t, OneHot, `{}`)
		if change(&e); e.Validate() == nil {
			t.Errorf("%s: accepted", c.Name)
		}
		delete(changes, c.Name)
	}
	for name := range changes {
		t.Errorf("%s: not in refused.json", name)
	}
}

// encoding returns the default encoding of a kind with options in JSON.
func encoding(t *testing.T, kind, options string) Encoding {
	t.Helper()
	e, err := DefaultEncoding(kind)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(options), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestRefusesEncodings holds the errors of encodings.
func TestRefusesEncodings(t *testing.T) {
	f := func(kind, options, want string) {
		t.Helper()
		checkError(t, encoding(t, kind, options).Validate(), want)
	}
	f(OneHot, `{}`, ``)
	f(OneHot, `{"min_frequency":1,"max_categories":1,"drop":"first","handle_unknown":"warn"}`, ``)
	f(OneHot, `{"min_frequency":0.999,"categories":["b",""],"drop_label":""}`, ``)
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":-1,"encoded_missing_value":-2}`, ``)
	f(Ordinal, `{"categories":["b","a"],"max_tracked":2}`, ``)
	f(Ordinal, `{"handle_unknown":"use_encoded_value"}`, ``)
	f(OneHot, `{"kind":"hot"}`, `encoder "hot": must be one of onehot, ordinal`)
	f(OneHot, `{"handle_unknown":"use_encoded_value"}`, `handle_unknown "use_encoded_value": must be one of error, ignore, infrequent_if_exist, warn`)
	f(Ordinal, `{"handle_unknown":"ignore"}`, `handle_unknown "ignore": must be one of error, use_encoded_value`)
	f(Ordinal, `{"max_categories":0}`, `max_categories 0: must be at least 1`)
	f(OneHot, `{"max_tracked":0}`, `max_tracked 0: must be 1 to 1048576`)
	f(Ordinal, `{"max_tracked":1048577}`, `max_tracked 1048577: must be 1 to 1048576`)
	f(Ordinal, `{"categories":["b","a"],"max_tracked":1}`, `max_tracked 1: must be at least the number of categories given, 2`)
	f(OneHot, `{"min_frequency":-1}`, `min_frequency -1: must be a whole number of records from 1 on, or a share above 0 and below 1`)
	f(OneHot, `{"categories":[]}`, `categories is empty: it must name at least one label`)
	f(OneHot, `{"categories":["a","b","a"]}`, `categories has "a" twice: it must name each label once`)
	f(OneHot, `{"unknown_value":-1}`, `unknown_value and encoded_missing_value are options of ordinal, not of onehot`)
	f(OneHot, `{"encoded_missing_value":-1}`, `unknown_value and encoded_missing_value are options of ordinal, not of onehot`)
	f(OneHot, `{"drop":"last"}`, `drop "last": must be one of first, if_binary, or drop_label must name the category`)
	f(OneHot, `{"drop":"first","drop_label":"a"}`, `drop first and drop_label "a": set one of them`)
	f(OneHot, `{"drop_label":"c","categories":["a","b"]}`, `drop_label "c": must be one of the categories`)
	f(Ordinal, `{"drop":"first"}`, `drop and drop_label are options of onehot, not of ordinal`)
	f(Ordinal, `{"drop_label":"a"}`, `drop and drop_label are options of onehot, not of ordinal`)
	f(Ordinal, `{"unknown_value":-1}`, `unknown_value -1: needs handle_unknown use_encoded_value, not error`)
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":0.5}`, `unknown_value 0.5: must be an integer, such as -1`)
	f(Ordinal, `{"encoded_missing_value":1e300}`, `encoded_missing_value 1e+300: must be an integer, such as -1`)
	if _, err := DefaultEncoding("dummy"); err == nil {
		t.Error("the kind dummy has defaults")
	}
	if encoding(t, OneHot, `{}`).HandleUnknown != HandleError || encoding(t, Ordinal, `{}`).HandleUnknown != HandleError {
		t.Error("the default of handle_unknown is not scikit-learn's")
	}
	nan := encoding(t, OneHot, `{}`)
	if nan.MinFrequency = new(math.NaN()); nan.Validate() == nil {
		t.Error("a min_frequency of NaN was accepted")
	}
}

// TestRefusesCategories holds the errors for parameters that do not go with
// their encoding.
func TestRefusesCategories(t *testing.T) {
	f := func(kind, options string, categories []string, infrequent []float64, want string) {
		t.Helper()
		_, err := NewEncoder(encoding(t, kind, options), categories, infrequent)
		checkError(t, err, want)
	}
	abc, none := []string{"a", "b", "c"}, []float64{0, 0, 0}
	const rare = `"min_frequency":5`
	f(OneHot, `{"handle_unknown":"pass"}`, abc, none, `handle_unknown "pass": must be one of error, ignore, infrequent_if_exist, warn`)
	f(OneHot, `{}`, nil, nil, `no categories: no training record has a label, give categories`)
	f(OneHot, `{}`, []string{"a", "a"}, none[:2], `categories has "a" twice: it must name each label once`)
	f(OneHot, `{"categories":["a"]}`, abc, none, `the learned categories ["a" "b" "c"] are not those given, ["a"]`)
	f(OneHot, `{}`, abc, none[:2], `3 categories and 2 numbers for them, want one each`)
	f(OneHot, `{}`, abc, []float64{0, 1, 0}, `category "b" has 1, want 1 if it is infrequent, which takes min_frequency or max_categories, else 0`)
	f(OneHot, `{`+rare+`}`, abc, []float64{0, 0.5, 0}, `category "b" has 0.5, want 1 if it is infrequent, which takes min_frequency or max_categories, else 0`)
	f(OneHot, `{`+rare+`}`, abc, []float64{math.NaN(), 0, 0}, `category "a" has NaN, want 1 if it is infrequent, which takes min_frequency or max_categories, else 0`)
	f(OneHot, `{"max_categories":2}`, abc, none, `3 categories are told apart, but max_categories is 2`)
	f(OneHot, `{"drop_label":"x"}`, abc, none, `drop_label "x": must be one of the categories, it was in no training record`)
	f(OneHot, `{"drop_label":"b",`+rare+`}`, abc, []float64{0, 1, 0}, `drop_label "b": must not be infrequent`)
	f(OneHot, `{"drop_label":"b",`+rare+`}`, abc, []float64{1, 0, 0}, ``)
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":2}`, abc, none, `unknown_value 2: must not be the number of a category, 0 to 2; -1 never is`)
	f(Ordinal, `{"encoded_missing_value":0}`, abc, none, `encoded_missing_value 0: must not be the number of a category, 0 to 2; -1 never is`)
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":3}`, abc, none, ``)
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":1,`+rare+`}`, abc, []float64{0, 1, 0}, `unknown_value 1: must not be the number of a category, 0 to 1; -1 never is`)
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":2,`+rare+`}`, abc, []float64{0, 1, 0}, ``) // that of the infrequent
}

// TestEncodingForm holds the form of an encoding in an artifact.
func TestEncodingForm(t *testing.T) {
	f := func(e Encoding, want string) {
		t.Helper()
		got, err := json.Marshal(e)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
	f(encoding(t, OneHot, `{}`), `{"kind":"onehot","handle_unknown":"error","max_tracked":10000}`)
	const onehot = `{"kind":"onehot","categories":["b",""],"handle_unknown":"ignore","min_frequency":0.01,"max_categories":20,"max_tracked":10000,"drop_label":""}`
	f(encoding(t, OneHot, onehot), onehot)
	const ordinal = `{"kind":"ordinal","handle_unknown":"use_encoded_value","max_tracked":10000,"unknown_value":-1,"encoded_missing_value":-2}`
	f(encoding(t, Ordinal, ordinal), ordinal)
}

// TestEncode holds what goes in and comes out where the golden files do not
// tell: given categories, dropped groups, odd codes, rows of other sources.
func TestEncode(t *testing.T) {
	nan := math.NaN()
	words := func(s ...string) (out [][]byte) {
		for _, w := range s {
			out = append(out, []byte(w))
		}
		return out
	}
	f := func(kind, options string, names string, in, out, back []float64) {
		t.Helper()
		e := encoding(t, kind, options)
		categories, infrequent := EncodingParams(e, words("a", "b", "c", "d"), []uint64{1, 9, 1, 5}, 20)
		encoder, err := NewEncoder(e, categories, infrequent)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(encoder.Names("x")); got != names {
			t.Errorf("%s %s: names %s, want %s", kind, options, got, names)
		}
		_, width := encoder.Dims()
		y, codes := make([]float64, len(in)*width), make([]float64, len(in))
		encoder.Transform(y, in, []float64{7})
		equal(t, kind+options, y, out)
		encoder.Inverse(codes, y, nil)
		equal(t, kind+options+" and back", codes, back)
	}
	f(OneHot, `{"handle_unknown":"ignore","categories":["d","z","b"]}`, "[x_d x_z x_b]",
		[]float64{0, 1, 2, -1, nan}, []float64{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, nan, nan, nan}, []float64{0, 1, 2, -1, nan})
	f(OneHot, `{"handle_unknown":"ignore","categories":["d","z","b"],"min_frequency":0.25}`, "[x_d x_b x_infrequent_sklearn]",
		[]float64{0, 1, 2}, []float64{1, 0, 0, 0, 0, 1, 0, 1, 0}, []float64{0, 3, 2})
	f(OneHot, `{"handle_unknown":"ignore","max_categories":3}`, "[x_b x_d x_infrequent_sklearn]",
		[]float64{0, 1, 2, 3, 4, 0.5, -7, math.Inf(1)}, []float64{0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, []float64{4, 1, 4, 3, -1, 4, -1, -1})
	f(OneHot, `{"max_categories":4}`, "[x_b x_c x_d x_infrequent_sklearn]", // one is grouped although four would do, as in scikit-learn
		[]float64{0, 2}, []float64{0, 0, 0, 1, 0, 1, 0, 0}, []float64{4, 2})
	f(OneHot, `{"handle_unknown":"warn","max_categories":2,"drop":"if_binary"}`, "[x_infrequent_sklearn]",
		[]float64{0, 1, 2, 3, -1}, []float64{1, 0, 1, 1, 1}, []float64{4, 1, 4, 4, 4})
	f(OneHot, `{"handle_unknown":"infrequent_if_exist","max_categories":2,"drop_label":"b"}`, "[x_infrequent_sklearn]",
		[]float64{1, -1}, []float64{0, 1}, []float64{1, 4})
	f(OneHot, `{"max_categories":1,"drop":"first"}`, "[]", []float64{0, 1}, []float64{}, []float64{4, 4})
	f(OneHot, `{"drop_label":"c"}`, "[x_a x_b x_d]",
		[]float64{3, 2, -1}, []float64{0, 0, 1, 0, 0, 0, nan, nan, nan}, []float64{3, 2, nan})
	f(Ordinal, `{"categories":["d","b","a"]}`, "[x]", []float64{0, 2, -1, 3, nan}, []float64{0, 2, nan, nan, nan}, []float64{0, 2, nan, nan, nan})
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":99,"encoded_missing_value":-3,"max_categories":3}`, "[x]",
		[]float64{0, 1, 2, 3, -1, nan}, []float64{2, 0, 2, 1, 99, -3}, []float64{4, 1, 4, 3, -1, nan})
	f(Ordinal, `{"handle_unknown":"use_encoded_value","unknown_value":2,"max_categories":3}`, "[x]",
		[]float64{0, -1}, []float64{2, 2}, []float64{4, 4})
}

// TestEncodeInverse holds what rows that no encoder has made are taken for.
func TestEncodeInverse(t *testing.T) {
	f := func(kind string, want float64, y ...float64) {
		t.Helper()
		encoder, err := NewEncoder(encoding(t, kind, `{"min_frequency":2}`), []string{"a", "b", "c"}, []float64{0, 1, 0})
		if err != nil {
			t.Fatal(err)
		}
		encoder.Inverse(y[:1], y, nil)
		equal(t, fmt.Sprint(kind, y), y[:1], []float64{want})
	}
	f(OneHot, 2, 0.2, 0.7, 0.1)
	f(OneHot, 3, 0.2, 0.1, 0.3)
	f(OneHot, 0, 0.4, 0.4, 0.2)
	f(OneHot, -1, 0, 0, 0)
	f(OneHot, math.NaN(), 1, 0, math.NaN())
	f(Ordinal, 0, 0)
	f(Ordinal, 2, 1.9)
	f(Ordinal, 3, 2)
	f(Ordinal, -1, 3)
	f(Ordinal, -1, -1)
	f(Ordinal, -1, math.Inf(1))
	f(Ordinal, math.NaN(), math.NaN())
}

// TestLabel holds which codes have a label.
func TestLabel(t *testing.T) {
	f := func(infrequent float64, code float64, want string, ok bool) {
		t.Helper()
		encoder, err := NewEncoder(encoding(t, OneHot, `{"min_frequency":2}`), []string{"", "on"}, []float64{0, infrequent})
		if err != nil {
			t.Fatal(err)
		}
		if got, found := encoder.Label(code); got != want || found != ok {
			t.Errorf("code %v is %q, %v, want %q, %v", code, got, found, want, ok)
		}
	}
	f(0, 0, "", true)
	f(0, 1, "on", true)
	f(0, 2, "", false)
	f(1, 1, "on", true)
	f(1, 2, "infrequent_sklearn", true)
	f(1, -1, "", false)
	f(1, 3, "", false)
	f(1, math.NaN(), "", false)
}

// TestUnknown holds what callers ask for: to reject a record, to tell of it.
func TestUnknown(t *testing.T) {
	f := func(kind, options string, rejects, warns bool) {
		t.Helper()
		e := encoding(t, kind, options)
		if e.Rejects() != rejects || e.Warns() != warns {
			t.Errorf("%s %s: rejects %v, warns %v, want %v, %v", kind, options, e.Rejects(), e.Warns(), rejects, warns)
		}
	}
	f(OneHot, `{}`, true, false)
	f(OneHot, `{"drop":"first"}`, true, false)
	f(OneHot, `{"handle_unknown":"ignore"}`, false, false)
	f(OneHot, `{"handle_unknown":"ignore","drop":"first"}`, false, true)
	f(OneHot, `{"handle_unknown":"infrequent_if_exist","drop_label":""}`, false, true)
	f(OneHot, `{"handle_unknown":"warn"}`, false, true)
	f(Ordinal, `{}`, true, false)
	f(Ordinal, `{"handle_unknown":"use_encoded_value"}`, false, false)
}

// TestEncodeNoAllocations encodes one record's label, both ways.
func TestEncodeNoAllocations(t *testing.T) {
	for _, kind := range encodingKinds {
		encoder, err := NewEncoder(encoding(t, kind, `{}`), []string{"a", "b", "c"}, make([]float64, 3))
		if err != nil {
			t.Fatal(err)
		}
		_, width := encoder.Dims()
		x, y := []float64{1}, make([]float64, width)
		if n := testing.AllocsPerRun(100, func() {
			encoder.Transform(y, x, nil)
			encoder.Inverse(x, y, nil)
		}); n != 0 {
			t.Errorf("%s allocates %v times", kind, n)
		}
	}
}

func ExampleNewEncoder() {
	e, err := DefaultEncoding(OneHot)
	if err != nil {
		panic(err)
	}
	e.HandleUnknown, e.MaxCategories = HandleIgnore, new(3)
	labels := [][]byte{[]byte("fault"), []byte("idle"), []byte("run"), []byte("stop")}
	categories, infrequent := EncodingParams(e, labels, []uint64{2, 400, 500, 10}, 912)
	encoder, err := NewEncoder(e, categories, infrequent)
	if err != nil {
		panic(err)
	}
	fmt.Println(encoder.Names("state"))
	y := make([]float64, 3)
	encoder.Transform(y, []float64{2}, nil) // the code of run
	fmt.Println(y)
	encoder.Transform(y, []float64{0}, nil) // of fault
	code := make([]float64, 1)
	encoder.Inverse(code, y, nil)
	fmt.Println(encoder.Label(code[0]))
	// Output:
	// [state_idle state_run state_infrequent_sklearn]
	// [0 1 0]
	// infrequent_sklearn true
}

func BenchmarkEncode(b *testing.B) {
	categories := make([]string, 20)
	for i := range categories {
		categories[i] = fmt.Sprint(i)
	}
	for _, kind := range encodingKinds {
		encoder, err := NewEncoder(Encoding{Kind: kind, HandleUnknown: HandleError, MaxTracked: 20}, categories, make([]float64, 20))
		if err != nil {
			b.Fatal(err)
		}
		_, width := encoder.Dims()
		x, y := []float64{7}, make([]float64, width)
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				encoder.Transform(y, x, nil)
			}
		})
	}
}
