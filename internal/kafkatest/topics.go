package kafkatest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var notInTopics = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// Topic makes a topic for this test alone, which is deleted at its end, and
// returns the name.
func (c *Cluster) Topic(t testing.TB, partitions int32, config map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("%s-%08x", notInTopics.ReplaceAllString(t.Name(), "."), rand.Uint32())
	c.CreateTopic(t, name, partitions, config)
	t.Cleanup(func() { c.DeleteTopic(t, name) })
	return name
}

// CreateTopic makes a topic with as many copies as the brokers' default, and
// waits until each partition has a leader.
func (c *Cluster) CreateTopic(t testing.TB, topic string, partitions int32, config map[string]string) {
	t.Helper()
	ctx, client, done := c.dial(t)
	defer done()
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = topic, partitions, -1
	for _, key := range slices.Sorted(maps.Keys(config)) {
		s := kmsg.NewCreateTopicsRequestTopicConfig()
		s.Name, s.Value = key, kmsg.StringPtr(config[key])
		wanted.Configs = append(wanted.Configs, s)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = append(req.Topics, wanted)
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
	await(ctx, t, "topic "+topic+" has a leader for each partition", func() bool {
		led := 0
		for _, p := range metadata(ctx, t, client, topic).Partitions {
			if p.ErrorCode == 0 && p.Leader >= 0 {
				led++
			}
		}
		return led == int(partitions)
	})
}

// DeleteTopic deletes a topic, if there is one, and waits until it is gone.
func (c *Cluster) DeleteTopic(t testing.TB, topic string) {
	t.Helper()
	ctx, client, done := c.dial(t)
	defer done()
	wanted := kmsg.NewDeleteTopicsRequestTopic()
	wanted.Topic = kmsg.StringPtr(topic)
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames, req.Topics = []string{topic}, append(req.Topics, wanted)
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil && err != kerr.UnknownTopicOrPartition {
		t.Fatalf("delete topic %s: %v", topic, err)
	}
	await(ctx, t, "topic "+topic+" is gone", func() bool {
		return metadata(ctx, t, client, topic).ErrorCode == kerr.UnknownTopicOrPartition.Code
	})
}

// DeleteRecords deletes what a partition holds before an offset, as retention
// does.
func (c *Cluster) DeleteRecords(t testing.TB, topic string, partition int32, before int64) {
	t.Helper()
	ctx, client, done := c.dial(t)
	defer done()
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = partition, before
	wanted := kmsg.NewDeleteRecordsRequestTopic()
	wanted.Topic, wanted.Partitions = topic, append(wanted.Partitions, p)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = append(req.Topics, wanted)
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("delete records of %s/%d before %d: %v", topic, partition, before, err)
	}
}

// EndOffsets returns the offset behind the last record of each partition.
func (c *Cluster) EndOffsets(t testing.TB, topic string) []int64 {
	t.Helper()
	return c.offsets(t, topic, -1)
}

// StartOffsets returns the offset that the log of each partition starts at.
func (c *Cluster) StartOffsets(t testing.TB, topic string) []int64 {
	t.Helper()
	return c.offsets(t, topic, -2)
}

func (c *Cluster) offsets(t testing.TB, topic string, at int64) []int64 {
	t.Helper()
	ctx, client, done := c.dial(t)
	defer done()
	wanted := kmsg.NewListOffsetsRequestTopic()
	wanted.Topic = topic
	for i := range metadata(ctx, t, client, topic).Partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = int32(i), at
		wanted.Partitions = append(wanted.Partitions, p)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.Topics = append(req.Topics, wanted)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		t.Fatalf("offsets of %s: %v", topic, err)
	}
	offsets := make([]int64, len(wanted.Partitions))
	for _, r := range resp.Topics {
		for _, p := range r.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				t.Fatalf("offsets of %s/%d: %v", topic, p.Partition, err)
			}
			offsets[p.Partition] = p.Offset
		}
	}
	return offsets
}

// TopicConfig returns a topic's settings, defaults included.
func (c *Cluster) TopicConfig(t testing.TB, topic string) map[string]string {
	t.Helper()
	ctx, client, done := c.dial(t)
	defer done()
	wanted := kmsg.NewDescribeConfigsRequestResource()
	wanted.ResourceType, wanted.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.Resources = append(req.Resources, wanted)
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("settings of topic %s: %v", topic, err)
	}
	config := map[string]string{}
	for _, s := range resp.Resources[0].Configs {
		if s.Value != nil {
			config[s.Name] = *s.Value
		}
	}
	return config
}

func metadata(ctx context.Context, t testing.TB, client *kgo.Client, topic string) kmsg.MetadataResponseTopic {
	t.Helper()
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = kmsg.StringPtr(topic)
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = append(req.Topics, wanted)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		t.Fatalf("metadata of topic %s: %v", topic, err)
	}
	return resp.Topics[0]
}

// await asks until it is so.
func await(ctx context.Context, t testing.TB, what string, so func() bool) {
	t.Helper()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited until %s: %v", what, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
