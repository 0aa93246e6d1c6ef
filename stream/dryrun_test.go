package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
)

// TestDryRunOpenTransaction: a transaction that nobody ends holds the reader, and
// the dry run says so in time.
func TestDryRunOpenTransaction(t *testing.T) {
	virtually(t, func(w *world) {
		w.produce(3)
		peer := w.newPeer(kgo.TransactionalID("theirs"))
		defer peer.Close()
		if err := peer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := peer.ProduceSync(w.Context(), w.records(1)...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		d := w.pipeline(t.TempDir(), time.Hour, 0).DryRun(w.Context(), 100)
		if took := time.Since(began); took > sampleWithin+time.Second {
			t.Errorf("it took %v", took)
		}
		if !slices.ContainsFunc(d.Checks, func(c Check) bool {
			return c.Level == CheckFail && c.About == "source in" && strings.Contains(c.Message, "left open")
		}) {
			t.Errorf("no check tells of the transaction: %+v", d.Checks)
		}
	})
}

// TestDryRunBehindThePosition: what went before a frozen pipeline normalized it
// fails the dry run, as it would the run, or is a warning.
func TestDryRunBehindThePosition(t *testing.T) {
	c := kafkatest.Fake(t)
	topic, _, _ := plant(t, c)
	p := writing(pipeline(t, c, topic, t.TempDir()), topic)
	ends := c.EndOffsets(t, topic)
	if err := until(t, p, ends, through(ends)); err != nil {
		t.Fatal(err)
	}
	levels := func(level Level, says string) {
		t.Helper()
		d := p.DryRun(t.Context(), 20)
		if found := slices.ContainsFunc(d.Checks, func(c Check) bool { return c.Level == level && strings.Contains(c.Message, says) }); !found {
			t.Errorf("no check is %s and says %q: %+v", level, says, d.Checks)
		}
	}
	levels(CheckOK, "offsets from the start on")
	for range 50 {
		c.Produce(t, topic, 0, kgo.StringRecord(good(1)[0]))
	}
	c.DeleteRecords(t, topic, 0, ends[0])
	levels(CheckOK, "offsets from the start on")
	c.DeleteRecords(t, topic, 0, ends[0]+30)
	says := fmt.Sprintf("the offsets from %d to %d are gone before they were normalized", ends[0], ends[0]+29)
	levels(CheckFail, says)
	p.OnGap = RecordOnGap
	levels(CheckWarn, says)
}

// TestDryRunWithoutLogin: a broker that wants SASL answers with its versions, and
// then closes the connection.
func TestDryRunWithoutLogin(t *testing.T) {
	c := kafkatest.Fake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "tare", "secret"))
	d := pipeline(t, c, "in", t.TempDir()).DryRun(t.Context(), 20)
	if d.Connected || len(d.Checks) == 0 || d.Checks[0].Level != CheckFail || !strings.Contains(d.Checks[0].Message, "does it want sasl?") {
		t.Errorf("connected: %t; %+v, want a failure that names sasl", d.Connected, d.Checks)
	}
}

// TestSample takes the first records of each partition and the newest, and no
// record twice; from the end it takes only newest ones.
func TestSample(t *testing.T) {
	c := kafkatest.Fake(t)
	topic := c.Topic(t, 2, nil)
	values := good(40)
	for _, v := range values {
		c.Produce(t, topic, 0, &kgo.Record{Value: []byte(v)})
	}
	for _, v := range values[:3] {
		c.Produce(t, topic, 1, &kgo.Record{Value: []byte(v)})
	}
	f := func(start StartAt, want ...[]int64) {
		t.Helper()
		p := pipeline(t, c, topic, t.TempDir())
		p.Start.At = start
		d := p.DryRun(t.Context(), 20)
		for partition, offsets := range want {
			var got []int64
			for _, m := range d.Sample.Messages(int32(partition)) {
				got = append(got, m.Offset)
			}
			if !slices.Equal(got, offsets) {
				t.Errorf("%s: offsets %v of partition %d, want %v", start, got, partition, offsets)
			}
		}
	}
	f(AtEarliest, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 35, 36, 37, 38, 39}, []int64{0, 1, 2})
	f(AtLatest, []int64{30, 31, 32, 33, 34, 35, 36, 37, 38, 39}, []int64{0, 1, 2})
}
