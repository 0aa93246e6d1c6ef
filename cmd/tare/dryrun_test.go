package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"tare/config"
	"tare/internal/kafkatest"
	"tare/stream"
)

const dryConfig = `version: 1
pipeline: pumps
source: {kafka: {brokers: [%q], topic: raw%s}}
record: {series: sensor, time: {field: ts, layout: unix_ms}}
features: [temp]
cutoff: {event_time: 2026-03-01T00:00:00Z, gap: 1h}
sink: {kafka: {topic: normalized}}
dead_letter: {kafka: {topic: rejected}}
state: {dir: state}
http: {listen: off}
`

// A dry is one configuration before its first run, in a folder of its own.
type dry struct {
	*testing.T
	cluster *kafkatest.Cluster
	config  string
}

// newDry makes a cluster and goes to a folder with a configuration for it.
func newDry(t *testing.T, options ...kfake.Opt) *dry {
	t.Helper()
	t.Chdir(t.TempDir())
	c := kafkatest.Fake(t, options...)
	return &dry{t, c, fmt.Sprintf(dryConfig, c.Brokers[0], "")}
}

// change replaces a part of the configuration.
func (d *dry) change(old, new string) *dry {
	d.Helper()
	if !strings.Contains(d.config, old) {
		d.Fatalf("the configuration holds no %q:\n%s", old, d.config)
	}
	d.config = strings.Replace(d.config, old, new, 1)
	return d
}

// march is the cutoff of dryConfig.
var march = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// fill puts n records an hour apart on each partition of raw, the last third of
// them behind the cutoff.
func (d *dry) fill(partitions int32, n int, config map[string]string) *dry {
	d.Helper()
	d.cluster.CreateTopic(d.T, "raw", partitions, config)
	for p := range partitions {
		var records []*kgo.Record
		for i := range n {
			at := march.Add(time.Duration(i-2*n/3) * time.Hour)
			records = append(records, &kgo.Record{Timestamp: at, Value: fmt.Appendf(nil, `{"sensor":"pump-%d","ts":%d,"temp":%d}`, p, at.UnixMilli(), 20+i%7)})
		}
		d.cluster.Produce(d.T, "raw", p, records...)
	}
	return d
}

// run runs the dry run and wants an exit code.
func (d *dry) run(code int, args ...string) (stdout, stderr string) {
	d.Helper()
	if err := os.WriteFile("pumps.yaml", []byte(d.config), 0o644); err != nil {
		d.Fatal(err)
	}
	return tare(d.T, code, "", append([]string{"dry-run", "-c", "pumps.yaml"}, args...)...)
}

// says wants a check of a level in which all of the words stand, beginning with
// what it is about.
func (d *dry) says(code int, level stream.Level, about string, words ...string) {
	d.Helper()
	stdout, _ := d.run(code, "--json")
	var r dryReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		d.Fatalf("%v\n%s", err, stdout)
	}
	for _, c := range r.Checks {
		if c.Level == level && c.About == about && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(c.Message, w) }) {
			return
		}
	}
	d.Errorf("no check %s %s says %q; there are\n%s", level, about, words, stdout)
}

// TestDryRunFine: all is well, and nothing is written. No request that a cluster
// keeps anything of is sent at all.
func TestDryRunFine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	d := newDry(t).fill(3, 30, map[string]string{"retention.ms": "-1"})
	d.run(exitDone) // makes pumps.yaml
	files, ends := d.files(), d.cluster.EndOffsets(t, "raw")
	asked := d.observe()
	stdout, stderr := d.run(exitDone)
	for _, want := range []string{
		"ok    brokers ",
		"ok    source raw                  3 partitions, 90 offsets from the start on\n",
		"ok    output normalized           does not exist: a run makes it with 3 partitions",
		"ok    control topic tare.pumps.1",
		"sample    90 records of 3 series\n",
		"split     train 57, gap 3, live 30; late 0\n",
		"rejected  none\n",
		"after     scaled with the sample's own statistics, to show the shape only\n",
		"raw/0/0  series \"pump-0\", time 2026-02-28T04:00:00Z, split train\n",
		"raw/2/29  series \"pump-2\", time 2026-03-01T09:00:00Z, split live\n",
		`  after   {"sensor":"pump-2","ts":`,
		"nothing was written; 0 checks failed, ",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("standard output lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(stdout, stderr)
	}
	readsOnly(t, asked())
	if after := d.files(); !slices.Equal(files, after) {
		t.Errorf("files before %v, after %v", files, after)
	}
	if after := d.cluster.EndOffsets(t, "raw"); !slices.Equal(ends, after) {
		t.Errorf("raw ends at %v before, at %v after", ends, after)
	}
	if topics := d.topics(); !slices.Equal(topics, []string{"raw"}) {
		t.Errorf("topics afterwards: %v, want raw alone", topics)
	}
}

