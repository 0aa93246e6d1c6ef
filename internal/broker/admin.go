package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createpartitions"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/deletetopics"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
)

// Times to ask Offsets for that are none.
const (
	Latest   int64 = -1 // behind the newest record that all in-sync replicas have
	Earliest int64 = -2 // of the oldest record that is left
)

// Offsets returns an offset for each of the partitions: of the first record at
// or after a time in milliseconds since 1970, or of Latest or Earliest. Where
// there is no record at or after the time it is the latest offset.
func (c *Client) Offsets(ctx context.Context, topic string, partitions []int32, at int64) ([]int64, error) {
	if at < 0 {
		return c.listOffsets(ctx, topic, partitions, at)
	}
	// The end is asked for first, so that no record that comes meanwhile is behind it.
	latest, err := c.listOffsets(ctx, topic, partitions, Latest)
	if err != nil {
		return nil, err
	}
	offsets, err := c.listOffsets(ctx, topic, partitions, at)
	for i := range offsets {
		if offsets[i] < 0 {
			offsets[i] = latest[i]
		}
	}
	return offsets, err
}

// listOffsets does the same, with -1 where there is no record at or after at.
func (c *Client) listOffsets(ctx context.Context, topic string, partitions []int32, at int64) (offsets []int64, err error) {
	request := &listoffsets.Request{ReplicaID: -1, Topics: []listoffsets.RequestTopic{{Topic: topic}}}
	for _, p := range partitions {
		request.Topics[0].Partitions = append(request.Topics[0].Partitions, listoffsets.RequestPartition{Partition: p, CurrentLeaderEpoch: -1, Timestamp: at})
	}
	err = c.do(ctx, "list offsets of topic "+strconv.Quote(topic), func() error {
		answer, err := call[*listoffsets.Response](ctx, c, request)
		if err != nil {
			return err
		}
		offsets, err = c.readOffsets(ctx, topic, partitions, answer)
		return err
	})
	return offsets, err
}

func (c *Client) readOffsets(ctx context.Context, topic string, partitions []int32, r *listoffsets.Response) ([]int64, error) {
	found := map[int32]int64{}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			err := failure(p.ErrorCode, "")
			if p.ErrorCode == -1 { // one broker did not answer; the transport does not tell why
				err = passing{err}
			}
			if err := c.settle(ctx, Place{topic, p.Partition}, err); err != nil {
				return nil, fmt.Errorf("partition %d: %w", p.Partition, err)
			}
			found[p.Partition] = p.Offset
		}
	}
	offsets := make([]int64, len(partitions))
	for i, p := range partitions {
		offset, ok := found[p]
		if !ok {
			return nil, passing{fmt.Errorf("partition %d: not in the broker's answer", p)}
		}
		offsets[i] = offset
	}
	return offsets, nil
}

// A Position is how far a group is in a partition.
type Position struct {
	Offset   int64 // of the next record
	Metadata string
}

// Commit keeps positions under the name of a group, which must have no members:
// the cluster takes those of a group with members from them alone.
func (c *Client) Commit(ctx context.Context, group, topic string, positions map[int32]Position) error {
	request := &offsetcommit.Request{GroupID: group, GenerationID: -1, RetentionTimeMs: -1, Topics: []offsetcommit.RequestTopic{{Name: topic}}}
	for _, p := range slices.Sorted(maps.Keys(positions)) {
		request.Topics[0].Partitions = append(request.Topics[0].Partitions, offsetcommit.RequestPartition{
			PartitionIndex:       p,
			CommittedOffset:      positions[p].Offset,
			CommittedLeaderEpoch: -1,
			CommittedMetadata:    positions[p].Metadata,
		})
	}
	return c.do(ctx, fmt.Sprintf("commit to group %q", group), func() error {
		answer, err := call[*offsetcommit.Response](ctx, c, request)
		if err != nil {
			return err
		}
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				if err := c.settle(ctx, Place{topic, p.PartitionIndex}, failure(p.ErrorCode, "")); err != nil {
					return fmt.Errorf("partition %d: %w%s", p.PartitionIndex, err, membersHint(err))
				}
			}
		}
		return nil
	})
}

func membersHint(err error) string {
	if errors.Is(err, kafkago.UnknownMemberId) || errors.Is(err, kafkago.IllegalGeneration) || errors.Is(err, kafkago.RebalanceInProgress) {
		return ": the group has members, and only they may commit to it; use a group that nobody joins"
	}
	return ""
}

// Committed returns the positions that a group has of those partitions; where
// it has none, none is in the map.
func (c *Client) Committed(ctx context.Context, group, topic string, partitions []int32) (positions map[int32]Position, err error) {
	request := &offsetfetch.Request{GroupID: group, Topics: []offsetfetch.RequestTopic{{Name: topic, PartitionIndexes: partitions}}}
	err = c.do(ctx, fmt.Sprintf("positions of group %q", group), func() error {
		answer, err := call[*offsetfetch.Response](ctx, c, request)
		if err == nil {
			err = failure(answer.ErrorCode, "")
		}
		if errors.Is(err, kafkago.GroupIdNotFound) {
			return nil
		}
		if err == nil {
			positions, err = c.readPositions(ctx, topic, answer)
		}
		return err
	})
	return positions, err
}

func (c *Client) readPositions(ctx context.Context, topic string, r *offsetfetch.Response) (map[int32]Position, error) {
	positions := map[int32]Position{}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if err := c.settle(ctx, Place{topic, p.PartitionIndex}, failure(p.ErrorCode, "")); err != nil {
				return nil, fmt.Errorf("partition %d: %w", p.PartitionIndex, err)
			}
			if p.CommittedOffset >= 0 {
				positions[p.PartitionIndex] = Position{p.CommittedOffset, p.Metadata}
			}
		}
	}
	return positions, nil
}

