package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts Serve and returns its address and its end.
func serve(t *testing.T, ctx context.Context, h http.Handler) (string, <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, h) }()
	return l.Addr().String(), ended
}

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, ended := serve(t, ctx, server(t, running()))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	r, err := client.Get("http://" + addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || string(body) != "ok\n" {
		t.Errorf("got %q, %v", body, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the port is open still")
	}
}

// pipes is a listener whose connections are in memory, for virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

// TestServeStops within a second, whatever its clients do: one that says
// nothing, and one whose request never ends.
func TestServeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := &pipes{make(chan net.Conn), make(chan struct{})}
		ended := make(chan error, 1)
		busy := make(chan struct{})
		slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(busy)
			<-r.Context().Done()
		})
		go func() { ended <- Serve(ctx, l, slow) }()
		silent, a := net.Pipe()
		asking, b := net.Pipe()
		l.conns <- a
		l.conns <- b
		io.WriteString(asking, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-busy
		start := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
		for _, client := range []net.Conn{silent, asking} {
			if _, err := io.ReadAll(client); err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("it took %v to stop and to let go of the clients", d)
		}
	})
}

// TestServeSilent closes connections that ask for nothing.
func TestServeSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := &pipes{make(chan net.Conn), make(chan struct{})}
		ended := make(chan error, 1)
		go func() { ended <- Serve(ctx, l, http.NotFoundHandler()) }()
		silent, a := net.Pipe()
		l.conns <- a
		start := time.Now()
		if _, err := io.ReadAll(silent); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 15*time.Second {
			t.Errorf("a silent client was kept for %v", d)
		}
		cancel()
		<-ended
	})
}

var errBroken = errors.New("broken")

type broken struct{ *pipes }

func (broken) Accept() (net.Conn, error) { return nil, errBroken }

func TestServeFails(t *testing.T) {
	l := broken{&pipes{nil, make(chan struct{})}}
	if err := Serve(t.Context(), l, http.NotFoundHandler()); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}
