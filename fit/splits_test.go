package fit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func until(t Instant) *Instant { return &t }

func TestSplits(t *testing.T) {
	f := func(s Splits, names string, want ...string) {
		t.Helper()
		if got := strings.Join(s.Names(), " "); got != names {
			t.Errorf("names %s, want %s", got, names)
		}
		c := Cutoff{Kind: EventTime, Time: 100, Gap: 10}
		if err := s.Validate(&c); err != nil {
			t.Error(err)
		}
		var got []string
		for _, at := range []int64{89, 90, 99, 100, 199, 200, 299, 300, 1 << 62} {
			got = append(got, s.Names()[s.Place(c.SplitAlone(at), at)])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: splits %v, want %v", s, got, want)
		}
		text, err := json.Marshal(s)
		var back Splits
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if again, _ := json.Marshal(back); err != nil || string(again) != string(text) {
			t.Errorf("%s is read as %+v, %v", text, back, err)
		}
	}
	f(nil, "train gap live", "train", "gap", "gap", "live", "live", "live", "live", "live", "live")
	f(Splits{{"a", nil}}, "train gap a", "train", "gap", "gap", "a", "a", "a", "a", "a", "a")
	f(Splits{{"a", until(200)}}, "train gap a live", "train", "gap", "gap", "a", "a", "live", "live", "live", "live")
	f(Splits{{"a", until(200)}, {"b", until(300)}, {"c", nil}}, "train gap a b c", "train", "gap", "gap", "a", "a", "b", "b", "c", "c")
}

// TestSplitsBeforeTheEpoch: a split that ends in 1970 ends.
func TestSplitsBeforeTheEpoch(t *testing.T) {
	s := Splits{{"a", until(0)}, {"b", nil}}
	if err := s.Validate(&Cutoff{Kind: EventTime, Time: -5}); err != nil {
		t.Error(err)
	}
	if text, _ := json.Marshal(s); string(text) != `[{"name":"a","until":"1970-01-01T00:00:00Z"},{"name":"b"}]` {
		t.Errorf("%s", text)
	}
	if a, b := s.Place(Live, -1), s.Place(Live, 0); a != 2 || b != 3 {
		t.Errorf("places %d and %d, want 2 and 3", a, b)
	}
}

func TestSplitsRefused(t *testing.T) {
	f := func(s Splits, want string) {
		t.Helper()
		err := s.Validate(&Cutoff{Kind: EventTime, Time: 100})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", s, err, want)
		}
	}
	for _, name := range []string{"", ".", "a.b", "a/b", "-a", "a b", "a\n", "ä", "train", "gap", "live", strings.Repeat("a", 65)} {
		f(Splits{{name, nil}}, "want up to 64 letters, digits, _ and -")
	}
	f(Splits{{"a", until(100)}}, "want it to end after 1970-01-01T00:00:00.0000001Z")
	f(Splits{{"a", until(200)}, {"b", until(200)}}, `split "b" ends at`)
	f(Splits{{"a", until(200)}, {"a", nil}}, "a name of its own")
	f(Splits{{"a", nil}, {"b", nil}}, `split "a" never ends, but is not the last one`)
	f(make(Splits, MaxSplits+1), "65 splits, want at most 64")
	if err := (Splits{{"a", nil}}).Validate(&Cutoff{Kind: Records, Records: 1}); err == nil {
		t.Error("splits behind a cutoff by records are taken")
	}
	if err := (Splits{}).Validate(&Cutoff{Kind: End}); err != nil {
		t.Error(err)
	}
}