// A TopicSpec says how to make a topic.
type TopicSpec struct {
	Name        string
	Partitions  int               // -1 is the broker's default
	Replication int               // copies of each partition; -1 is the broker's default
	Config      map[string]string // what differs from the broker's defaults
}

// CreateTopic makes a topic and waits until each of its partitions has a leader.
// It reports false for one that exists already, whatever that one is like, and
// may do so if the cluster's answer to the first attempt was lost.
func (c *Client) CreateTopic(ctx context.Context, s TopicSpec) (created bool, err error) {
	topic := createtopics.RequestTopic{Name: s.Name, NumPartitions: int32(s.Partitions), ReplicationFactor: int16(s.Replication)}
	for _, name := range slices.Sorted(maps.Keys(s.Config)) {
		topic.Configs = append(topic.Configs, createtopics.RequestConfig{Name: name, Value: s.Config[name]})
	}
	request := &createtopics.Request{Topics: []createtopics.RequestTopic{topic}, TimeoutMs: int32(brokerTimeout.Milliseconds())}
	err = c.do(ctx, "create topic "+strconv.Quote(s.Name), func() error {
		answer, err := call[*createtopics.Response](ctx, c, request)
		if err != nil {
			return err
		}
		for _, t := range answer.Topics {
			err = failure(t.ErrorCode, t.ErrorMessage)
		}
		created = created || err == nil
		if err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
			return err
		}
		_, err = c.Topic(ctx, s.Name)
		if _, missing := errors.AsType[*MissingTopicError](err); missing {
			return passing{err} // not known everywhere, or one of that name is being deleted
		}
		return err
	})
	return created, err
}

// AddPartitions gives a topic count partitions, if it has less, and waits until
// each has a leader.
func (c *Client) AddPartitions(ctx context.Context, topic string, count int) error {
	request := &createpartitions.Request{Topics: []createpartitions.RequestTopic{{Name: topic, Count: int32(count)}}, TimeoutMs: int32(brokerTimeout.Milliseconds())}
	return c.do(ctx, "add partitions to topic "+strconv.Quote(topic), func() error {
		t, err := c.Topic(ctx, topic)
		if err != nil || t.Partitions() >= int32(count) {
			return err
		}
		answer, err := call[*createpartitions.Response](ctx, c, request)
		if err != nil {
			return err
		}
		for _, r := range answer.Results {
			err = failure(r.ErrorCode, r.ErrorMessage)
		}
		if err != nil && !errors.Is(err, kafkago.InvalidPartitionNumber) { // which says that it has them
			return c.settle(ctx, Place{Topic: topic}, err)
		}
		return passing{fmt.Errorf("topic %q has %d partitions so far, want %d", topic, t.Partitions(), count)}
	})
}

// DeleteTopic deletes a topic, if there is one, and waits until it is gone.
func (c *Client) DeleteTopic(ctx context.Context, topic string) error {
	request := &deletetopics.Request{TopicNames: []string{topic}, TimeoutMs: int32(brokerTimeout.Milliseconds())}
	return c.do(ctx, "delete topic "+strconv.Quote(topic), func() error {
		answer, err := call[*deletetopics.Response](ctx, c, request)
		if err != nil {
			return err
		}
		for _, r := range answer.Responses {
			err = failure(r.ErrorCode, "")
		}
		if err != nil && !errors.Is(err, kafkago.UnknownTopicOrPartition) {
			return err
		}
		_, err = c.lookup(ctx, topic, nil)
		if _, missing := errors.AsType[*MissingTopicError](err); missing {
			return nil
		}
		return passing{fmt.Errorf("the topic is still there, or no broker tells: %v", err)}
	})
}

// TopicConfig returns a topic's settings, defaults included, by their names.
func (c *Client) TopicConfig(ctx context.Context, topic string) (map[string]string, error) {
	var config map[string]string
	err := c.do(ctx, "settings of topic "+strconv.Quote(topic), func() (err error) {
		config, err = c.describe(ctx, kafkago.ResourceTypeTopic, topic)
		return c.settle(ctx, Place{Topic: topic}, err)
	})
	return config, err
}

// BrokerConfig returns the settings of one of the brokers, defaults included,
// by their names. A secret one is empty.
func (c *Client) BrokerConfig(ctx context.Context) (map[string]string, error) {
	var config map[string]string
	err := c.do(ctx, "settings of a broker", func() error {
		cluster, err := call[*metadata.Response](ctx, c, &metadata.Request{TopicNames: []string{}})
		if err != nil {
			return err
		}
		if len(cluster.Brokers) == 0 {
			return kafkago.LeaderNotAvailable
		}
		config, err = c.describe(ctx, kafkago.ResourceTypeBroker, strconv.Itoa(int(cluster.Brokers[0].NodeID)))
		return err
	})
	return config, err
}

func (c *Client) describe(ctx context.Context, kind kafkago.ResourceType, name string) (map[string]string, error) {
	answer, err := call[*describeconfigs.Response](ctx, c, &describeconfigs.Request{
		Resources: []describeconfigs.RequestResource{{ResourceType: int8(kind), ResourceName: name}},
	})
	if err != nil {
		return nil, err
	}
	config := map[string]string{}
	for _, r := range answer.Resources {
		if err := failure(r.ErrorCode, r.ErrorMessage); err != nil {
			return nil, err
		}
		for _, e := range r.ConfigEntries {
			config[e.ConfigName] = e.ConfigValue
		}
	}
	return config, nil
}
