package broker

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// TestFillDeadline: a broker that goes on sending may take long, one that stops
// may not.
func TestFillDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			for range 5 {
				time.Sleep(patience - time.Second)
				if _, err := server.Write(make([]byte, 1<<20)); err != nil {
					t.Error(err)
				}
			}
		}()
		f := frame{source: protocol.NewConn(client, ""), left: 8 << 20}
		if f.fill(make([]byte, 5<<20)); f.err != nil {
			t.Errorf("a slow broker was given up: %v", f.err)
		}
		begin := time.Now()
		if f.fill(make([]byte, 1<<20)); !temporary(f.err) || time.Since(begin) != patience {
			t.Errorf("a silent broker was given up after %v with %v, want %v", time.Since(begin), f.err, patience)
		}
	})
}
