package broker

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestOffsets(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 3)
		w.produce(Place{"in", 0}, 0, 250)
		w.must(w.DeleteRecords("in", 0, 40))
		w.stamped(Place{"in", 1}, 1000, 2000, 3000)
		w.fail(kmsg.ListOffsets, 6, 9) // each partition is a request
		for _, c := range []struct {
			at         int64
			partitions []int32
			want       []int64
		}{
			{Latest, []int32{0, 1, 2}, []int64{250, 3, 0}},
			{Latest, []int32{2, 0}, []int64{0, 250}},
			{Earliest, []int32{1, 0}, []int64{0, 40}},
			{2000, []int32{1}, []int64{1}},
			{2001, []int32{2, 1}, []int64{0, 2}},
			{3001, []int32{1}, []int64{3}},
			{0, []int32{1}, []int64{0}},
			{Latest, nil, []int64{}},
		} {
			got, err := w.client.Offsets(w.Context(), "in", c.partitions, c.at)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("offsets at %d of %v are %v, %v; want %v", c.at, c.partitions, got, err, c.want)
			}
		}
		if len(w.notes()) < 3 {
			t.Errorf("notes are %q, want one for each failed attempt", w.notes())
		}
	})
}

// TestOffsetsOfOneBrokerDown: the transport answers for a broker that it could
// not reach, without saying why.
func TestOffsetsOfOneBrokerDown(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 6)
		w.produce(Place{"in", 2}, 0, 7)
		partitions := []int32{0, 1, 2, 3, 4, 5}
		_, err := w.client.Offsets(w.Context(), "in", partitions, Latest)
		w.must(err)
		leader := w.topic("in").leader(2)
		w.network.refuse(leader, true)
		time.AfterFunc(10*time.Second, func() { w.network.refuse(leader, false) })
		begin := time.Now()
		got, err := w.client.Offsets(w.Context(), "in", partitions, Latest)
		if want := []int64{0, 0, 7, 0, 0, 0}; err != nil || !slices.Equal(got, want) || time.Since(begin) < 5*time.Second {
			t.Errorf("got %v, %v after %v; want %v once the broker is back", got, err, time.Since(begin), want)
		}
	})
}

func TestMissingPlaces(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 1)
		for topic, want := range map[string]string{"in": `topic "in" has 1 partitions, want partition 1`, "no": `no topic "no"`} {
			_, offsets := w.client.Offsets(w.Context(), topic, []int32{1}, Latest)
			_, takeOver := w.client.TakeOver(w.Context(), "id", []Place{{topic, 1}})
			commit := w.client.Commit(w.Context(), "g", topic, map[int32]Position{1: {Offset: 5}})
			for name, err := range map[string]error{"offsets": offsets, "commit": commit, "take over": takeOver} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: error is %v, want %q in it", name, err, want)
				}
			}
		}
		_, err := w.client.TopicConfig(w.Context(), "no")
		if missing, ok := errors.AsType[*MissingTopicError](err); !ok || missing.Topic != "no" {
			t.Errorf("error is %v, want a MissingTopicError", err)
		}
		if err := w.client.AddPartitions(w.Context(), "no", 2); err == nil || !strings.Contains(err.Error(), `no topic "no"`) {
			t.Errorf("error is %v, want a MissingTopicError", err)
		}
	})
}

func TestPositions(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 3)
		for _, code := range []int16{14, 15, 16} { // also from the partitions of a new cluster
			w.fail(kmsg.OffsetCommit, code, 1)
			w.fail(kmsg.OffsetFetch, code, 1)
		}
		w.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
			if p := r.(*kmsg.OffsetCommitRequest).Topics[0].Partitions[0]; p.LeaderEpoch != -1 {
				t.Errorf("leader epoch is %d, want -1, unknown", p.LeaderEpoch)
			}
			return nil, nil, false
		})
		want := map[int32]Position{0: {0, "normalize 0123"}, 2: {77, ""}}
		w.must(w.client.Commit(w.Context(), "g", "in", want))
		got, err := w.client.Committed(w.Context(), "g", "in", []int32{0, 1, 2})
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("positions are %v, %v; want %v: none of partition 1", got, err, want)
		}
		if len(w.notes()) != 6 {
			t.Errorf("notes are %q, want 6", w.notes())
		}
		got, err = w.client.Committed(w.Context(), "other", "in", []int32{0})
		if err != nil || len(got) != 0 {
			t.Errorf("positions of another group are %v, %v; want none", got, err)
		}
	})
}

// TestCommitOfGroupWithMembers: the cluster refuses it, for good.
func TestCommitOfGroupWithMembers(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 1)
		member := w.newPeer(kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"))
		defer member.Close()
		w.produce(Place{"in", 0}, 0, 1)
		member.PollFetches(w.Context())
		err := w.client.Commit(w.Context(), "g", "in", map[int32]Position{0: {Offset: 1}})
		if err == nil || !strings.Contains(err.Error(), "the group has members") {
			t.Errorf("error is %v, want one that tells of the members", err)
		}
	})
}

