package kafkatest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sourceHeader names the record that an output record was made from:
// topic/partition/offset.
const sourceHeader = "tare-source"

// An Oracle knows the records of one source topic that must come out, and tells
// what became of them.
type Oracle struct {
	topic    string
	expected map[int32]map[int64]bool // offsets by partition
}

// NewOracle returns an Oracle that expects nothing yet.
func NewOracle(topic string) *Oracle {
	return &Oracle{topic, map[int32]map[int64]bool{}}
}

// Expect adds source records that must come out, as Produce left them.
func (o *Oracle) Expect(records ...*kgo.Record) {
	for _, r := range records {
		if o.expected[r.Partition] == nil {
			o.expected[r.Partition] = map[int64]bool{}
		}
		o.expected[r.Partition][r.Offset] = true
	}
}

// findings are what is wrong, one kind after the other.
type findings struct{ lost, doubled, disorder, strange []string }

// Check holds outputs, as Consume returns them, against what is expected: each
// expected record below its partition's end in exactly one place, in the
// partition of the same number, behind all earlier records of its source; and
// nothing else at all. Records from the end on may be missing, but are held to
// the rest too; ends nil is the end of everything. The error has a line for each
// thing that is wrong.
func (o *Oracle) Check(ends []int64, outputs ...[][]*kgo.Record) error {
	var f findings
	places := map[int32]map[int64][]string{}
	for p := range o.expected {
		places[p] = map[int64][]string{}
	}
	for _, output := range outputs {
		for _, records := range output {
			o.walk(&f, places, records)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(o.expected)) {
		end := int64(1)<<62 - 1
		if ends != nil {
			end = ends[p]
		}
		o.count(&f, p, end, places[p])
	}
	return f.err()
}

// walk notes where each record of one output partition comes from.
func (o *Oracle) walk(f *findings, places map[int32]map[int64][]string, records []*kgo.Record) {
	newest := int64(-1)
	for _, r := range records {
		place := fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset)
		p, offset, err := o.source(r)
		switch {
		case err != nil:
			f.strange = append(f.strange, fmt.Sprintf("%s: %v", place, err))
			continue
		case !o.expected[p][offset]:
			f.strange = append(f.strange, fmt.Sprintf("%s: holds %s/%d/%d, which is not expected", place, o.topic, p, offset))
			continue
		case p != r.Partition:
			f.strange = append(f.strange, fmt.Sprintf("%s: holds %s/%d/%d, which belongs to partition %d", place, o.topic, p, offset, p))
		}
		if seen := places[p][offset]; len(seen) == 0 && offset < newest {
			f.disorder = append(f.disorder, fmt.Sprintf("%s: out of order: holds %s/%d/%d after %d", place, o.topic, p, offset, newest))
		}
		newest = max(newest, offset)
		places[p][offset] = append(places[p][offset], place)
	}
}

// source reads a record's header.
func (o *Oracle) source(r *kgo.Record) (partition int32, offset int64, err error) {
	value, ok := Header(r, sourceHeader)
	if !ok {
		return 0, 0, fmt.Errorf("has no header %s", sourceHeader)
	}
	parts := strings.Split(value, "/")
	if len(parts) != 3 || parts[0] != o.topic {
		return 0, 0, fmt.Errorf("%s is %q, want %s/partition/offset", sourceHeader, value, o.topic)
	}
	p, err := strconv.ParseInt(parts[1], 10, 32)
	if err == nil {
		offset, err = strconv.ParseInt(parts[2], 10, 64)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", sourceHeader, err)
	}
	return int32(p), offset, err
}

// count finds the records of a source partition that came out never, or more
// than once.
func (o *Oracle) count(f *findings, p int32, end int64, places map[int64][]string) {
	var lost []int64
	for _, offset := range slices.Sorted(maps.Keys(o.expected[p])) {
		switch at := places[offset]; {
		case len(at) == 0 && offset < end:
			lost = append(lost, offset)
		case len(at) > 1:
			f.doubled = append(f.doubled, fmt.Sprintf("%s/%d/%d: %d times: %s", o.topic, p, offset, len(at), strings.Join(at, ", ")))
		}
	}
	for i := 0; i < len(lost); {
		j := i
		for j+1 < len(lost) && lost[j+1] == lost[j]+1 {
			j++
		}
		f.lost = append(f.lost, fmt.Sprintf("%s/%d: lost: %d to %d", o.topic, p, lost[i], lost[j]))
		i = j + 1
	}
}

// shown is how many things of a kind are told one by one.
const shown = 10

func (f *findings) err() error {
	var lines []string
	for _, kind := range [][]string{f.lost, f.doubled, f.disorder, f.strange} {
		lines = append(lines, kind[:min(shown, len(kind))]...)
		if more := len(kind) - shown; more > 0 {
			lines = append(lines, fmt.Sprintf("... and %d more like the last", more))
		}
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}
