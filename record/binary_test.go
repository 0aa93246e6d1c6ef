package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tare/schema"
)

// packed is a schema of binary records whose series is the key and whose time is
// the timestamp.
func packed(t schema.DType, shape ...int) *schema.Schema {
	return &schema.Schema{
		Format:   schema.Binary,
		DType:    t,
		Series:   schema.Series{Fields: []string{schema.Key}},
		Time:     schema.Time{Field: schema.Timestamp},
		Features: []schema.Feature{{Name: "image", Shape: shape}},
	}
}

func newBinary(t testing.TB, s *schema.Schema) *Binary {
	t.Helper()
	d, err := NewBinary(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var dtypes = []schema.DType{schema.UInt8, schema.Int16, schema.Float32, schema.Float64}

// plainly unpacks numbers with encoding/binary's own reader.
func plainly(t testing.TB, dtype schema.DType, b []byte) (numbers []float64) {
	t.Helper()
	read := func(n any) {
		if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, n); err != nil {
			t.Fatal(err)
		}
	}
	n := len(b) / dtype.Size()
	switch dtype {
	case schema.UInt8:
		for _, c := range b {
			numbers = append(numbers, float64(c))
		}
	case schema.Int16:
		list := make([]int16, n)
		read(list)
		for _, x := range list {
			numbers = append(numbers, float64(x))
		}
	case schema.Float32:
		list := make([]float32, n)
		read(list)
		for _, x := range list {
			numbers = append(numbers, float64(x))
		}
	case schema.Float64:
		numbers = make([]float64, n)
		read(numbers)
	}
	return numbers
}

// compareBinary holds what d finds in value against encoding/binary.
func compareBinary(t testing.TB, d *Binary, row *Row, value []byte) {
	t.Helper()
	got := decodeWithin(t, d, row, &Message{Key: []byte("a"), Value: value, Timestamp: 7})
	if string(row.Series) != "a" || got == OK && row.Time != 7*milli {
		t.Fatalf("series %q at %d", row.Series, row.Time)
	}
	if (got == OK) != (d.Detail() == "") {
		t.Fatalf("%s with detail %q", got, d.Detail())
	}
	if (got == BadShape) != (len(value) != d.size) {
		t.Fatalf("%s of %d bytes: %s", got, len(value), d.Detail())
	}
	if got == BadShape {
		return
	}
	bad := 0
	for i, want := range plainly(t, d.schema.DType, value) {
		x := row.Numbers[i]
		switch {
		case math.Abs(want) > schema.MaxMagnitude:
			bad++
			want = nan
		case want == 0:
			want = 0
		}
		if x != want && !(x != x && want != want) || math.Signbit(x) && x == 0 {
			t.Fatalf("number %d is %v, want %v", i, x, want)
		}
	}
	if d.schema.BadValue == schema.Missing {
		if got != OK || row.Bad != bad {
			t.Fatalf("%s with %d bad, want %d", got, row.Bad, bad)
		}
	} else if (got == BadRange) != (bad > 0) {
		t.Fatalf("%s with %d bad", got, bad)
	}
}

// randomPacked returns n numbers of any bits, of which many are special.
func randomPacked(r *rand.Rand, dtype schema.DType, n int) (b []byte) {
	special := []float64{0, math.Copysign(0, -1), nan, math.Inf(1), math.Inf(-1), 1e150, 1.1e150, -1e151, 5e-324, 1, -1, math.MaxFloat32}
	some := r.IntN(3) == 0
	for range n {
		switch {
		case dtype == schema.Float32 && some:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(special[r.IntN(len(special))])))
		case dtype == schema.Float64 && some:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(special[r.IntN(len(special))]))
		case dtype == schema.Float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.NormFloat64()))
		default:
			b = append(b, binary.LittleEndian.AppendUint64(nil, r.Uint64())[:dtype.Size()]...)
		}
	}
	return b
}

func TestBinaryRandom(t *testing.T) {
	r := random(t)
	for range rounds(2_000) {
		s := packed(dtypes[r.IntN(4)], 1+r.IntN(4), 1+r.IntN(9))
		s.BadValue = []schema.BadValue{schema.Reject, schema.Missing}[r.IntN(2)]
		d := newBinary(t, s)
		var row Row
		for range 3 {
			value := randomPacked(r, s.DType, s.Width())
			if r.IntN(8) == 0 {
				value = value[:r.IntN(len(value))]
			}
			compareBinary(t, d, &row, value)
		}
	}
}