func TestDenied(t *testing.T) {
	virtually(t, func(w *world) {
		w.make("in", 1)
		for _, c := range []struct {
			code int16
			key  kmsg.Key
			call func() error
		}{
			{29, kmsg.ListOffsets, func() error { _, err := w.client.Offsets(w.Context(), "in", []int32{0}, Latest); return err }},
			{30, kmsg.OffsetCommit, func() error { return w.client.Commit(w.Context(), "g", "in", map[int32]Position{0: {}}) }},
			{30, kmsg.OffsetFetch, func() error { _, err := w.client.Committed(w.Context(), "g", "in", []int32{0}); return err }},
			{29, kmsg.CreateTopics, func() error { _, err := w.client.CreateTopic(w.Context(), TopicSpec{"out", 1, -1, nil}); return err }},
			{29, kmsg.DescribeConfigs, func() error { _, err := w.client.TopicConfig(w.Context(), "in"); return err }},
			{53, kmsg.InitProducerID, func() error { _, err := w.client.TakeOver(w.Context(), "id", []Place{{"in", 0}}); return err }},
			{29, kmsg.AddPartitionsToTxn, func() error { _, err := w.client.TakeOver(w.Context(), "id", []Place{{"in", 0}}); return err }},
			{29, kmsg.Produce, func() error {
				a, err := w.client.NewIdempotent(w.Context(), Place{"in", 0})
				w.must(err)
				_, err = a.Append(w.Context(), numbered(0, 1))
				return err
			}},
		} {
			w.fail(c.key, c.code, 1)
			err := c.call()
			if denied, ok := errors.AsType[*DeniedError](err); !ok || denied.Code != int(c.code) || denied.What == "" {
				t.Errorf("%s: error is %v, want a DeniedError of code %d", c.key.Name(), err, c.code)
			}
		}
	})
}

func TestCreateTopic(t *testing.T) {
	virtually(t, func(w *world) {
		w.fail(kmsg.CreateTopics, 41, 1)
		w.ControlKey(int16(kmsg.CreateTopics), func(r kmsg.Request) (kmsg.Response, error, bool) {
			if r := r.(*kmsg.CreateTopicsRequest); r.Topics[0].ReplicationFactor != -1 || r.Version < 4 {
				t.Errorf("version %d asks for %d replicas, want the default, of version 4 or newer", r.Version, r.Topics[0].ReplicationFactor)
			}
			return nil, nil, false
		})
		spec := TopicSpec{"out", 5, -1, map[string]string{"retention.ms": "-1", "cleanup.policy": "compact"}}
		for _, want := range []bool{true, false} {
			created, err := w.client.CreateTopic(w.Context(), spec)
			if err != nil || created != want {
				t.Errorf("created: %v, %v; want %v", created, err, want)
			}
		}
		if n := w.topic("out").Partitions(); n != 5 {
			t.Errorf("%d partitions, want 5", n)
		}
		config, err := w.client.TopicConfig(w.Context(), "out")
		if err != nil || config["retention.ms"] != "-1" || config["cleanup.policy"] != "compact" || config["max.message.bytes"] != "1048588" {
			t.Errorf("settings are %v, %v", config, err)
		}
		w.must(w.client.AddPartitions(w.Context(), "out", 7))
		w.must(w.client.AddPartitions(w.Context(), "out", 6))
		if n := w.topic("out").Partitions(); n != 7 {
			t.Errorf("%d partitions, want 7", n)
		}
		w.must(w.client.DeleteTopic(w.Context(), "out"))
		w.must(w.client.DeleteTopic(w.Context(), "out"))
		if w.TopicInfo("out") != nil {
			t.Error("the topic is still there")
		}
	})
}

// TestCreateTopicBeingDeleted: the name is taken until it is gone.
func TestCreateTopicBeingDeleted(t *testing.T) {
	virtually(t, func(w *world) {
		w.fail(kmsg.CreateTopics, 36, 3)
		created, err := w.client.CreateTopic(w.Context(), TopicSpec{Name: "out", Partitions: 1, Replication: -1})
		if err != nil || !created || w.TopicInfo("out") == nil || len(w.notes()) != 3 {
			t.Errorf("created: %v, %v after %q; want it made at last", created, err, w.notes())
		}
	})
}

func TestCreateTopicWrongly(t *testing.T) {
	virtually(t, func(w *world) {
		w.fail(kmsg.CreateTopics, 40, 1)
		_, err := w.client.CreateTopic(w.Context(), TopicSpec{Name: "out", Partitions: 1, Replication: -1})
		if err == nil || len(w.notes()) > 0 || !strings.Contains(err.Error(), `create topic "out"`) {
			t.Errorf("error is %v after %q, want the broker's at once", err, w.notes())
		}
	})
}

func TestBrokerConfig(t *testing.T) {
	virtually(t, func(w *world) {
		config, err := w.client.BrokerConfig(w.Context())
		if err != nil || config["message.max.bytes"] == "" {
			t.Errorf("settings are %v, %v", config, err)
		}
	})
}

// fail answers so many requests of a kind with an error, in what it is about.
func (w *world) fail(key kmsg.Key, code int16, count int) *kfake.FaultHandle {
	f := kfake.Fault{Keys: []kmsg.Key{key}, Count: count}
	fill(&f.Err).Code = code
	return w.Fault(f)
}

// fill gives p something to point to, and returns it.
func fill[T any](p **T) *T {
	*p = new(T)
	return *p
}

// stamped writes records with those timestamps, a batch each.
func (w *world) stamped(p Place, milliseconds ...int64) {
	for _, ms := range milliseconds {
		w.must(w.peer.ProduceSync(w.Context(), &kgo.Record{Topic: p.Topic, Partition: p.Partition, Timestamp: time.UnixMilli(ms)}).FirstErr())
	}
}
