package coord

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const name = "tare.p.1"

// open returns a cluster, a client of it and a Log of a new control topic.
func open(t *testing.T) (*kafkatest.Cluster, *broker.Client, *Log) {
	t.Helper()
	c := kafkatest.Fake(t)
	client := broker.New(broker.Config{Brokers: c.Brokers, ClientID: "test"})
	t.Cleanup(client.Close)
	l, err := Open(t.Context(), client, Topic("p", 1), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return c, client, l
}

// again reads the control topic with another Log.
func again(t *testing.T, client *broker.Client) State {
	t.Helper()
	l, err := Follow(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.State()
}

// await waits until the Log's State is as so says, or the Log has failed.
func await(t *testing.T, l *Log, so func(State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		changed := l.Changed()
		if l.Err() != nil || so(l.State()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("it has not come about in 10 s: %+v", l.State())
		}
	}
}

// all is one decision of each kind, and two of those of partitions.
func all() State {
	return State{
		Plan:     []byte(`{"cutoff":"2026-03-01"}`),
		Starts:   map[int32]Start{0: {TopicID: "aa", Offset: 5}, 11: {TopicID: "aa"}},
		Seals:    map[int32]fit.Seal{0: {Offset: 70, Reason: fit.ByWatermark}, 11: {Offset: 0, Reason: fit.ByIdleness}},
		Artifact: &Artifact{ID: "0123"},
	}
}

// decide makes all decisions of s, but for the request to freeze.
func decide(t *testing.T, w *Writer, s State) error {
	t.Helper()
	errs := []error{w.Plan(t.Context(), s.Plan, s.Starts), w.Artifact(t.Context(), *s.Artifact)}
	for p, seal := range s.Seals {
		errs = append(errs, w.Seal(t.Context(), p, seal))
	}
	return errors.Join(errs...)
}

func writer(t *testing.T, l *Log, id string) *Writer {
	t.Helper()
	w, err := l.Writer(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestDecisionsAreKept: what is decided is there for the one who decided, for
// one who follows already, and for one who comes later.
func TestDecisionsAreKept(t *testing.T) {
	_, client, l := open(t)
	early, err := Follow(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	want := all()
	if err := decide(t, writer(t, l, "w"), want); err != nil {
		t.Fatal(err)
	}
	if got := l.State(); !reflect.DeepEqual(got, want) {
		t.Errorf("the writer's log holds %+v, want %+v", got, want)
	}
	if got := again(t, client); !reflect.DeepEqual(got, want) {
		t.Errorf("a log that is opened later holds %+v, want %+v", got, want)
	}
	await(t, early, func(s State) bool { return reflect.DeepEqual(s, want) })
}

// TestStateIsACopy: a caller cannot change what has been decided.
func TestStateIsACopy(t *testing.T) {
	_, _, l := open(t)
	s := l.State()
	s.Starts[3], s.Seals[3] = Start{Offset: 9}, fit.Seal{Offset: 9}
	if now := l.State(); len(now.Starts)+len(now.Seals) > 0 {
		t.Errorf("the log holds %+v, want nothing", now)
	}
}

// TestRequestFreeze wakes whoever waits for a change.
func TestRequestFreeze(t *testing.T) {
	_, client, l := open(t)
	changed := l.Changed()
	want := Freeze{Ends: map[int32]int64{0: 17, 11: 0}}
	if err := RequestFreeze(t.Context(), client, name, want); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("no change in 10 s")
	}
	if got := l.State().Freeze; got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("the request is %+v, want %+v", got, want)
	}
}

// TestUnreadableValue names the offset and the key, in a Log that is opened and
// in one that follows; nothing behind it is taken in.
func TestUnreadableValue(t *testing.T) {
	for _, v := range []struct{ key, value, says string }{
		{"plan", "{", "not JSON"},
		{"plan", "", "not JSON"},
		{"seal/0", `{"offset":"7"}`, "not what tare writes"},
		{"seal/0", "", "not what tare writes"},
		{"seal/x", `{"offset":7}`, `"x" is no partition`},
		{"start/-1", `{}`, `"-1" is no partition`},
		{"freeze", "[1]", "not what tare writes"},
		{"artifact", "7", "not what tare writes"},
	} {
		t.Run(v.key+" "+v.value, func(t *testing.T) {
			c, client, l := open(t)
			c.Produce(t, name, 0, kgo.KeySliceRecord([]byte("later/1"), nil),
				kgo.KeySliceRecord([]byte(v.key), []byte(v.value)),
				kgo.KeySliceRecord([]byte("artifact"), []byte(`{"id":"behind"}`)))
			_, err := Follow(t.Context(), client, name)
			checkUnreadable(t, err, v.key, v.says)
			await(t, l, func(State) bool { return false })
			checkUnreadable(t, l.Err(), v.key, v.says)
			if l.State().Artifact != nil {
				t.Error("what stands behind it has been taken in")
			}
		})
	}
}

func checkUnreadable(t *testing.T, err error, key, says string) {
	t.Helper()
	for _, part := range []string{name + "/0/1", fmt.Sprintf("key %q", key), says} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q", err, part)
		}
	}
}

// TestUnknownKeys: decisions of later versions are passed over.
func TestUnknownKeys(t *testing.T) {
	c, client, l := open(t)
	c.Produce(t, name, 0, kgo.KeySliceRecord([]byte("later/1"), []byte("?")), kgo.KeySliceRecord([]byte("mood"), nil), kgo.SliceRecord([]byte("no key")))
	w := writer(t, l, "w")
	if err := decide(t, w, all()); err != nil {
		t.Fatal(err)
	}
	if got, want := again(t, client), all(); !reflect.DeepEqual(got, want) {
		t.Errorf("the log holds %+v, want %+v", got, want)
	}
}

// TestForeignTopic refuses topics in which decisions could be lost.
func TestForeignTopic(t *testing.T) {
	compact := map[string]string{"cleanup.policy": "compact"}
	for _, v := range []struct {
		partitions int32
		config     map[string]string
		says       string
	}{
		{2, compact, "2 partitions, want 1"},
		{1, map[string]string{"cleanup.policy": "delete"}, `"delete", want compact`},
		{1, map[string]string{"cleanup.policy": "compact,delete"}, `"compact,delete", want compact`},
	} {
		c := kafkatest.Fake(t)
		client := broker.New(broker.Config{Brokers: c.Brokers, ClientID: "test"})
		t.Cleanup(client.Close)
		c.CreateTopic(t, name, v.partitions, v.config)
		l, err := Open(t.Context(), client, name, 1)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), v.says) || !strings.Contains(err.Error(), name) {
			t.Errorf("%d partitions, %v: got %v, want %q", v.partitions, v.config, err, v.says)
		}
	}
}