func FuzzBinary(f *testing.F) {
	f.Add([]byte("012345678901234567890123"), uint8(0))
	f.Add(bytes.Repeat([]byte{0xff}, 12), uint8(1))
	f.Add([]byte{0, 0, 0x80, 0x7f, 0, 0, 0x80, 0xff, 0, 0, 0xc0, 0x7f}, uint8(2))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}, uint8(3))
	f.Add([]byte{}, uint8(3))
	var row Row
	f.Fuzz(func(t *testing.T, value []byte, kind uint8) {
		dtype := dtypes[kind%4]
		n := max(1, len(value)/dtype.Size())
		s := packed(dtype, n)
		if kind&4 != 0 {
			s.Features[0].Shape = nil
		}
		if kind&8 != 0 {
			s.BadValue = schema.Missing
		}
		if s.Width()*dtype.Size() <= schema.DefaultLimits().Value {
			compareBinary(t, newBinary(t, s), &row, value)
		}
	})
}

func TestBadBinary(t *testing.T) {
	var row Row
	f := func(s *schema.Schema, m *Message, want string) {
		t.Helper()
		d := newBinary(t, s)
		reason := d.Decode(&row, m)
		if got := fmt.Sprintf("%s: %s", reason, d.Detail()); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		for i, x := range row.Numbers {
			if x == x && reason == BadShape {
				t.Errorf("%s: number %d is %v", want, i, x)
			}
		}
	}
	of := func(value ...byte) *Message { return &Message{Key: []byte("a"), Value: value, Timestamp: 7} }
	s := packed(schema.Int16, 2, 1)
	f(s, of(1, 2, 3, 4), "ok: ")
	f(s, of(1, 2, 3), `shape: feature "image": a value of 3 bytes, want 4 (int16 of shape [2,1])`)
	f(s, of(1, 2, 3, 4, 5), `shape: feature "image": a value of 5 bytes, want 4 (int16 of shape [2,1])`)
	f(s, &Message{Key: []byte("a"), Value: []byte{}, Timestamp: 7}, `shape: feature "image": a value of 0 bytes, want 4 (int16 of shape [2,1])`)
	f(s, &Message{Key: []byte("a"), Timestamp: 7}, `syntax: the value is null (a tombstone), want binary`)
	f(s, &Message{Value: []byte{1, 2, 3, 4}, Timestamp: 7}, `series: series (field $key): the record's key is null, as it is in all files, want text in UTF-8`)
	f(s, &Message{Key: []byte("\xff"), Value: []byte{1}, Timestamp: 7}, `series: series (field $key): the record's key at byte 0: invalid byte 0xff, want text in UTF-8`)
	f(s, inFile([]byte{1, 2, 3, 4}), `series: series (field $key): the record's key is null, as it is in all files, want text in UTF-8`)
	f(s, &Message{Key: []byte("a"), Value: []byte{1}, Timestamp: NoTimestamp}, `time: time (field $timestamp): the record has no timestamp, as it is in all files, want milliseconds since 1970 between the years 1678 and 2261`)
	stamped := of(1, 2, 3, 4)
	stamped.Headers = headers(HeaderArtifact, "x")
	f(s, stamped, `stamped: header tare-artifact: the record has been normalized already`)
	f(s, of(bytes.Repeat([]byte{1}, schema.DefaultLimits().Value+1)...), `too_large: the record has 1048577 bytes, want at most 1048576`)
	f(packed(schema.UInt8), of(1, 2), `shape: feature "image": a value of 2 bytes, want 1 (uint8)`)
	f(packed(schema.Float32), of(0, 0, 0x80, 0xff), `range: feature "image" at byte 0: -Inf, want a magnitude of at most 1e+150`)
	f(packed(schema.Float32, 1, 2), of(0, 0, 0x80, 0x7f, 0, 0, 0xc0, 0x7f), `range: feature "image" at byte 0: element [0][0] is +Inf, want a magnitude of at most 1e+150`)
	f(packed(schema.Float32, 1, 2), of(0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f), `range: feature "image" at byte 4: element [0][1] is +Inf, want a magnitude of at most 1e+150`)
	big := make([]byte, 24)
	big[22], big[23] = 0x80, 0xff
	f(packed(schema.Float32, 2, 3), of(big...), `range: feature "image" at byte 20: element [1][2] is -Inf, want a magnitude of at most 1e+150`)

	s = packed(schema.UInt8, 2)
	s.BadValue = schema.Missing
	f(s, of(1), `shape: feature "image": a value of 1 bytes, want 2 (uint8 of shape [2])`)
}

