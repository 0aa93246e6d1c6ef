package record_test

import (
	"fmt"

	"tare/record"
	"tare/schema"
)

func pumpSchema() *schema.Schema {
	return &schema.Schema{
		Format:   schema.JSON,
		Series:   schema.Series{Fields: []string{"pump"}},
		Time:     schema.Time{Field: "at", Layout: schema.RFC3339},
		Features: []schema.Feature{{Name: "load", Field: "load"}, {Name: "vibration", Field: "axis.x"}},
	}
}

func ExampleNewJSON() {
	d, err := record.NewJSON(pumpSchema())
	if err != nil {
		fmt.Println(err)
		return
	}
	var row record.Row
	for _, value := range []string{
		`{"pump":"p1","at":"2026-03-01T06:00:00Z","load":12.5,"axis":{"x":null}}`,
		`{"pump":"p1","at":"2026-03-01T06:00:01Z","load":"12.5"}`,
	} {
		if reason := d.Decode(&row, &record.Message{Value: []byte(value), Timestamp: record.NoTimestamp}); reason != record.OK {
			fmt.Printf("%s: %s\n", reason, d.Detail())
			continue
		}
		fmt.Printf("%s %d %v\n", row.Series, row.Time, row.Numbers)
	}
	// Output:
	// p1 1772344800000000000 [12.5 NaN]
	// type: feature "load" (field load) at byte 48: a string, want a number or null
}

func ExampleNewCSV() {
	s := pumpSchema()
	s.Format = schema.CSV
	d, err := record.NewCSV(s, []byte("pump,at,load"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("missing:", d.Missing())
	var row record.Row
	reason := d.Decode(&row, &record.Message{Value: []byte(`"pump 1, left",2026-03-01,12.5`), Timestamp: record.NoTimestamp})
	fmt.Printf("%s: %s %v\n", reason, row.Series, row.Numbers)
	// Output:
	// missing: [vibration]
	// ok: pump 1, left [12.5 NaN]
}

func ExampleNewEncoder() {
	s := pumpSchema()
	value := []byte(`{"pump":"p1", "at":"2026-03-01T06:00:00Z", "load":12.5, "note":"<ok>"}`)
	d, err := record.NewJSON(s)
	if err != nil {
		fmt.Println(err)
		return
	}
	var row record.Row
	d.Decode(&row, &record.Message{Value: value, Timestamp: record.NoTimestamp})

	y := []float64{-0.25, 0.5} // the second one imputed
	mark := &record.Mark{Artifact: "0123456789abcdef", Topic: "pumps", Partition: 0, Offset: 7, Split: "train", Flags: record.Imputed}
	for _, o := range []record.Output{{}, {Value: record.Features, Meta: record.MetaNone}} {
		e, err := record.NewEncoder(s, o, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", e.Append(nil, value, &row, y, mark))
	}
	// Output:
	// {"pump":"p1", "at":"2026-03-01T06:00:00Z", "load":-0.25, "note":"<ok>","axis":{"x":0.5},"_tare":{"artifact":"0123456789abcdef","source":"pumps/0/7","split":"train","flags":"imputed"}}
	// {"series":"p1","time":"2026-03-01T06:00:00Z","split":"train","load":-0.25,"vibration":0.5}
}

func ExampleNewJSON_array() {
	d, err := record.NewJSON(&schema.Schema{
		Format:   schema.JSON,
		Features: []schema.Feature{{Name: "load", Field: "load"}, {Name: "grid", Field: "grid", Shape: []int{2, 2}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var row record.Row
	for _, value := range []string{`{"load":7,"grid":[[1,2],[null,4]]}`, `{"load":7,"grid":[[1,2],[3]]}`} {
		if reason := d.Decode(&row, &record.Message{Value: []byte(value), Timestamp: record.NoTimestamp}); reason != record.OK {
			fmt.Printf("%s: %s\n", reason, d.Detail())
			continue
		}
		fmt.Println(row.Numbers)
	}
	// Output:
	// [7 1 2 NaN 4]
	// shape: feature "grid" (field grid) at byte 24: element [1] is an array of 1 number, want 2
}

func ExampleNewBinary() {
	s := &schema.Schema{
		Format:   schema.Binary,
		DType:    schema.UInt8,
		Series:   schema.Series{Fields: []string{schema.Key}},
		Features: []schema.Feature{{Name: "image", Shape: []int{2, 2}}},
	}
	d, err := record.NewBinary(s)
	if err != nil {
		fmt.Println(err)
		return
	}
	var row record.Row
	d.Decode(&row, &record.Message{Key: []byte("camera 1"), Value: []byte{0, 1, 128, 255}, Timestamp: record.NoTimestamp})
	fmt.Printf("%s %v\n", row.Series, row.Numbers)

	e, err := record.NewEncoder(s, record.Output{Dtype: record.Float32, Meta: record.MetaNone}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n", e.Append(nil, nil, &row, []float64{-1, 0, 0.5, 1}, nil))
	// Output:
	// camera 1 [0 1 128 255]
	// 00 00 80 bf 00 00 00 00 00 00 00 3f 00 00 80 3f
}

func ExampleAppendDeadLetter() {
	m := &record.Message{Value: []byte(`{"load":`), Partition: 0, Offset: 7, Timestamp: record.NoTimestamp}
	fmt.Printf("%s\n", record.AppendDeadLetter(nil, "syntax: at byte 8: the record ends, want a value", m, "pumps"))
	// Output:
	// {"tare-error":"syntax: at byte 8: the record ends, want a value","tare-source":"pumps/0/7","value":"{\"load\":"}
}

func ExampleParseTime() {
	nanos, ok := record.ParseTime(schema.UnixMilli, []byte("1772344800000.25"))
	fmt.Println(nanos, ok)
	fmt.Printf("%s\n", record.AppendTime(nil, schema.RFC3339, nanos))
	// Output:
	// 1772344800000250000 true
	// 2026-03-01T06:00:00.00025Z
}

func ExampleStampArtifact() {
	value := []byte(`{"pump":"p1","at":"2026-03-01","load":1,"_tare":{"artifact":"0123456789abcdef"}}`)
	d, err := record.NewJSON(pumpSchema())
	if err != nil {
		fmt.Println(err)
		return
	}
	d.AcceptStamped = true
	var row record.Row
	d.Decode(&row, &record.Message{Value: value, Timestamp: record.NoTimestamp})
	fmt.Println(record.StampArtifact(value, row.Stamp))
	// Output: 0123456789abcdef true
}
