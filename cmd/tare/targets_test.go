package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/kafkatest"
)

// TestRunPredictions runs both examples of targets: one learns from a file, the
// other takes a topic of predictions back, goes on after a stop, and writes each
// once.
func TestRunPredictions(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	c := kafkatest.Fake(t)
	t.Chdir(t.TempDir())
	t.Setenv("KAFKA", c.Brokers[0])
	t.Setenv("LISTEN", "off")
	train := `{"press":"p1","ts":"2026-02-01T00:00:00Z","temperature":20,"yield":90,"force":1}
{"press":"p1","ts":"2026-02-02T00:00:00Z","temperature":24,"yield":94,"force":2}
`
	if err := os.WriteFile("press-1.jsonl", []byte(train), 0o644); err != nil {
		t.Fatal(err)
	}
	quiet := strings.NewReader("")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"run", "-c", filepath.Join(examples, "targets.yaml")}, quiet, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, &stderr)
	}
	c.CreateTopic(t, "yield.predicted", 2, nil)
	want := 0
	for round := range 3 {
		for p := range int32(2) {
			c.Produce(t, "yield.predicted", p,
				kgo.StringRecord(fmt.Sprintf(`{"press":"p1","yield":%d}`, round)),
				kgo.StringRecord(`{"yield":1}`))
			want++
		}
		ctx, cancel := context.WithCancel(t.Context())
		said, ended := new(talk), make(chan int)
		go func() {
			ended <- run(ctx, []string{"run", "-c", filepath.Join(examples, "predictions.yaml")}, quiet, &stdout, said)
		}()
		for end := time.Now().Add(20 * time.Second); held(t, c, "yield") < want && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
		if code := <-ended; code != exitDone {
			t.Fatalf("exit code %d\n%s", code, said)
		}
	}
	for p, records := range c.Consume(t, "yield") {
		var got []string
		for _, r := range records {
			got = append(got, string(r.Value))
		}
		if text := strings.Join(got, " "); text != `{"press":"p1","yield":92} {"press":"p1","yield":94} {"press":"p1","yield":96}` {
			t.Errorf("partition %d holds %s", p, text)
		}
	}
	if n := held(t, c, "yield.rejected"); n != want {
		t.Errorf("%d dead letters, want %d", n, want)
	}
}

// held returns how many records a topic holds; none if it is not there yet.
func held(t *testing.T, c *kafkatest.Cluster, topic string) (n int) {
	t.Helper()
	if !(&worker{T: t, cluster: c}).exists(topic) {
		return 0
	}
	for _, records := range c.Consume(t, topic) {
		n += len(records)
	}
	return n
}
