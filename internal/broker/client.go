// Package broker talks to a Kafka cluster: it finds leaders, fetches and
// appends record batches, keeps positions, makes topics, and takes partitions
// over from whoever wrote them before. Everything is retried that can be retried
// without losing or repeating a record; what comes back as an error is final, or
// the context's.
//
// Connections, TLS, SASL and the control calls are kafka-go's. Its Reader,
// Writer, Conn.ReadBatch and Client.Produce lose, repeat or skip records and are
// not used.
package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// A Config says how to reach a cluster.
type Config struct {
	Brokers  []string // host:port, tried in turn
	ClientID string
	TLS      *tls.Config    // nil for plain connections
	SASL     sasl.Mechanism // nil for none
	// Dial opens a connection; nil is a net.Dialer's DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Notify is told of each attempt that failed and is made again, for counters
	// and rate-limited logs; nil for nobody. It is called from many goroutines.
	Notify func(what string, err error)
}

// A Client is a connection to a cluster, for any number of goroutines. Close it
// after use.
type Client struct {
	config    Config
	transport *kafkago.Transport
	kafka     *kafkago.Client
}

// New returns a client. It connects when it is first used.
func New(c Config) *Client {
	t := &kafkago.Transport{
		Dial:        c.Dial,
		ClientID:    c.ClientID,
		TLS:         c.TLS,
		SASL:        c.SASL,
		MetadataTTL: time.Second,
		DialTimeout: 5 * time.Second,
	}
	return &Client{c, t, &kafkago.Client{Addr: kafkago.TCP(c.Brokers...), Timeout: 30 * time.Second, Transport: t}}
}

// Close closes idle connections. Feeds are closed by their Fetcher.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// A Place is one partition of a topic.
type Place struct {
	Topic     string
	Partition int32
}

// String returns topic/partition.
func (p Place) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }
