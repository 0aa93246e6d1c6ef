package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTopic(t *testing.T) {
	virtually(t, func(w *world) {
		w.must(w.CreateTopic("in", 5, nil))
		topic := w.topic("in")
		if topic.Name != "in" || topic.Partitions() != 5 || topic.ID != w.TopicInfo("in").TopicID || len(topic.Addrs) != 3 {
			t.Errorf("topic is %+v", topic)
		}
		for p := range int32(5) {
			if topic.Leaders[p] != w.LeaderFor("in", p) || !strings.HasPrefix(topic.leader(p), "localhost:900") {
				t.Errorf("leader of %d is %d at %s, want %d", p, topic.Leaders[p], topic.leader(p), w.LeaderFor("in", p))
			}
		}
		if topic.leader(-1) != "" || topic.leader(5) != "" {
			t.Error("a partition that is not there has a leader")
		}
	})
}

func TestTopicMissing(t *testing.T) {
	virtually(t, func(w *world) {
		_, err := w.client.Topic(w.Context(), "in")
		missing, ok := errors.AsType[*MissingTopicError](err)
		if !ok || missing.Topic != "in" || len(w.notes()) > 0 {
			t.Errorf("error is %v after %q, want a MissingTopicError at once", err, w.notes())
		}
	})
}

// TestTopicOneBrokerBehind: a broker that does not know the topic yet does not
// speak for the cluster.
func TestTopicOneBrokerBehind(t *testing.T) {
	virtually(t, func(w *world) {
		w.must(w.CreateTopic("in", 1, nil))
		w.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			if w.CurrentNode() != 0 {
				return nil, nil, false
			}
			m := kmsg.NewPtrMetadataResponse()
			m.SetVersion(metadataVersion)
			m.Topics = []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr("in"), ErrorCode: 3}}
			return m, nil, true
		})
		w.topic("in")
	})
}

// TestTopicWaits until brokers are up and partitions have leaders.
func TestTopicWaits(t *testing.T) {
	virtually(t, func(w *world) {
		w.must(w.CreateTopic("in", 1, nil))
		w.network.refuse("localhost:9001", true)
		w.network.refuse("localhost:9002", true)
		leaderless := 3
		w.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			if leaderless--; leaderless < 0 {
				return nil, nil, false
			}
			m := kmsg.NewPtrMetadataResponse()
			m.SetVersion(metadataVersion)
			m.Topics = []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr("in"), Partitions: []kmsg.MetadataResponseTopicPartition{{ErrorCode: 5, Leader: -1}}}}
			return m, nil, true
		})
		begin := time.Now()
		time.AfterFunc(5*time.Second, func() { w.network.refuse("localhost:9002", false) })
		if topic := w.topic("in"); topic.leader(0) == "" {
			t.Error("a topic without leader was returned")
		}
		if took := time.Since(begin); took < 5*time.Second || took > 10*time.Second {
			t.Errorf("took %v, want little more than 5 s", took)
		}
		if notes := w.notes(); len(notes) < 7 || !strings.Contains(notes[len(notes)-1], "Leader Not Available") {
			t.Errorf("notes are %q", notes)
		}
		short, cancel := context.WithTimeout(w.Context(), 3*time.Second)
		defer cancel()
		w.network.refuse("localhost:9002", true)
		if _, err := w.client.Topic(short, "in"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error is %v, want the context's and the last attempt's", err)
		}
	})
}

func TestMetadataRequest(t *testing.T) {
	b := appendMetadata(nil, "tare", "in")
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(metadataVersion)
	header := []byte{0, 0, 0, byte(len(b) - 4), 0, 3, 0, metadataVersion, 0, 0, 0, 0, 0, 4, 't', 'a', 'r', 'e', 0}
	if !bytes.HasPrefix(b, header) {
		t.Errorf("header is %v, want %v", b[:len(header)], header)
	}
	if err := m.ReadFrom(b[len(header):]); err != nil {
		t.Fatal(err)
	}
	if len(m.Topics) != 1 || *m.Topics[0].Topic != "in" || m.Topics[0].TopicID != [16]byte{} || m.AllowAutoTopicCreation {
		t.Errorf("request is %+v", m)
	}
}