// TestNewTopic is one that keeps what is decided.
func TestNewTopic(t *testing.T) {
	c, _, _ := open(t)
	if got := c.TopicConfig(t, name); got["cleanup.policy"] != "compact" || got["retention.ms"] != "-1" {
		t.Errorf("the settings are %v, want cleanup.policy compact and retention.ms -1", got)
	}
}

// TestCompaction removes markers and unknown keys that were written over, and no
// decision. Decisions go on behind it.
func TestCompaction(t *testing.T) {
	c, client, l := open(t)
	c.Produce(t, name, 0, kgo.KeySliceRecord([]byte("later"), []byte("1")), kgo.KeySliceRecord([]byte("later"), []byte("2")))
	want := all()
	if err := decide(t, writer(t, l, "w"), want); err != nil {
		t.Fatal(err)
	}
	writer(t, l, "other")
	c.Fake.Compact()
	if got := again(t, client); !reflect.DeepEqual(got, want) {
		t.Errorf("after compaction: %+v, want %+v", got, want)
	}
	want.Seals[4] = fit.Seal{Offset: 3, Reason: fit.ByManual}
	if err := writer(t, l, "w").Seal(t.Context(), 4, want.Seals[4]); err != nil {
		t.Fatal(err)
	}
	c.Fake.Compact()
	if got := again(t, client); !reflect.DeepEqual(got, want) {
		t.Errorf("after another compaction: %+v, want %+v", got, want)
	}
}

// TestMissingTopic is an error that names it.
func TestMissingTopic(t *testing.T) {
	_, client, _ := open(t)
	if _, err := Follow(t.Context(), client, "tare.absent.1"); err == nil || !strings.Contains(err.Error(), "tare.absent.1") {
		t.Errorf("got %v", err)
	}
}
