package kafkatest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Lines returns what a file of normalized records, or of dead letters, holds of
// each partition of the source, as Consume returns what a topic holds: for each
// line a record with its value and the header that names its source. A file that
// is not there holds nothing; the end of a line that is missing does not count.
func Lines(t testing.TB, path string, partitions int) [][]*kgo.Record {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	all := make([][]*kgo.Record, partitions)
	for line := range strings.Lines(string(data)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var mark struct {
			Tare struct{ Source string } `json:"_tare"`
			Dead string                  `json:"tare-source"`
		}
		if err := json.Unmarshal([]byte(line), &mark); err != nil {
			t.Fatalf("%s: %q: %v", path, line, err)
		}
		source := mark.Tare.Source + mark.Dead
		p, err := partitionOf(source)
		if err != nil || p >= partitions {
			t.Fatalf("%s: %q is from %q", path, line, source)
		}
		all[p] = append(all[p], &kgo.Record{Topic: path, Partition: int32(p), Offset: int64(len(all[p])), Value: []byte(strings.TrimSuffix(line, "\n")),
			Headers: []kgo.RecordHeader{{Key: sourceHeader, Value: []byte(source)}}})
	}
	return all
}

// partitionOf reads the partition in topic/partition/offset.
func partitionOf(source string) (int, error) {
	parts := strings.Split(source, "/")
	return strconv.Atoi(parts[max(0, len(parts)-2)])
}
