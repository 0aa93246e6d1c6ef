// Package web shows a running pipeline over HTTP: metrics, health, status and a
// page for people. Nothing can be changed through it, so it asks for no
// password; who must not see numbers must not reach its port.
package web

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tare/stream"
)

// Options say what New shows, and to whom.
type Options struct {
	// Listen is the address listened on. Its host is one that requests may name;
	// see New.
	Listen string
	// Collectors are shown at /metrics beside those of Go and the process.
	Collectors []prometheus.Collector
}

// New returns a handler of GET and HEAD requests for these paths:
//
//	/            a page with the phase and lag of each partition
//	/api/status  the Status of m as JSON; names are added, never changed
//	/healthz     200, but 503 once the pipeline has failed
//	/readyz      200 while the pipeline is ready, else 503
//	/metrics     for Prometheus
//
// The Host header must be localhost, an IP address, the host of o.Listen or the
// name of this machine. Others are refused: a web site may point its own name at
// this server (DNS rebinding) and have a visitor's browser read it.
//
// It fails if two collectors have a metric in common.
func New(m *stream.Monitor, o Options) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, c := range o.Collectors {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	// The default gatherer holds what the library registers there: the collectors
	// of Go and of the process.
	all := prometheus.Gatherers{registry, prometheus.DefaultGatherer}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	for path, show := range map[string]func(http.ResponseWriter, stream.Status){
		"/{$}": newPage(), "/api/status": status, "/healthz": health, "/readyz": readiness,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { show(w, m.Status()) })
	}
	return guard(mux, names(o.Listen)), nil
}

// names returns the names of this server.
func names(listen string) []string {
	all := []string{"localhost"}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		all = append(all, strings.ToLower(host))
	}
	if host, err := os.Hostname(); err == nil {
		all = append(all, strings.ToLower(host))
	}
	return all
}

// guard refuses requests for other hosts and sets the headers that keep a
// browser from doing anything with an answer but showing it.
func guard(next http.Handler, names []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if !known(r.Host, names) {
			http.Error(w, fmt.Sprintf("host %q is not this server: ask for localhost, an IP address, the host of http.listen or the name of this machine", r.Host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// known reports whether a Host header names this server.
func known(header string, names []string) bool {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	_, err = netip.ParseAddr(host)
	return err == nil || slices.Contains(names, strings.ToLower(host))
}

func status(w http.ResponseWriter, s stream.Status) {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(text, '\n'))
}

func health(w http.ResponseWriter, s stream.Status) {
	if s.Error != "" {
		http.Error(w, "failed: "+s.Error, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func readiness(w http.ResponseWriter, s stream.Status) {
	if !s.Ready {
		http.Error(w, fmt.Sprintf("not ready: %s", s.Phase), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}
