package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// retry runs attempt until it returns nil or an error that is not temporary,
// with a pause between attempts. Each failure that is followed by another
// attempt is told to Config.Notify. It returns nil, that error, or ctx's, with
// what before it; so what names the verb and the thing: "commit group g".
func (c *Client) retry(ctx context.Context, what string, attempt func() error) error {
	var pause backoff
	for {
		err := attempt()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w (last attempt: %v)", what, context.Cause(ctx), err)
		case !temporary(err):
			return fmt.Errorf("%s: %w", what, err)
		}
		c.notify(what, err)
		if !pause.wait(ctx) {
			return fmt.Errorf("%s: %w (last attempt: %v)", what, context.Cause(ctx), err)
		}
	}
}

func (c *Client) notify(what string, err error) {
	if c.config.Notify != nil {
		c.config.Notify(what, err)
	}
}

// The pauses between attempts.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// A backoff is the pauses of a row of failures: any time up to 20 ms, up to
// 40 ms, and so on, up to a second. The zero value is at its start.
type backoff struct{ most time.Duration }

// next returns the next pause.
func (b *backoff) next() time.Duration {
	b.most = min(max(2*b.most, firstPause), lastPause)
	return 1 + rand.N(b.most)
}

// wait sleeps the next pause and reports true, or false if ctx ended first.
func (b *backoff) wait(ctx context.Context) bool {
	t := time.NewTimer(b.next())
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retriable lists the error codes that pass by themselves: those of the
// protocol's table of errors with "retriable" in their row, for the requests
// that this package sends. Left out are 2, which says that our batch is bad, and
// 3, which may say that the topic was deleted: callers know.
//
// https://kafka.apache.org/protocol#protocol_error_codes
func retriable(code kafkago.Error) bool {
	return slices.Contains([]kafkago.Error{
		kafkago.LeaderNotAvailable,
		kafkago.NotLeaderForPartition,
		kafkago.RequestTimedOut,
		kafkago.ReplicaNotAvailable,
		kafkago.NetworkException,
		kafkago.GroupLoadInProgress,
		kafkago.GroupCoordinatorNotAvailable,
		kafkago.NotCoordinatorForGroup,
		kafkago.NotEnoughReplicas,
		kafkago.NotEnoughReplicasAfterAppend,
		kafkago.NotController,
		kafkago.ConcurrentTransactions,
		kafkago.KafkaStorageError,
		kafkago.ListenerNotFound,
		kafkago.FencedLeaderEpoch,
		kafkago.UnknownLeaderEpoch,
		kafkago.OffsetNotAvailable,
		kafkago.PreferredLeaderNotAvailable,
		kafkago.EligibleLeadersNotAvailable,
		kafkago.UnstableOffsetCommit,
		kafkago.ThrottlingQuotaExceeded,
	}, code)
}

// temporary reports whether the same request may succeed later: after a
// retriable code, and after whatever happens to a connection except a refused
// certificate.
func temporary(err error) bool {
	if code, ok := errors.AsType[kafkago.Error](err); ok {
		return retriable(code)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false // of the broker
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return false // an alert of TLS: the broker's answer to ours
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return slices.ContainsFunc([]error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed,
		syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE,
		os.ErrDeadlineExceeded, context.DeadlineExceeded,
		protocol.ErrNoLeader,
	}, func(target error) bool { return errors.Is(err, target) })
}