// readsOnly wants the requests of a dry run: all kinds of those that a cluster
// keeps nothing of, and more, and no other.
func readsOnly(t *testing.T, asked map[kmsg.Key]bool, more ...kmsg.Key) {
	t.Helper()
	reading := append([]kmsg.Key{kmsg.ApiVersions, kmsg.Metadata, kmsg.ListOffsets, kmsg.Fetch, kmsg.DescribeConfigs}, more...)
	for key := range asked {
		if !slices.Contains(reading, key) {
			t.Errorf("it sends %s, which may write", key.Name())
		}
	}
	if len(asked) < len(reading) {
		t.Errorf("seen only %v: does the observer see all requests?", asked)
	}
}

// observe notes the kind of each request from now on, until asked is called.
func (d *dry) observe() (asked func() map[kmsg.Key]bool) {
	var mu sync.Mutex
	keys := map[kmsg.Key]bool{}
	d.cluster.Fake.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		if keys != nil {
			keys[kmsg.Key(r.Key())] = true
			d.cluster.Fake.KeepControl()
		}
		return nil, nil, false
	})
	return func() map[kmsg.Key]bool {
		mu.Lock()
		defer mu.Unlock()
		seen := keys
		keys = nil
		return seen
	}
}

// files lists all below the folder.
func (d *dry) files() (all []string) {
	filepath.WalkDir(".", func(path string, _ fs.DirEntry, _ error) error {
		all = append(all, path)
		return nil
	})
	return all
}

// ends returns where each topic ends.
func (d *dry) ends() map[string][]int64 {
	d.Helper()
	all := map[string][]int64{}
	for _, topic := range d.topics() {
		all[topic] = d.cluster.EndOffsets(d.T, topic)
	}
	return all
}

// topics lists those of the cluster.
func (d *dry) topics() (names []string) {
	d.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(d.cluster.Brokers...))
	if err != nil {
		d.Fatal(err)
	}
	defer client.Close()
	r := kmsg.NewPtrMetadataRequest()
	answer, err := r.RequestWith(d.Context(), client)
	if err != nil {
		d.Fatal(err)
	}
	for _, t := range answer.Topics {
		names = append(names, *t.Topic)
	}
	return names
}

// TestDryRunAfter looks at a pipeline that has run: the frozen numbers are used,
// and its own outputs are known.
func TestDryRunAfter(t *testing.T) {
	w := newWorker(t, kafkatest.Fake(t))
	plantTopic(t, w.cluster, "raw")
	id := w.finish(w.cluster.EndOffsets(t, "raw"))
	d := &dry{T: t, cluster: w.cluster}
	t.Chdir(w.dir)
	files, ends := d.files(), d.ends()
	asked := d.observe()
	out, _ := tare(t, exitDone, "", "dry-run", "-c", "plant.yaml")
	readsOnly(t, asked(), kmsg.FindCoordinator, kmsg.OffsetFetch) // of a group that is there
	if after := d.files(); !slices.Equal(files, after) {
		t.Errorf("files before %v, after %v", files, after)
	}
	if after := d.ends(); !maps.EqualFunc(ends, after, slices.Equal) {
		t.Errorf("ends before %v, after %v", ends, after)
	}
	for _, want := range []string{
		"this configuration was begun, and is frozen into artifact " + id + "\n",
		"its newest records are of this pipeline (4 of 4 partitions)",
		"after     normalized with artifact " + id + "\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("standard output lacks %q:\n%s", want, out)
		}
	}
	client, err := clientOf(&config.Cluster{Brokers: w.cluster.Brokers, ClientID: "test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.AddPartitions(t.Context(), "raw", 5); err != nil {
		t.Fatal(err)
	}
	if out, _ := tare(t, exitDone, "", "dry-run", "-c", "plant.yaml"); !strings.Contains(out, "1 partition less than the source, which has grown: a run adds them") {
		t.Errorf("standard output does not tell of the new partition:\n%s", out)
	}
	text := strings.Replace(string(readFile(t, "plant.yaml")), "gap: 1h", "gap: 2h", 1)
	if err := os.WriteFile("plant.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, _ := tare(t, exitDifference, "", "dry-run", "-c", "plant.yaml")
	if want := "plan.cutoff.gap: was \"1h0m0s\", is \"2h0m0s\"; raise revision to learn anew"; !strings.Contains(stdout, want) {
		t.Errorf("standard output lacks %q:\n%s", want, stdout)
	}
}

// compacted makes raw a topic that has lost four of seven records.
func (d *dry) compacted() {
	d.Helper()
	d.cluster.CreateTopic(d.T, "raw", 1, map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "retention.ms": "-1"})
	for i := range 7 {
		d.cluster.Produce(d.T, "raw", 0, &kgo.Record{Key: []byte{byte((i + 4) / 5)}, Timestamp: march, Value: fmt.Appendf(nil, `{"sensor":"a","ts":1772000000000,"temp":%d}`, i)})
	}
	d.cluster.Fake.Compact()
}

