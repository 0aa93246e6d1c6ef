package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

func TestTemporary(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{io.EOF, true},
		{io.ErrUnexpectedEOF, true},
		{net.ErrClosed, true},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{&net.DNSError{Name: "kafka", IsNotFound: true}, true},
		{syscall.ECONNRESET, true},
		{os.ErrDeadlineExceeded, true},
		{context.DeadlineExceeded, true},
		{protocol.NewErrNoLeader("in", 1), true},
		{kafkago.NotLeaderForPartition, true},
		{kafkago.ConcurrentTransactions, true},
		{kafkago.NotController, true},
		{context.Canceled, false},
		{protocol.NewErrNoTopic("in"), false},
		{kafkago.UnknownTopicOrPartition, false},
		{kafkago.InvalidMessage, false},
		{kafkago.OffsetOutOfRange, false},
		{kafkago.ProducerFenced, false},
		{kafkago.OutOfOrderSequenceNumber, false},
		{kafkago.SASLAuthenticationFailed, false},
		{kafkago.TopicAuthorizationFailed, false},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, false},
		{errors.New("something else"), false},
	} {
		if got := temporary(fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("%v is temporary: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes, attempts := 0, 0
		c := New(Config{Notify: func(what string, err error) {
			notes++
			if what != "count" || err != io.EOF {
				t.Errorf("told %q, %v", what, err)
			}
		}})
		err := c.retry(t.Context(), "count", func() error {
			if attempts++; attempts < 10 {
				return io.EOF
			}
			return nil
		})
		if err != nil || attempts != 10 || notes != 9 {
			t.Errorf("%v after %d attempts and %d notes, want nil, 10, 9", err, attempts, notes)
		}
		err = c.retry(t.Context(), "count", func() error { return kafkago.ProducerFenced })
		if !errors.Is(err, kafkago.ProducerFenced) || notes != 9 {
			t.Errorf("error is %v, want what the attempt returned, and no note", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		err = c.retry(short, "count", func() error { return io.EOF })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("error is %v after %v, want the context's after a minute", err, time.Since(begin))
		}
	})
}

func TestBackoff(t *testing.T) {
	var b backoff
	most := firstPause
	for range 20 {
		if pause := b.next(); pause <= 0 || pause > most {
			t.Errorf("pause is %v, want up to %v", pause, most)
		}
		most = min(2*most, lastPause)
	}
	var sum time.Duration
	for range 1000 {
		sum += b.next()
	}
	if mean := sum / 1000; mean < 400*time.Millisecond || mean > 600*time.Millisecond {
		t.Errorf("later pauses are %v in the mean, want about half a second", mean)
	}
}
