package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	callTimeout   = 30 * time.Second // of one attempt
	brokerTimeout = 20 * time.Second // of what a broker waits for others, within it
)

// A DeniedError tells that the cluster does not let us do something.
type DeniedError struct {
	What string // the verb and the thing
	Code int    // of the protocol's table of errors
}

// Error says so.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("%s: the cluster does not allow it: %v", e.What, kafkago.Error(e.Code))
}

// do is retry with a *DeniedError for what the cluster does not allow.
func (c *Client) do(ctx context.Context, what string, attempt func() error) error {
	err := c.retry(ctx, what, attempt)
	if code, ok := errors.AsType[kafkago.Error](err); ok && denied(code) {
		return &DeniedError{what, int(code)}
	}
	return err
}

func denied(code kafkago.Error) bool {
	return slices.Contains([]kafkago.Error{
		kafkago.TopicAuthorizationFailed,
		kafkago.GroupAuthorizationFailed,
		kafkago.ClusterAuthorizationFailed,
		kafkago.TransactionalIDAuthorizationFailed,
		kafkago.DelegationTokenAuthorizationFailed,
	}, code)
}

// call sends a request to the broker that it is for, which kafka-go's transport
// knows from metadata up to a second old, and returns the answer. It looks at no
// error code in it.
func call[Answer protocol.Message](ctx context.Context, c *Client, request protocol.Message) (answer Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.kafka.Addr, request)
	switch {
	case err == nil:
		return m.(Answer), nil
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, protocol.ErrNoPartition):
		return answer, kafkago.UnknownTopicOrPartition
	case errors.Is(err, kafkago.BrokerNotAvailable):
		return answer, passing{err} // not known to the transport yet
	}
	return answer, err
}

// passing makes an error temporary whose code alone does not tell: a net.Error
// that hides the code.
type passing struct{ error }

func (passing) Timeout() bool   { return false }
func (passing) Temporary() bool { return true }

// failure returns the error of a code that came with a message, or nil.
func failure(code int16, message string) error {
	switch {
	case code == 0:
		return nil
	case message == "":
		return kafkago.Error(code)
	}
	return fmt.Errorf("%w: %s", kafkago.Error(code), message)
}

// settle returns err, but for "unknown topic or partition" what that means: the
// cluster has no such topic, or no such partition, or this broker or the
// transport has not heard of it yet.
func (c *Client) settle(ctx context.Context, p Place, err error) error {
	if !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		return err
	}
	if err := c.find(ctx, p); err != nil {
		return err
	}
	return passing{err}
}

// find returns an error if the cluster does not have the place.
func (c *Client) find(ctx context.Context, p Place) error {
	t, err := c.Topic(ctx, p.Topic)
	if err == nil && (p.Partition < 0 || p.Partition >= t.Partitions()) {
		err = fmt.Errorf("topic %q has %d partitions, want partition %d: add partitions to it", p.Topic, t.Partitions(), p.Partition)
	}
	return err
}