func TestNewBinary(t *testing.T) {
	f := func(s *schema.Schema, want string) {
		t.Helper()
		if _, err := NewBinary(s); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(mixed(), `record format "json", want binary`)
	f(packed("int8"), `dtype "int8", want uint8, int16, float32 or float64`)
	f(packed(schema.Float64, 3, 224, 224), `records of 1204224 bytes, but the limit of value is 1048576: want it at least as large`)
	if _, err := NewJSON(packed(schema.UInt8)); err == nil {
		t.Error("JSON takes a binary schema")
	}
	s := packed(schema.Float64, 3, 224, 224)
	s.Limits.Value = 1204224
	newBinary(t, s)
	if size, fixed := FrameOf(s); size != 1204224 || !fixed {
		t.Errorf("frames of %d, fixed %v", size, fixed)
	}
	if _, fixed := FrameOf(mixed()); fixed {
		t.Error("frames of JSON are fixed")
	}
}

// TestBinaryLenient reads what undoing a normalization reads: marks, and floats of
// any magnitude.
func TestBinaryLenient(t *testing.T) {
	d := newBinary(t, packed(schema.Float64, 3))
	d.AcceptStamped, d.AnyMagnitude = true, true
	value := binary.LittleEndian.AppendUint64(nil, math.Float64bits(-1e300))
	value = binary.LittleEndian.AppendUint64(value, math.Float64bits(math.MaxFloat64))
	value = binary.LittleEndian.AppendUint64(value, math.Float64bits(nan))
	m := &Message{Key: []byte("a"), Value: value, Timestamp: 7, Headers: headers(HeaderArtifact, "x")}
	var row Row
	if d.Decode(&row, m) != OK || row.Numbers[0] != -1e300 || row.Numbers[1] != math.MaxFloat64 || row.Numbers[2] == row.Numbers[2] || string(row.Artifact) != "x" {
		t.Errorf("got %+v: %s", row, d.Detail())
	}
	copy(value, binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Inf(1))))
	if got := d.Decode(&row, m); got != BadRange {
		t.Errorf("infinity: got %s", got)
	}
}

func TestBinaryGlance(t *testing.T) {
	s := packed(schema.UInt8)
	topic := mixed()
	topic.Time = s.Time
	for _, d := range []interface {
		Glance(*Message) (int64, bool)
	}{newBinary(t, s), newJSON(t, topic)} {
		if at, ok := d.Glance(&Message{Timestamp: 7}); at != 7*milli || !ok {
			t.Errorf("%T: got %d %v", d, at, ok)
		}
		if _, ok := d.Glance(&Message{Timestamp: NoTimestamp}); ok {
			t.Errorf("%T: a time of no timestamp", d)
		}
	}
	s.Time = schema.Time{}
	if _, ok := newBinary(t, s).Glance(&Message{Timestamp: 7}); ok {
		t.Error("a time of no clock")
	}
}

