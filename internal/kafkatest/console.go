package kafkatest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What stands between the parts of the console consumer's lines, so that JSON
// needs no escape. Keys, headers and values must not have them.
const (
	endOfLine   = "\x1e"
	nextField   = "\x1f"
	nextHeader  = "\x1d"
	nullLiteral = "\x1a"
)

// ConsoleDump returns what Kafka's own console consumer prints of a topic, by
// partition and in the order printed: key, value, headers, offset and timestamp.
// It stops at as many records as Consume finds.
func (c *Cluster) ConsoleDump(t testing.TB, topic string) [][]*kgo.Record {
	t.Helper()
	expected := c.Consume(t, topic)
	count := 0
	for _, records := range expected {
		count += len(records)
	}
	dump := make([][]*kgo.Record, len(expected))
	if count == 0 {
		return dump
	}
	args := []string{"--bootstrap-server", strings.Join(c.Brokers, ","), "--topic", topic,
		"--from-beginning", "--max-messages", strconv.Itoa(count), "--timeout-ms", strconv.FormatInt(patience.Milliseconds(), 10)}
	for _, p := range []string{"print.timestamp=true", "print.partition=true", "print.offset=true", "print.headers=true", "print.key=true",
		"print.value=true", "key.separator=" + nextField, "line.separator=" + endOfLine, "headers.separator=" + nextHeader, "null.literal=" + nullLiteral} {
		args = append(args, "--formatter-property", p)
	}
	printed := output(t, Tool(t, "consumer.ConsoleConsumer", args...))
	for line := range strings.SplitSeq(strings.TrimSuffix(printed, endOfLine), endOfLine) {
		r, err := parseConsole(topic, line)
		if err != nil {
			t.Fatal(err)
		}
		if int(r.Partition) >= len(dump) {
			t.Fatalf("console consumer: %q: topic %s has %d partitions", line, topic, len(dump))
		}
		dump[r.Partition] = append(dump[r.Partition], r)
	}
	return dump
}

// parseConsole reads a line such as CreateTime:5|Partition:0|Offset:7|a:1,b:2|key|value.
func parseConsole(topic, line string) (*kgo.Record, error) {
	parts := strings.Split(line, nextField)
	if len(parts) != 6 {
		return nil, fmt.Errorf("console consumer: %d fields in %q, want 6", len(parts), line)
	}
	var numbers [3]int64
	for i := range numbers {
		_, digits, _ := strings.Cut(parts[i], ":")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("console consumer: field %d of %q: want a name and a number", i, line)
		}
		numbers[i] = n
	}
	return &kgo.Record{Topic: topic, Timestamp: time.UnixMilli(numbers[0]), Partition: int32(numbers[1]), Offset: numbers[2],
		Headers: consoleHeaders(parts[3]), Key: orNull(parts[4]), Value: orNull(parts[5])}, nil
}

func consoleHeaders(field string) (headers []kgo.RecordHeader) {
	if field == "NO_HEADERS" {
		return nil
	}
	for h := range strings.SplitSeq(field, nextHeader) {
		key, value, _ := strings.Cut(h, ":")
		headers = append(headers, kgo.RecordHeader{Key: key, Value: orNull(value)})
	}
	return headers
}

func orNull(s string) []byte {
	if s == nullLiteral {
		return nil
	}
	return []byte(s)
}
