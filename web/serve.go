package web

import (
	"context"
	"net"
	"net/http"
	"time"
)

// grace is how long requests may go on when the server stops.
const grace = 500 * time.Millisecond

// Serve answers requests at l until ctx ends, closes l, and returns within a
// second: nil then, or the error that ended it before.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		shutdown(server)
	})
	err := server.Serve(l)
	if stop() {
		server.Close()
		return err
	}
	<-stopped
	return nil
}

// shutdown lets requests end, and cuts off those that do not.
func shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}
