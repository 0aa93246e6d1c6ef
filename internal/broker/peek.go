package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Brokers returns the addresses that the Client was made with.
func (c *Client) Brokers() []string { return slices.Clone(c.config.Brokers) }

// Security says how connections are secured and who we are, for people.
func (c *Client) Security() string {
	switch {
	case c.config.TLS != nil && c.config.SASL != nil:
		return "TLS, SASL " + c.config.SASL.Name()
	case c.config.TLS != nil:
		return "TLS, no SASL"
	case c.config.SASL != nil:
		return "SASL " + c.config.SASL.Name() + ", no TLS"
	}
	return "no TLS, no SASL"
}

// Reach connects to the broker at address, once: through TLS, the exchange of
// versions, and SASL; and makes a first request, for a broker that wants a login
// says so by closing the connection there.
func (c *Client) Reach(ctx context.Context, address string) error {
	n, err := c.dial(ctx, address)
	if err != nil {
		return err
	}
	defer n.Close()
	if err := n.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	_, err = n.RoundTrip(&metadata.Request{TopicNames: []string{}})
	switch {
	case err == nil:
		return nil
	case c.config.SASL == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)):
		return fmt.Errorf("broker %s: the broker closes the connection at the first request: does it want sasl? (%w)", address, err)
	}
	return fmt.Errorf("broker %s: %w", address, err)
}

// Peek returns what partitions hold, as TakeOver does, but takes nothing over
// and writes nothing: whoever owns them goes on writing. Marker is the end that
// the partition had when it was looked at.
func (c *Client) Peek(ctx context.Context, places []Place) ([]Tail, error) {
	searches, err := c.newSearches(ctx, places)
	if err != nil {
		return nil, err
	}
	f := c.NewFetcher(FetchOptions{Uncommitted: true, MaxWait: 20 * time.Millisecond})
	defer f.Close()
	var tails []Tail
	for _, s := range searches {
		s.fetcher = f
		t := Tail{Place: s.place, Marker: s.seen}
		first, err := c.Offsets(ctx, s.place.Topic, []int32{s.place.Partition}, Earliest)
		if err != nil {
			return nil, err
		}
		t.LogStart = first[0]
		if t.Last, t.Writer, err = s.last(ctx, t.LogStart, t.Marker); err != nil {
			return nil, fmt.Errorf("tail of %v: %w", s.place, err)
		}
		tails = append(tails, t)
	}
	return tails, nil
}

// Operations are what the cluster lets us do with a resource, a bit for each.
// The numbers are those of Kafka's AclOperation.
type Operations int32

// The operations that a pipeline needs.
const (
	Read            Operations = 1 << 3
	Write           Operations = 1 << 4
	Create          Operations = 1 << 5
	Describe        Operations = 1 << 8
	DescribeConfigs Operations = 1 << 10
)

// untold is what a broker sends where it does not say.
const untold Operations = -1 << 31

// Lacking names the operations of want that are not among o: none where the
// cluster does not tell what is allowed.
func (o Operations) Lacking(want Operations) []string {
	var names []string
	if o == untold {
		return nil
	}
	for _, op := range []struct {
		bit  Operations
		name string
	}{{Read, "Read"}, {Write, "Write"}, {Create, "Create"}, {Describe, "Describe"}, {DescribeConfigs, "DescribeConfigs"}} {
		if want&op.bit != 0 && o&op.bit == 0 {
			names = append(names, op.name)
		}
	}
	return names
}

// Access is what the cluster lets us do, as far as it tells.
type Access struct {
	Cluster Operations
	Topics  map[string]Operations // of those that exist, or that we may not even describe
}

// Access asks what we may do with some topics and with the cluster itself. A
// topic that does not exist is not created by asking.
func (c *Client) Access(ctx context.Context, topics []string) (*Access, error) {
	var a *Access
	err := c.do(ctx, "permissions on topics "+strings.Join(topics, ", "), func() error {
		err := errors.New("no brokers to ask: Config.Brokers is empty")
		for _, address := range c.config.Brokers {
			if a, err = c.askAccess(ctx, address, topics); err == nil {
				return nil
			}
		}
		return err
	})
	return a, err
}

// askAccess asks with Metadata v8, the last version that tells of the cluster
// as well.
func (c *Client) askAccess(ctx context.Context, address string, topics []string) (*Access, error) {
	n, err := c.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	if err := n.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	m, err := n.RoundTrip(&metadata.Request{TopicNames: topics, IncludeClusterAuthorizedOperations: true, IncludeTopicAuthorizedOperations: true})
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", address, err)
	}
	answer := m.(*metadata.Response)
	a := &Access{Cluster: Operations(answer.ClusterAuthorizedOperations), Topics: map[string]Operations{}}
	for _, t := range answer.Topics {
		switch kafkago.Error(t.ErrorCode) {
		case 0:
			a.Topics[t.Name] = Operations(t.TopicAuthorizedOperations)
		case kafkago.TopicAuthorizationFailed:
			a.Topics[t.Name] = 0
		}
	}
	return a, nil
}
