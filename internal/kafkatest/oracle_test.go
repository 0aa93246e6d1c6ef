package kafkatest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// made returns one partition of a topic that holds the given sources.
func made(topic string, partition int32, sources ...string) (records []*kgo.Record) {
	for i, s := range sources {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Offset: int64(i),
			Headers: []kgo.RecordHeader{{Key: sourceHeader, Value: []byte(s)}}})
	}
	return records
}

func TestOracle(t *testing.T) {
	o := NewOracle("in")
	for p, n := range []int64{6, 2} {
		for offset := range n {
			o.Expect(&kgo.Record{Partition: int32(p), Offset: offset})
		}
	}
	one := made("out", 1, "in/1/0", "in/1/1")
	f := func(ends []int64, zero, dead, want string) {
		t.Helper()
		err := o.Check(ends, [][]*kgo.Record{made("out", 0, strings.Fields(zero)...), one}, [][]*kgo.Record{made("dead", 0, strings.Fields(dead)...)})
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%v: %s | %s:\n got %s\nwant %s", ends, zero, dead, got, want)
		}
	}
	f(nil, "in/0/0 in/0/1 in/0/3 in/0/5", "in/0/2 in/0/4", "<nil>")
	f([]int64{4, 2}, "in/0/0 in/0/1 in/0/3", "in/0/2", "<nil>")
	f(nil, "in/0/0 in/0/3", "in/0/5", "in/0: lost: 1 to 2\nin/0: lost: 4 to 4")
	f([]int64{4, 2}, "in/0/0 in/0/3", "", "in/0: lost: 1 to 2")
	f([]int64{2, 2}, "in/0/0 in/0/1", "in/0/1", "in/0/1: 2 times: out/0@1, dead/0@0")
	f([]int64{2, 2}, "in/0/0 in/0/1 in/0/0 in/0/1", "", "in/0/0: 2 times: out/0@0, out/0@2\nin/0/1: 2 times: out/0@1, out/0@3")
	f([]int64{2, 2}, "in/0/0 in/0/1 in/0/4 in/0/4", "", "in/0/4: 2 times: out/0@2, out/0@3")
	f([]int64{3, 2}, "in/0/0 in/0/2 in/0/1", "", "out/0@2: out of order: holds in/0/1 after 2")
	f([]int64{1, 2}, "in/0/0 in/0/6 x/0/1 in/0", "", "out/0@1: holds in/0/6, which is not expected\n"+
		"out/0@2: tare-source is \"x/0/1\", want in/partition/offset\nout/0@3: tare-source is \"in/0\", want in/partition/offset")
	f([]int64{0, 2}, "in/0/x in/9/0", "", "out/0@0: tare-source: strconv.ParseInt: parsing \"x\": invalid syntax\nout/0@1: holds in/9/0, which is not expected")
}

func TestOraclePlaces(t *testing.T) {
	o := NewOracle("in")
	o.Expect(&kgo.Record{Partition: 1, Offset: 0})
	err := o.Check(nil, [][]*kgo.Record{made("out", 0, "in/1/0")})
	if got, want := fmt.Sprint(err), "out/0@0: holds in/1/0, which belongs to partition 1"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	err = o.Check(nil, [][]*kgo.Record{{}, {{Topic: "out", Partition: 1}}})
	if got, want := fmt.Sprint(err), "in/1: lost: 0 to 0\nout/1@0: has no header tare-source"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestOracleOfMany(t *testing.T) {
	o := NewOracle("in")
	for offset := range int64(100) {
		o.Expect(&kgo.Record{Offset: 2 * offset})
	}
	lines := strings.Split(fmt.Sprint(o.Check(nil)), "\n")
	if len(lines) != shown+1 || lines[shown] != "... and 90 more like the last" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}