func TestDryRunTopics(t *testing.T) {
	f := func(name string, code int, level stream.Level, about, words string, prepare func(d *dry)) {
		t.Run(name, func(t *testing.T) {
			d := newDry(t)
			prepare(d)
			d.says(code, level, about, strings.Split(words, "|")...)
		})
	}
	fill := func(d *dry) { d.fill(2, 9, map[string]string{"retention.ms": "-1"}) }
	f("missing", exitDifference, stream.CheckFail, "source raw", `no topic "raw"|create it`, func(*dry) {})
	f("empty", exitDone, stream.CheckWarn, "source raw", "no records", func(d *dry) { d.fill(2, 0, nil) })
	f("partitions", exitDifference, stream.CheckFail, "output normalized", "it has 3 partitions and raw has 2|give it as many", func(d *dry) {
		fill(d)
		d.cluster.CreateTopic(d.T, "normalized", 3, map[string]string{"retention.ms": "-1"})
	})
	f("dead letters", exitDone, stream.CheckWarn, "dead letters rejected", "another number of partitions|at least once", func(d *dry) {
		fill(d)
		d.cluster.CreateTopic(d.T, "rejected", 1, map[string]string{"retention.ms": "-1"})
	})
	f("compacted", exitDifference, stream.CheckFail, "output normalized", "cleanup.policy is compact, want delete", func(d *dry) {
		fill(d)
		d.cluster.CreateTopic(d.T, "normalized", 2, map[string]string{"cleanup.policy": "compact"})
	})
	f("of another", exitDifference, stream.CheckFail, "output normalized", "not one that tare wrote|belongs to one pipeline", func(d *dry) {
		fill(d)
		d.cluster.CreateTopic(d.T, "normalized", 2, map[string]string{"retention.ms": "-1"})
		d.cluster.Produce(d.T, "normalized", 1, &kgo.Record{Value: []byte("theirs")})
	})
	f("of another artifact", exitDifference, stream.CheckFail, "output normalized", "written with artifact 0123456789abcdef|name another topic", func(d *dry) {
		fill(d)
		d.cluster.CreateTopic(d.T, "normalized", 2, map[string]string{"retention.ms": "-1"})
		d.cluster.Produce(d.T, "normalized", 1, &kgo.Record{Value: []byte("theirs"), Headers: []kgo.RecordHeader{
			{Key: "tare-source", Value: []byte("raw/1/7")}, {Key: "tare-artifact", Value: []byte("0123456789abcdef")}}})
	})
	f("output forgets", exitDifference, stream.CheckFail, "output normalized", "keeps records for 1h0m0s only|retention.ms=-1", func(d *dry) {
		fill(d)
		d.cluster.CreateTopic(d.T, "normalized", 2, map[string]string{"retention.ms": "3600000"})
	})
	f("source forgets", exitDifference, stream.CheckFail, "source raw", "ends at the cutoff|keeps records for 24h0m0s|raise retention.ms", func(d *dry) {
		d.cluster.CreateTopic(d.T, "raw", 1, map[string]string{"retention.ms": "86400000"})
		d.cluster.Produce(d.T, "raw", 0, &kgo.Record{Timestamp: time.Now(), Value: fmt.Appendf(nil, `{"sensor":"a","ts":%d,"temp":1}`, time.Now().UnixMilli())})
		d.change("2026-03-01T00:00:00Z", time.Now().UTC().Add(72*time.Hour).Format(time.RFC3339))
	})
	f("source compacts", exitDifference, stream.CheckFail, "source raw", "4 offsets of the sample are gone|on_gap: record", func(d *dry) {
		d.compacted()
	})
	f("source compacts, recorded", exitDone, stream.CheckWarn, "source raw", "cleanup.policy is compact, want delete|goes on without it", func(d *dry) {
		d.compacted()
		d.change("state:", "normalize: {on_gap: record}\nstate:")
	})
	f("copies", exitDifference, stream.CheckFail, "output normalized", "replication factor 9: the brokers are 3", func(d *dry) {
		fill(d)
		d.change("topic: normalized", "topic: normalized, replication: 9")
	})
	f("start is gone", exitDifference, stream.CheckFail, "source raw", "the offsets from 2 to 4 are gone|start later", func(d *dry) {
		fill(d)
		d.cluster.DeleteRecords(d.T, "raw", 0, 5)
		d.change("topic: raw", "topic: raw, start: {offsets: {0: 2, 1: 2}}")
	})
	f("not ours", exitDifference, stream.CheckFail, "control topic tare.pumps.1", "it has 2 partitions, want 1", func(d *dry) {
		fill(d)
		d.cluster.CreateTopic(d.T, "tare.pumps.1", 2, nil)
	})
}

