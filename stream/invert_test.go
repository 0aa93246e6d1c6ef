package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafkatest"
	"tare/record"
	"tare/store"
)

// predictions puts what a model may write on a topic of three partitions: a series
// and one feature, stamped by nobody, by our artifact or by another one, amid
// records that name no series.
func predictions(t *testing.T, c *kafkatest.Cluster, mark string) (topic string, oracle *kafkatest.Oracle) {
	t.Helper()
	topic = c.Topic(t, 3, nil)
	oracle = kafkatest.NewOracle(topic)
	for p, n := range []int{500, 300, 900} {
		var records []*kgo.Record
		for i := range n {
			r := &kgo.Record{Key: []byte{byte(i)}, Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)),
				Value: fmt.Appendf(nil, `{"sensor":"s%d","load":%d.25,"model":%d}`, i%9, i%7-3, p*1000+i)}
			r.Headers = []kgo.RecordHeader{{Key: "trace", Value: fmt.Append(nil, i)}}
			switch {
			case i%10 == 3:
				r.Value = []byte(`{"load":1}`)
			case i%10 == 4:
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: record.HeaderArtifact, Value: []byte("0123456789abcdef")})
			case i%10 == 5:
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: record.HeaderArtifact, Value: []byte(mark)}, kgo.RecordHeader{Key: record.HeaderSource, Value: []byte("raw/0/7")})
			}
			records = append(records, r)
		}
		c.Produce(t, topic, int32(p), records...)
		oracle.Expect(records...)
	}
	return topic, oracle
}

// inverter is a pipeline that takes the topic back, to one other topic.
func inverter(t *testing.T, c *kafkatest.Cluster, topic, dir string) *Pipeline {
	t.Helper()
	p := pipeline(t, c, topic, dir)
	s := p.Plan.Record
	s.Time.Field, s.Time.Layout = "", ""
	p.NewDecoder = func([]byte) (record.Decoder, error) {
		d, err := record.NewJSON(&s)
		if err == nil {
			d.AcceptStamped, d.AnyMagnitude = true, true
		}
		return d, err
	}
	back := topic + ".back"
	p.Outputs = Outputs{Topics: []string{back, back, back}, Dead: topic + ".dead", Replication: 1,
		NewEncoder: func(_ *store.Manifest, meta record.Meta) (record.Encoder, error) {
			return record.NewEncoder(&s, record.Output{Meta: meta}, nil)
		}}
	return p
}

