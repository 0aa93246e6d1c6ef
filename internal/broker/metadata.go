package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// A Topic is what the cluster says of one.
type Topic struct {
	Name    string
	ID      [16]byte         // another one after it was deleted and made again
	Leaders []int32          // broker id by partition
	Addrs   map[int32]string // host:port of every broker, by its id
}

// Partitions returns how many there are.
func (t *Topic) Partitions() int32 { return int32(len(t.Leaders)) }

// leader returns the address of a partition's leader, or "" if there is none.
func (t *Topic) leader(partition int32) string {
	if partition < 0 || partition >= t.Partitions() {
		return ""
	}
	return t.Addrs[t.Leaders[partition]]
}

// A MissingTopicError tells that the cluster has no such topic, or none any more.
type MissingTopicError struct{ Topic string }

// Error says so.
func (e *MissingTopicError) Error() string {
	return fmt.Sprintf("the cluster has no topic %q: create it, or check its name", e.Topic)
}

// A ReplacedError tells that a topic was deleted and another one made under its
// name. Offsets of the one mean nothing in the other.
type ReplacedError struct {
	Topic   string
	Was, Is [16]byte // the topic's id
}

// Error says so.
func (e *ReplacedError) Error() string {
	return fmt.Sprintf("topic %q was deleted and made again: its id was %x and is %x; what was learned and written so far belongs to the old one", e.Topic, e.Was, e.Is)
}

// Topic asks the cluster for a topic, until each of its partitions has a leader.
// The error is a *MissingTopicError if there is no such topic. A topic that was
// not there is not created by asking.
func (c *Client) Topic(ctx context.Context, name string) (*Topic, error) {
	var t *Topic
	err := c.retry(ctx, "metadata of topic "+strconv.Quote(name), func() (err error) {
		if t, err = c.lookup(ctx, name, nil); err != nil {
			return err
		}
		for p := range t.Partitions() {
			if t.leader(p) == "" {
				return fmt.Errorf("partition %d: %w", p, kafkago.LeaderNotAvailable)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// lookup asks one broker after the other until one knows the topic: those
// configured, then known ones. A broker that has just started may not know it
// yet, so that it is missing only if no broker knows it.
func (c *Client) lookup(ctx context.Context, name string, known map[int32]string) (*Topic, error) {
	var missing *MissingTopicError
	err := errors.New("no brokers to ask: Config.Brokers is empty")
	asked := map[string]bool{}
	for _, address := range slices.Concat(c.config.Brokers, slices.Sorted(maps.Values(known))) {
		if asked[address] {
			continue
		}
		asked[address] = true
		var t *Topic
		if t, err = c.ask(ctx, address, name); err == nil {
			return t, nil
		}
		errors.As(err, &missing)
	}
	if missing != nil {
		return nil, missing
	}
	return nil, err
}

// ask asks one broker, over a connection of its own.
func (c *Client) ask(ctx context.Context, address, name string) (*Topic, error) {
	n, err := c.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	if err := n.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := n.Write(appendMetadata(nil, c.config.ClientID, name)); err != nil {
		return nil, err
	}
	t, err := readMetadata(n, name)
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", address, err)
	}
	return t, nil
}

// appendMetadata appends a Metadata request for one topic.
func appendMetadata(b []byte, clientID, name string) []byte {
	b = appendHeader(b, int16(protocol.Metadata), metadataVersion, 0, clientID)
	b = appendCount(b, 1)
	b = append(b, make([]byte, 16)...) // topic id: asked for
	b = appendCount(b, len(name))
	b = append(b, name...)
	b = append(b, 0)    // no tags
	b = append(b, 0, 0) // neither create it nor list operations
	return finish(append(b, 0))
}

// metadataLimit is the most bytes of a Metadata response: some 100,000
// partitions with three replicas each.
const metadataLimit = 8 << 20

// readMetadata reads the response to appendMetadata.
func readMetadata(s source, name string) (*Topic, error) {
	f := frame{source: s}
	f.begin(0, metadataLimit)
	f.int32() // throttle time
	t := &Topic{Name: name, Addrs: map[int32]string{}}
	for n := f.count(11); n > 0 && f.err == nil; n-- {
		t.readBroker(&f)
	}
	f.skip(f.length()) // cluster id
	f.int32()          // controller
	code := kafkago.UnknownTopicOrPartition
	for n := f.count(26); n > 0 && f.err == nil; n-- {
		code = kafkago.Error(f.int16())
		f.skip(f.length()) // name
		t.ID = f.uuid()
		f.skip(1) // internal or not
		t.readPartitions(&f)
		f.int32() // operations
		f.tags()
	}
	f.tags()
	switch err := f.end(); {
	case err != nil:
		return nil, err
	case code == kafkago.UnknownTopicOrPartition:
		return nil, &MissingTopicError{name}
	case code != 0:
		return nil, fmt.Errorf("topic %q: %w", name, code)
	}
	return t, nil
}

func (t *Topic) readBroker(f *frame) {
	id := f.int32()
	host := f.string()
	port := f.int32()
	f.skip(f.length()) // rack
	f.tags()
	t.Addrs[id] = net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// readPartitions reads the leaders, which come in any order.
func (t *Topic) readPartitions(f *frame) {
	n := f.count(18)
	t.Leaders = slices.Repeat([]int32{unseen}, n)
	for i := 0; i < n && f.err == nil; i++ {
		f.int16() // a partition without a leader says so in its leader
		p := f.int32()
		leader := f.int32()
		f.int32() // leader epoch
		for range 3 {
			f.skip(4 * f.count(4)) // replicas, those in sync, those offline
		}
		f.tags()
		if f.err == nil && (p < 0 || int(p) >= n || t.Leaders[p] != unseen) {
			f.fail("partition %d of %d, or sent it twice", p, n)
		}
		if f.err == nil {
			t.Leaders[p] = max(leader, noLeader)
		}
	}
}

const (
	noLeader = -1
	unseen   = -2 // a partition that the response has not come to
)