// described encodes a Metadata response as franz-go does.
func described(change func(*kmsg.MetadataResponse)) []byte {
	m := kmsg.NewPtrMetadataResponse()
	m.SetVersion(metadataVersion)
	m.ClusterID = kmsg.StringPtr("cluster")
	m.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "h1", Port: 9092, Rack: kmsg.StringPtr("r")}, {NodeID: 2, Host: "::1", Port: 9093}}
	m.Topics = []kmsg.MetadataResponseTopic{{Topic: kmsg.StringPtr("in"), TopicID: [16]byte{4, 5}, Partitions: []kmsg.MetadataResponseTopicPartition{
		{Partition: 1, Leader: 2, LeaderEpoch: 7, Replicas: []int32{1, 2}, ISR: []int32{2}, OfflineReplicas: []int32{1}},
		{Partition: 0, Leader: -1, ErrorCode: 5},
	}}}
	if change != nil {
		change(m)
	}
	return finish(m.AppendTo(make([]byte, 9)))
}

func TestMetadataResponse(t *testing.T) {
	topic, err := readMetadata(newTape(described(nil)), "in")
	if err != nil {
		t.Fatal(err)
	}
	if topic.ID != [16]byte{4, 5} || topic.Partitions() != 2 || topic.leader(0) != "" || topic.leader(1) != "[::1]:9093" || topic.Addrs[1] != "h1:9092" {
		t.Errorf("topic is %+v", topic)
	}
	for _, c := range []struct {
		want   string
		change func(*kmsg.MetadataResponse)
	}{
		{"no topic", func(m *kmsg.MetadataResponse) { m.Topics = nil }},
		{"no topic", func(m *kmsg.MetadataResponse) { m.Topics[0].ErrorCode = 3 }},
		{"[29]", func(m *kmsg.MetadataResponse) { m.Topics[0].ErrorCode = 29 }},
		{"partition 2 of 2", func(m *kmsg.MetadataResponse) { m.Topics[0].Partitions[0].Partition = 2 }},
		{"partition -1 of 2", func(m *kmsg.MetadataResponse) { m.Topics[0].Partitions[0].Partition = -1 }},
		{"partition 0 of 2, or sent it twice", func(m *kmsg.MetadataResponse) { m.Topics[0].Partitions[0].Partition = 0 }},
	} {
		if _, err := readMetadata(newTape(described(c.change)), "in"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error is %v, want %q", err, c.want)
		}
	}
}

func FuzzMetadataResponse(f *testing.F) {
	f.Add(described(nil))
	f.Add(described(func(m *kmsg.MetadataResponse) { m.Topics[0].ErrorCode = 3 }))
	f.Add(binary.BigEndian.AppendUint32(nil, 1<<22))
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		topic, err := readMetadata(newTape(b), "in")
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 4*metadataLimit {
			t.Errorf("%d bytes allocated for a response of %d (error %v)", grown, len(b), err)
		}
		for p := int32(0); err == nil && p < topic.Partitions(); p++ {
			topic.leader(p)
		}
	})
}

func TestOldBroker(t *testing.T) {
	virtually(t, func(w *world) {
		w.ControlKey(int16(kmsg.ApiVersions), func(r kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			m := r.ResponseKind().(*kmsg.ApiVersionsResponse)
			m.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 1, MaxVersion: 13}, {ApiKey: 3, MaxVersion: 11}}
			return m, nil, true
		})
		if _, err := w.client.Topic(w.Context(), "in"); err == nil || !strings.Contains(err.Error(), "version 12 of Metadata: Apache Kafka 3.1") {
			t.Errorf("error is %v, want it to name the version that is needed", err)
		}
	})
}

// TestNoBrokers: a client without addresses says so.
func TestNoBrokers(t *testing.T) {
	c := New(Config{})
	defer c.Close()
	if _, err := c.Topic(t.Context(), "in"); err == nil || !strings.Contains(err.Error(), "Brokers is empty") {
		t.Errorf("error is %v", err)
	}
}
