package stream

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tare/fit"
	"tare/record"
)

// fullStatus has another number in every field.
func fullStatus(t *testing.T) Status {
	t.Helper()
	var s Status
	n := int64(100)
	s.Partitions = make([]PartitionStatus, 1)
	fill(reflect.ValueOf(&s).Elem(), &n)
	s.Phase, s.Partitions[0].Phase = Fitting, Freezing
	p := &s.Partitions[0]
	p.Fit.Rejected[record.OK], p.Fit.Before[record.OK], p.Normalize.Rejected[record.OK] = 0, 0, 0
	return s
}

func fill(v reflect.Value, n *int64) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(*n, 0).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.Array || v.Kind() == reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case v.Kind() == reflect.Map:
		v.Set(reflect.ValueOf(map[string]int64{"fetch": *n}))
	case v.CanInt():
		v.SetInt(*n)
	case v.CanUint():
		v.SetUint(uint64(*n))
	case v.CanFloat():
		v.SetFloat(float64(*n))
	case v.Kind() == reflect.String:
		v.SetString(v.Type().Name())
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		panic("fill: " + v.Type().String())
	}
}

// TestStatusJSON holds the contract: the names of testdata/status.txt, to which
// new ones are added, and everything can be read back.
func TestStatusJSON(t *testing.T) {
	s := fullStatus(t)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(names("", document), "\n") + "\n"
	want, err := os.ReadFile("testdata/status.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var back Status
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, s) {
		t.Errorf("got %+v\nwant %+v", back, s)
	}
}

// names returns the path and type of every value of a JSON document, sorted.
func names(path string, v any) (all []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, names(path+"."+key, v[key])...)
		}
		return all
	case []any:
		return names(path+"[]", v[0])
	}
	return []string{fmt.Sprintf("%s %T", strings.TrimPrefix(path, "."), v)}
}

func TestStatusJSONOfNothing(t *testing.T) {
	p := PartitionStatus{End: -1, Committed: -1, Fit: fit.NewCounts()}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"oldest", "newest", "watermark", "checkpoint_at", "seal"} {
		if strings.Contains(string(text), `"`+absent+`"`) {
			t.Errorf("%s stands in %s", absent, text)
		}
	}
	var back PartitionStatus
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("got %+v, %v\nwant %+v", back, err, p)
	}
}

// TestStatusJSONIgnores reads what a later version may write.
func TestStatusJSONIgnores(t *testing.T) {
	var p PartitionStatus
	if err := json.Unmarshal([]byte(`{"partition":3,"new":1,"fit":{"rejected":{"syntax":2,"new":5}}}`), &p); err != nil {
		t.Fatal(err)
	}
	if p.Partition != 3 || p.Fit.Rejected[record.Syntax] != 2 || p.Fit.Rejects() != 2 {
		t.Errorf("got %+v", p)
	}
}