func TestDryRunSample(t *testing.T) {
	f := func(name string, code int, level stream.Level, about, words string, prepare func(d *dry)) {
		t.Run(name, func(t *testing.T) {
			d := newDry(t)
			d.fill(1, 30, map[string]string{"retention.ms": "-1"})
			prepare(d)
			d.says(code, level, about, strings.Split(words, "|")...)
		})
	}
	bad := func(d *dry) {
		d.cluster.Produce(d.T, "raw", 0, &kgo.Record{Value: []byte(`{"sensor":`)}, &kgo.Record{Value: []byte(`{"sensor":"a","ts":1772323200000,"temp":"hot"}`)})
	}
	f("rejected", exitDone, stream.CheckWarn, "records", "2 of 32 are rejected (syntax 1, type 1)|dead letters", bad)
	f("rejected is fatal", exitDifference, stream.CheckFail, "records", "stops at the first", func(d *dry) {
		bad(d)
		d.change("state:", "normalize: {on_error: fail}\nstate:")
	})
	f("all rejected", exitDifference, stream.CheckFail, "records", "30 of 30 are rejected (time 30)", func(d *dry) { d.change("layout: unix_ms", "layout: rfc3339") })
	f("another layout", exitDifference, stream.CheckWarn, "time", "layout is rfc3339|look like unix_ms", func(d *dry) { d.change("layout: unix_ms", "layout: rfc3339") })
	f("another unit", exitDone, stream.CheckWarn, "time", "layout is unix_us|look like unix_ms", func(d *dry) { d.change("unix_ms", "unix_us") })
	f("each its own", exitDone, stream.CheckWarn, "series", "30 series in 30 records", func(d *dry) { d.change("series: sensor", "series: ts") })
	f("no such field", exitDone, stream.CheckWarn, "feature tmp", `field "tmp"`, func(d *dry) { d.change("[temp]", "[temp, tmp]") })
	f("nothing to learn", exitDone, stream.CheckWarn, "cutoff", "no record of the sample would be learned|2026-02-28T04:00:00Z", func(d *dry) { d.change("2026-03-01T", "2026-02-01T") })
	f("later", exitDone, stream.CheckWarn, "cutoff", "from now: until then", func(d *dry) { d.change("2026-03-01T", "2126-03-01T") })
}

// TestDryRunShows rejected records with where and why, and as many as it is told
// to of the others.
func TestDryRunShows(t *testing.T) {
	d := newDry(t).fill(1, 30, map[string]string{"retention.ms": "-1"})
	d.cluster.Produce(t, "raw", 0, &kgo.Record{Value: []byte(`{"sensor":"a","ts":1772323200000,"temp":"hot"}`)})
	stdout, _ := d.run(exitDone, "--records", "2")
	if want := "raw/0/30  rejected: type: feature \"temp\" (field temp) at byte 40: a string, want a number or null\n  before  {"; !strings.Contains(stdout, want) {
		t.Errorf("standard output lacks %q:\n%s", want, stdout)
	}
	if n := strings.Count(stdout, "\n  after "); n != 2 {
		t.Errorf("%d records are shown, want 2:\n%s", n, stdout)
	}
}

func TestDryRunUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	d := newDry(t)
	d.change(d.cluster.Brokers[0], address).says(exitFailure, stream.CheckFail, "brokers", address, "connection refused", "correct source.kafka")
}