// invertUntil runs p until enough says so.
func invertUntil(t *testing.T, p *Pipeline, artifact *store.Artifact, enough func(*Status) bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if s := p.Monitor.Status(); enough(&s) {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := p.Invert(ctx, artifact); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestInvert stops the pass over predictions at random records, with commits that
// are forgotten, and goes on. Each stands once in the output, in its units, or
// among the dead letters, with the key, the time and the headers that it came with
// but for marks.
func TestInvert(t *testing.T) {
	for name, file := range map[string]func(o *Outputs, dir string){
		"topics": func(*Outputs, string) {},
		"files": func(o *Outputs, dir string) {
			all := filepath.Join(dir, "all.jsonl")
			*o = Outputs{Files: []string{all, all, all}, DeadFile: filepath.Join(dir, "dead.jsonl"), NewEncoder: o.NewEncoder}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := random(t)
			c := kafkatest.Fake(t)
			raw, _, _ := plant(t, c)
			dir := t.TempDir()
			artifact, err := pipeline(t, c, raw, dir).Freeze(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			topic, oracle := predictions(t, c, artifact.Mark())
			ends := c.EndOffsets(t, topic)
			for round := range 6 {
				p := inverter(t, c, topic, dir)
				file(&p.Outputs, dir)
				enough := through(ends)
				if round < 4 {
					some, all := after(p, r.Int64N(900)), enough
					enough = func(s *Status) bool { return some(s) || all(s) }
				}
				invertUntil(t, p, artifact, enough)
				if name == "topics" && (round == 4 || r.IntN(2) == 0) {
					forget(t, p, topic)
				}
			}
			p := inverter(t, c, topic, dir)
			if name == "files" {
				file(&p.Outputs, dir)
				checkLines(t, p.Outputs.Files[0])
				return
			}
			if err := oracle.Check(ends, outputs(t, c, p)...); err != nil {
				t.Fatal(err)
			}
			source, y := c.Consume(t, topic), make([]float64, artifact.Frozen.Width())
			for p, records := range c.Consume(t, topic+".back") {
				for _, r := range records {
					checkInverted(t, artifact, source[p], r, y)
				}
			}
		})
	}
}

// checkLines wants each sound prediction once in a file, without a mark.
func checkLines(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		_, model, _ := strings.Cut(line, `"model":`)
		if seen[model] || strings.Contains(line, "_tare") {
			t.Errorf("twice, or with a mark: %s", line)
		}
		seen[model] = true
	}
	if want := 1700 * 8 / 10; len(seen) != want {
		t.Errorf("%d lines, want %d", len(seen), want)
	}
}

// checkInverted holds a record that was taken back against what it was.
func checkInverted(t *testing.T, artifact *store.Artifact, source []*kgo.Record, r *kgo.Record, y []float64) {
	t.Helper()
	type prediction struct {
		Sensor string   `json:"sensor"`
		Load   *float64 `json:"load"`
		Model  int      `json:"model"`
	}
	from, _ := kafkatest.Header(r, record.HeaderSource)
	_, _, offset, _ := record.ParseSource([]byte(from))
	was := source[offset]
	var got, want prediction
	if err := errors.Join(json.Unmarshal(r.Value, &got), json.Unmarshal(was.Value, &want)); err != nil {
		t.Fatal(err)
	}
	if id := artifact.Frozen.Find([]byte(want.Sensor)); id >= 0 {
		y[0] = *want.Load
		artifact.Frozen.Inverse(y, y, id)
		*want.Load = y[0]
	}
	if got.Sensor != want.Sensor || *got.Load != *want.Load || got.Model != want.Model || string(r.Key) != string(was.Key) || !r.Timestamp.Equal(was.Timestamp) {
		t.Fatalf("%s became %s, want load %v", was.Value, r.Value, *want.Load)
	}
	trace, _ := kafkatest.Header(was, "trace")
	mark, _ := kafkatest.Header(r, record.HeaderInverse)
	if got, _ := kafkatest.Header(r, "trace"); len(r.Headers) != 3 || got != trace || mark != artifact.Mark() {
		t.Fatalf("headers %v of %s, want its trace, the source and the artifact", r.Headers, from)
	}
}

// TestInvertFrom: a pass that begins at the end of the topic begins there again
// after a restart, not at the end of that day, and goes through partitions that are
// added from their first record.
func TestInvertFrom(t *testing.T) {
	virtually(t, func(w *world) {
		dir := t.TempDir()
		artifact := frozenWorld(w, dir)
		artifact.Manifest.Ranges = append(artifact.Manifest.Ranges, fit.Range{Partition: 1, Start: 2, Seal: 3}) // of another topic
		from := w.sent
		invert := func() *run {
			p := inverter(w.T, &kafkatest.Cluster{}, "in", dir)
			p.Client, p.Start.At = w.pipeline(dir, 0, 0).Client, AtLatest
			return w.start(p, func(ctx context.Context) (*store.Artifact, error) { return nil, p.Invert(ctx, artifact) })
		}
		r := invert()
		r.goesOn(commitEvery/2, "nothing has come")
		want := broker.Position{Offset: from, Metadata: beginningInverse(artifact.ID)}
		if at, err := r.Client.Committed(w.Context(), "tare.test.1", "in", []int32{0}); err != nil || at[0] != want {
			t.Errorf("before anything is read %+v is committed, want %+v (%v)", at[0], want, err)
		}
		r.stop()
		w.produce(5)
		r = invert()
		r.goesOn(10*time.Second, "following")
		w.grow(r.Pipeline, 2, 4)
		r.goesOn(2*time.Minute, "a partition more")
		r.stop()
		s := r.Monitor.Status()
		if len(s.Partitions) != 2 || s.Partitions[0].Normalize.Written != 5 || s.Partitions[1].Normalize.Written != 4 || s.Partitions[0].Next != from+5 {
			t.Errorf("%+v, want 5 records from %d on and 4 of the new partition", s.Partitions, from)
		}
	})
}

// TestInvertRefuses to write behind another artifact's records, and behind those
// that the normalize pass wrote, and to a topic with other partitions.
func TestInvertRefuses(t *testing.T) {
	c := kafkatest.Fake(t)
	raw, _, _ := plant(t, c)
	dir := t.TempDir()
	artifact, err := pipeline(t, c, raw, dir).Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	topic, _ := predictions(t, c, artifact.Mark())
	p := inverter(t, c, topic, dir)
	invertUntil(t, p, artifact, through(c.EndOffsets(t, topic)))
	other := *artifact
	other.ID = "ffff" + artifact.ID[4:]
	f := func(err error, want string) {
		t.Helper()
		if refused, ok := errors.AsType[*store.RefusedError](err); !ok || !strings.Contains(refused.Reason, want) {
			t.Errorf("got %v, want it refused: %s", err, want)
		}
	}
	f(p.Invert(t.Context(), &other), "was written with artifact "+artifact.Mark())
	n := writing(pipeline(t, c, topic, dir), topic)
	n.Outputs.Topics, n.Outputs.Dead = p.Outputs.Topics, ""
	f(n.Normalize(t.Context(), artifact), "has no header "+record.HeaderArtifact)

	other = *artifact
	other.Manifest.Ranges = other.Manifest.Ranges[:1]
	narrow := c.Topic(t, 1, nil)
	p.Outputs.Topics = []string{narrow, narrow, narrow}
	if _, ok := errors.AsType[*TopicError](p.Invert(t.Context(), &other)); !ok {
		t.Error("an output with fewer partitions than the source is not refused")
	}
}
