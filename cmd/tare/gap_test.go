package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"tare/internal/broker"
	"tare/internal/kafkatest"
)

// TestIncomplete learns from a topic of which records are gone: refused, or with
// on_gap: record said in the artifact, by fit, inspect and verify, which can
// prove it for as long as nothing else goes. Partitions that are added do not
// matter.
func TestIncomplete(t *testing.T) {
	t.Chdir(t.TempDir())
	c := kafkatest.Fake(t)
	c.CreateTopic(t, "raw", 2, nil)
	for p := range int32(2) {
		for i := range 50 {
			c.Produce(t, "raw", p, kgo.StringRecord(fmt.Sprintf(`{"s":"a","x":%d}`, i)))
		}
	}
	c.DeleteRecords(t, "raw", 1, 20)
	configured := func(onGap string) {
		t.Helper()
		text := fmt.Sprintf("version: 1\npipeline: pumps\nsource: {kafka: {brokers: [%q], topic: raw, start: {offsets: {0: 0, 1: 0}}}}\nrecord: {series: s}\nfeatures: [x]\ncutoff: {end: true}\nnormalize: {on_gap: %s}\n", c.Brokers[0], onGap)
		if err := os.WriteFile("c.yaml", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	configured("stop")
	if _, errs := tare(t, exitDataLoss, "", "fit", "-c", "c.yaml", "-o", "a.npz"); !strings.Contains(errs, "on_gap: record") {
		t.Errorf("fit says %s", errs)
	}
	configured("record")
	if _, errs := tare(t, 0, "", "fit", "-c", "c.yaml", "-o", "a.npz"); !strings.Contains(errs, "20 offsets of the training stretch were gone") {
		t.Errorf("fit says %s", errs)
	}
	out, _ := tare(t, 0, "", "inspect", "a.npz")
	if !strings.Contains(out, "no: 20 offsets of the ranges were gone") || !strings.Contains(out, "30 learned, 20 gone") {
		t.Errorf("inspect says %s", out)
	}
	if out, _ := tare(t, 0, "", "inspect", "a.npz", "--json"); !strings.Contains(out, `"complete": false`) || !strings.Contains(out, `"gone": 20`) {
		t.Errorf("inspect --json says %s", out)
	}
	client := broker.New(broker.Config{Brokers: c.Brokers, ClientID: "test"})
	defer client.Close()
	if err := client.AddPartitions(t.Context(), "raw", 3); err != nil {
		t.Fatal(err)
	}
	c.Produce(t, "raw", 2, kgo.StringRecord("of no meaning"))
	if out, _ := tare(t, 0, "", "verify", "-a", "a.npz", "-c", "c.yaml"); !strings.Contains(out, "verified: 80 records") || !strings.Contains(out, "the same 20 offsets") {
		t.Errorf("verify says %s", out)
	}
	c.DeleteRecords(t, "raw", 0, 5)
	if _, errs := tare(t, exitDataLoss, "", "verify", "-a", "a.npz", "-c", "c.yaml"); !strings.Contains(errs, "20 offsets were gone when it was learned, and 25 are gone now") {
		t.Errorf("verify says %s", errs)
	}
}
