package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

const (
	dialTimeout = 5 * time.Second  // until a connection is ready for requests
	patience    = 10 * time.Second // for an answer, on top of what the broker may wait
)

// Two requests are written by hand: both know topics by their ids, which tell a
// topic from another of the same name.
const (
	metadataVersion = 12
	fetchVersion    = 13
)

// A conn is a connection that is ready for requests: past TLS, the exchange of
// versions, and SASL. It is closed when the context it was dialed with ends.
type conn struct {
	*protocol.Conn
	unwatch func() bool
}

// Close closes the connection. It may be called twice.
func (c *conn) Close() error {
	c.unwatch()
	return c.Conn.Close()
}

// dial connects to the broker at address.
func (c *Client) dial(ctx context.Context, address string) (*conn, error) {
	n, err := c.handshake(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", address, err)
	}
	return n, nil
}

func (c *Client) handshake(ctx context.Context, address string) (*conn, error) {
	short, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	link, err := c.link(short, address)
	if err != nil {
		return nil, err
	}
	pc := protocol.NewConn(link, c.config.ClientID)
	n := &conn{pc, context.AfterFunc(ctx, func() { pc.Close() })}
	if err := n.greet(short, address, c.config.SASL); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// link opens the connection up to TLS.
func (c *Client) link(ctx context.Context, address string) (net.Conn, error) {
	dial := c.config.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	link, err := dial(ctx, "tcp", address)
	if err != nil || c.config.TLS == nil {
		return link, err
	}
	config := c.config.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secure := tls.Client(link, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		link.Close()
		return nil, err
	}
	return secure, nil
}

// greet exchanges versions and authenticates.
func (c *conn) greet(ctx context.Context, address string, m sasl.Mechanism) error {
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	if err := c.negotiate(); err != nil || m == nil {
		return err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	return c.authenticate(sasl.WithMetadata(ctx, &sasl.Metadata{Host: host, Port: number}), m)
}

func (c *conn) negotiate() error {
	answer, err := c.RoundTrip(new(apiversions.Request))
	if err != nil {
		return err
	}
	r := answer.(*apiversions.Response)
	if r.ErrorCode != 0 {
		return kafkago.Error(r.ErrorCode)
	}
	versions := map[protocol.ApiKey]int16{}
	want := map[protocol.ApiKey]int16{protocol.Metadata: metadataVersion, protocol.Fetch: fetchVersion}
	for _, v := range r.ApiKeys {
		key := protocol.ApiKey(v.ApiKey)
		versions[key] = key.SelectVersion(v.MinVersion, v.MaxVersion)
		if n := want[key]; n >= v.MinVersion && n <= v.MaxVersion {
			delete(want, key)
		}
	}
	for key, n := range want {
		return fmt.Errorf("the broker does not speak version %d of %v: Apache Kafka 3.1 or newer does", n, key)
	}
	c.SetVersions(versions)
	return nil
}

func (c *conn) authenticate(ctx context.Context, m sasl.Mechanism) error {
	answer, err := c.RoundTrip(&saslhandshake.Request{Mechanism: m.Name()})
	if err != nil {
		return err
	}
	if r := answer.(*saslhandshake.Response); r.ErrorCode != 0 {
		return fmt.Errorf("SASL mechanism %s: %w; the broker offers %v", m.Name(), kafkago.Error(r.ErrorCode), r.Mechanisms)
	}
	session, message, err := m.Start(ctx)
	for done := false; err == nil && !done; {
		if message, err = c.token(message); err == nil {
			done, message, err = session.Next(ctx, message)
		}
	}
	return err
}

// token sends the client's token and returns the broker's. Some brokers tell a
// wrong password by hanging up.
func (c *conn) token(t []byte) ([]byte, error) {
	answer, err := c.RoundTrip(&saslauthenticate.Request{AuthBytes: t})
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, kafkago.SASLAuthenticationFailed
	}
	if err != nil {
		return nil, err
	}
	r := answer.(*saslauthenticate.Response)
	if r.ErrorCode != 0 {
		return nil, fmt.Errorf("%w: %s", kafkago.Error(r.ErrorCode), r.ErrorMessage)
	}
	return r.AuthBytes, nil
}