func TestDryRunPassword(t *testing.T) {
	d := newDry(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "tare", "secret"), kfake.SeedTopics(1, "raw"))
	d.change("topic: raw", "sasl: {mechanism: plain, username: tare, password: wrong}, topic: raw")
	d.says(exitFailure, stream.CheckFail, "brokers", "SASL Authentication Failed")
	d.change("wrong", "secret").says(exitDone, stream.CheckOK, "brokers", "SASL PLAIN")
}

// TestDryRunPermissions: a user who may read the source, and its output only.
func TestDryRunPermissions(t *testing.T) {
	allow := func(topic string, ops ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, op := range ops {
			acls = append(acls, kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true})
		}
		return acls
	}
	acls := append(allow("raw", kmsg.ACLOperationRead, kmsg.ACLOperationDescribeConfigs), allow("normalized", kmsg.ACLOperationRead, kmsg.ACLOperationDescribeConfigs)...)
	for _, absent := range []string{"rejected", "tare.pumps.1"} {
		acls = append(acls, allow(absent, kmsg.ACLOperationDescribe)...)
	}
	d := newDry(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("PLAIN", "tare", "secret", acls...), kfake.SeedTopics(1, "raw", "normalized"))
	d.change("topic: raw", "sasl: {mechanism: plain, username: tare, password: secret}, topic: raw")
	d.says(exitDifference, stream.CheckFail, "permissions", "topic normalized: Write")
	d.says(exitDifference, stream.CheckWarn, "permissions", "grants no Create", "rejected", "tare.pumps.1")
	d.change("topic: rejected", "topic: secret").says(exitDifference, stream.CheckFail, "permissions", "topic secret: Read, Write, Describe, DescribeConfigs")
}

// TestDryRunPlaces: a state.dir and an address that cannot be used.
func TestDryRunPlaces(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := newDry(t).fill(1, 3, map[string]string{"retention.ms": "-1"})
	d.change("listen: off", "listen: "+l.Addr().String()).says(exitDifference, stream.CheckFail, "http.listen", "in use", "running already")
	d.change("dir: state", "dir: pumps.yaml/state").says(exitDifference, stream.CheckFail, "state.dir", "not a directory")
}

// TestDryRunIntoFile: a topic goes to a file, which nobody knows.
func TestDryRunIntoFile(t *testing.T) {
	d := newDry(t).fill(1, 3, map[string]string{"retention.ms": "-1"})
	d.change("sink: {kafka: {topic: normalized}}", "sink: {file: {path: out.jsonl}}").says(exitDone, stream.CheckOK, "output out.jsonl", "can be written")
	if err := os.WriteFile("out.jsonl", []byte("theirs\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.says(exitDifference, stream.CheckFail, "output out.jsonl", "out.jsonl.pos", "name another file")
	d.change("path: out.jsonl", "path: none/out.jsonl").says(exitDifference, stream.CheckFail, "output none/out.jsonl", "does not exist")
}

func TestDryRunFiles(t *testing.T) {
	d := newDry(t)
	d.config = `version: 1
pipeline: pumps
source: {file: {paths: ["in*.jsonl"]}}
record: {series: sensor, time: {field: ts}}
features: [temp]
cutoff: {event_time: 2026-03-01T00:00:00Z}
sink: {file: {path: out.jsonl}}
`
	d.says(exitDifference, stream.CheckFail, "source", `no file matches "in*.jsonl"`)
	if err := os.WriteFile("in.jsonl", []byte(trainPump+livePump), 0o644); err != nil {
		t.Fatal(err)
	}
	before := d.files()
	d.says(exitDone, stream.CheckOK, "output out.jsonl", "can be written")
	stdout, _ := d.run(exitDone)
	for _, want := range []string{"sample    3 records of 1 series", "split     train 2, gap 0, live 1; late 0", `in.jsonl/0/2  series "pump"`} {
		if !strings.Contains(stdout, want) {
			t.Errorf("standard output lacks %q:\n%s", want, stdout)
		}
	}
	if after := d.files(); !slices.Equal(before, after) {
		t.Errorf("files before %v, after %v", before, after)
	}
	tare(t, exitDone, "", "run", "-c", "pumps.yaml", "in.jsonl")
	d.says(exitDifference, stream.CheckFail, "output", "out.jsonl", "--force")
	d.change("out.jsonl", "other.out").says(exitDone, stream.CheckOK, "artifact", "frozen already")
	d.change("[temp]", "[{name: temp, scaler: minmax}]").says(exitDifference, stream.CheckFail, "artifact", "raise revision")
}