// plainPack is what packed numbers have to be, number by number.
func plainPack(dtype schema.DType, missing Missing, y []float64) (b []byte) {
	var masks []float64
	for _, x := range y {
		finite := math.Abs(x) <= math.MaxFloat64
		if dtype == schema.Float32 {
			finite = math.Abs(float64(float32(x))) <= math.MaxFloat32
		}
		mask := 0.0
		if !finite {
			x, mask = 0, 1
			if missing == MissingNaN {
				x = nan
			}
		}
		masks = append(masks, mask)
		switch dtype {
		case schema.UInt8:
			b = append(b, uint8(min(max(math.RoundToEven(x), 0), 255)))
		case schema.Int16:
			b = binary.LittleEndian.AppendUint16(b, uint16(int16(min(max(math.RoundToEven(x), -32768), 32767))))
		case schema.Float32:
			w := math.Float32bits(float32(x))
			if x != x {
				w = 0x7fc00000
			}
			b = binary.LittleEndian.AppendUint32(b, w)
		default:
			w := math.Float64bits(x)
			if x != x {
				w = 0x7ff8000000000000
			}
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	if missing == MissingMask {
		b = append(b, plainPack(dtype, MissingZero, masks)...)
	}
	return b
}

// TestPackRandom packs numbers of every kind by every policy.
func TestPackRandom(t *testing.T) {
	r := random(t)
	s := packed(schema.UInt8, 16)
	special := []float64{0, math.Copysign(0, -1), nan, math.Inf(1), math.Inf(-1), 1e300, -1e300, math.MaxFloat64, 3.5e38, 0.5, 1.5, -0.5, -1.5, 2.5,
		254.5, 255, 255.5, 256, 32766.5, 32767.5, -32768.5, -32767.5, -40000, 1 << 52, -1 << 53, 0.49999999999999994, 5e-324, -5e-324}
	for range rounds(2_000) {
		y := make([]float64, 16)
		for i := range y {
			switch r.IntN(4) {
			case 0:
				y[i] = special[r.IntN(len(special))]
			case 1:
				y[i] = float64(r.IntN(600)-100) / 2
			case 2:
				y[i] = r.NormFloat64() * 100
			default:
				y[i] = r.NormFloat64() * 40000
			}
		}
		for _, dtype := range dtypes {
			for _, missing := range []Missing{MissingNaN, MissingZero, MissingMask} {
				if missing == MissingNaN && dtype.Size() < 4 {
					continue
				}
				o := Output{Value: Vector, Dtype: dtype, Missing: missing, Meta: MetaNone}
				want := plainPack(dtype, missing, y)
				got := newEncoder(t, s, o, "").Append([]byte("<"), nil, nil, y, nil)
				if !bytes.Equal(got[1:], want) || got[0] != '<' {
					t.Fatalf("%s %s %v:\n got %x\nwant %x", dtype, missing, y, got[1:], want)
				}
				if o.Value = Replace; missing == MissingMask {
					continue
				}
				row := &Row{Spans: []Span{{0, 16}}}
				if got := newEncoder(t, s, o, "").Append(nil, nil, row, y, nil); !bytes.Equal(got, want) {
					t.Fatalf("replace: %s %s %v:\n got %x\nwant %x", dtype, missing, y, got, want)
				}
			}
		}
	}
}

// TestReplaceBinary reads what it wrote.
func TestReplaceBinary(t *testing.T) {
	s := packed(schema.UInt8, 2, 2)
	var row, back Row
	m := &Message{Key: []byte("a"), Value: []byte{0, 1, 254, 255}, Timestamp: 7}
	if newBinary(t, s).Decode(&row, m) != OK {
		t.Fatal("not decoded")
	}
	for _, dtype := range []schema.DType{schema.Float32, schema.Float64} {
		e := newEncoder(t, s, Output{Dtype: dtype, Meta: MetaNone}, "")
		if e.Lines() || e.Header(nil) != nil {
			t.Error("a binary record has lines")
		}
		y := []float64{1.5, -2, nan, 0.25}
		out := *s
		out.DType = dtype
		d := newBinary(t, &out)
		if d.Decode(&back, &Message{Key: m.Key, Value: e.Append(nil, m.Value, &row, y, nil), Timestamp: 7}) != OK {
			t.Fatal(d.Detail())
		}
		if fmt.Sprint(back.Numbers) != fmt.Sprint(y) {
			t.Errorf("%s: got %v, want %v", dtype, back.Numbers, y)
		}
	}
	// Back to what they were: nothing to remove, and the input's own type.
	e := newEncoder(t, s, Output{Dtype: schema.UInt8, Missing: MissingZero, Meta: MetaRemove}, "")
	if got := e.Append(nil, nil, &row, []float64{1e-9, 0.9999999, 254, 255.0000001}, nil); !slices.Equal(got, m.Value) {
		t.Errorf("got %v, want %v", got, m.Value)
	}
	// Without a span nothing is to be replaced.
	row.Spans = []Span{{}}
	if got := e.Append(nil, nil, &row, []float64{nan, nan, nan, nan}, nil); !slices.Equal(got, m.Value) {
		t.Errorf("as it came: got %v, want %v", got, m.Value)
	}
}

func TestNewBinaryEncoder(t *testing.T) {
	f := func(s *schema.Schema, o Output, want string) {
		t.Helper()
		if _, err := NewEncoder(s, o, nil); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	s := packed(schema.UInt8, 4)
	f(s, Output{}, `a binary record has no place for output meta headers, want none`)
	f(s, Output{Meta: MetaField}, `a binary record has no place for output meta field, want none`)
	f(s, Output{Value: Vector, Meta: MetaRemove}, `output value vector has no place for meta remove, want none`)
	f(s, Output{Value: Features, Meta: MetaNone}, `output value features of binary records, which have no names: want replace or vector`)
	f(s, Output{Missing: MissingMask, Meta: MetaNone}, `output missing mask needs value vector: replace keeps the record's shape`)
	f(s, Output{Dtype: UInt8, Meta: MetaNone}, `output dtype uint8 has no NaN for missing nan, want zero or mask`)
	f(mixed(), Output{Value: Vector, Dtype: Int16, Meta: MetaNone}, `output dtype int16 has no NaN for missing nan, want zero or mask`)
	f(mixed(), Output{Dtype: UInt8}, `output dtype uint8 needs value vector: text takes float64 or float32`)
	f(mixed(), Output{Dtype: UInt8, Missing: MissingZero}, `output missing zero needs value vector: replace writes null or an empty cell`)
}
