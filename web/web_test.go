package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tare/stream"
)

// running is a pipeline that is well.
func running() stream.Status {
	return stream.Status{Pipeline: "plant-7", Revision: 2, Topic: "sensors.raw", Phase: stream.Normalizing, Ready: true,
		Partitions: []stream.PartitionStatus{{Partition: 3, Phase: stream.Normalizing, Next: 40, End: 100}, {Partition: 4, Phase: stream.Fitting, End: -1}}}
}

// server returns the handler of a pipeline with the given status.
func server(t *testing.T, s stream.Status) http.Handler {
	t.Helper()
	var m stream.Monitor
	m.Update(func(to *stream.Status) { *to = s })
	up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tare_test", Help: "Of the test."})
	h, err := New(&m, Options{Listen: "plant.example:8477", Collectors: []prometheus.Collector{up}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path, host string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+path, nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	return ask(h, "GET", path, "localhost:8477")
}

func TestPaths(t *testing.T) {
	h := server(t, running())
	for _, c := range []struct {
		path, kind string
		code       int
		holds      []string
	}{
		{"/", "text/html; charset=utf-8", 200, []string{"plant-7, revision 2", "normalizing, ready", `href="/metrics"`, `href="/api/status"`, "<td>60</td>", "<td>unknown</td>"}},
		{"/api/status", "application/json", 200, []string{`"pipeline": "plant-7"`, `"lag": 60`}},
		{"/healthz", "text/plain; charset=utf-8", 200, []string{"ok\n"}},
		{"/readyz", "text/plain; charset=utf-8", 200, []string{"ready\n"}},
		{"/metrics", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", 200, []string{"tare_test 0", "go_goroutines ", "process_cpu_seconds_total "}},
		{"/other", "text/plain; charset=utf-8", 404, nil},
		{"/api/status/", "text/plain; charset=utf-8", 404, nil},
	} {
		w := get(h, c.path)
		if w.Code != c.code || w.Header().Get("Content-Type") != c.kind {
			t.Errorf("%s: got %d %s, want %d %s", c.path, w.Code, w.Header().Get("Content-Type"), c.code, c.kind)
		}
		for _, text := range c.holds {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s lacks %q:\n%s", c.path, text, w.Body)
			}
		}
	}
}

// TestPagePass shows the late and the rejected of the pass that a partition is in.
func TestPagePass(t *testing.T) {
	s := running()
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.Fit.LateTrain, p.Fit.Rejected[1] = 11, 12
		p.Normalize.Late, p.Normalize.Rejected[1] = 21, 22
	}
	page := get(server(t, s), "/").Body.String()
	for _, cells := range []string{"<td>21</td><td>22</td>", "<td>11</td><td>12</td>"} {
		if strings.Count(page, cells) != 1 {
			t.Errorf("the page lacks %s:\n%s", cells, page)
		}
	}
}

func TestHealthAndReadiness(t *testing.T) {
	for _, c := range []struct {
		name          string
		status        stream.Status
		healthy       int
		ready         int
		health, readi string
	}{
		{"starting", stream.Status{Phase: stream.Starting}, 200, 503, "ok", "not ready: starting"},
		{"ready", stream.Status{Phase: stream.Fitting, Ready: true}, 200, 200, "ok", "ready"},
		{"failed", stream.Status{Phase: stream.Stopped, Error: "offsets 3 to 7 are gone"}, 503, 503, "failed: offsets 3 to 7 are gone", "not ready: stopped"},
	} {
		h := server(t, c.status)
		if w := get(h, "/healthz"); w.Code != c.healthy || strings.TrimSpace(w.Body.String()) != c.health {
			t.Errorf("%s: /healthz: got %d %q, want %d %q", c.name, w.Code, w.Body, c.healthy, c.health)
		}
		if w := get(h, "/readyz"); w.Code != c.ready || strings.TrimSpace(w.Body.String()) != c.readi {
			t.Errorf("%s: /readyz: got %d %q, want %d %q", c.name, w.Code, w.Body, c.ready, c.readi)
		}
	}
}

// TestStatusReadsBack is what tare status and scripts rely on.
func TestStatusReadsBack(t *testing.T) {
	var s stream.Status
	if err := json.Unmarshal(get(server(t, running()), "/api/status").Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Pipeline != "plant-7" || len(s.Partitions) != 2 || s.Partitions[0].Lag() != 60 {
		t.Errorf("got %+v", s)
	}
}

func TestMethods(t *testing.T) {
	h := server(t, running())
	for _, path := range []string{"/", "/api/status", "/healthz", "/readyz", "/metrics"} {
		if w := ask(h, "HEAD", path, "localhost"); w.Code != 200 {
			t.Errorf("HEAD %s: got %d, want 200", path, w.Code)
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			if w := ask(h, method, path, "localhost"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: got %d, Allow %q, want 405", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
	}
}

func TestHosts(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	h := server(t, running())
	for host, code := range map[string]int{
		"localhost": 200, "localhost:8477": 200, "LOCALHOST:1": 200,
		"127.0.0.1:8477": 200, "[::1]:8477": 200, "[::1]": 200, "::1": 200, "10.1.2.3:8477": 200,
		"plant.example:8477": 200, "Plant.Example": 200, machine + ":8477": 200,
		"": 421, "evil.example": 421, "evil.example:8477": 421, "localhost.evil.example": 421,
		"127.0.0.1.evil.example": 421, "plant.example.evil": 421, "x@localhost": 421, "localhost:": 200,
	} {
		for _, path := range []string{"/", "/metrics", "/api/status", "/nothing"} {
			want := code
			if path == "/nothing" && code == 200 {
				want = 404
			}
			if w := ask(h, "GET", path, host); w.Code != want {
				t.Errorf("host %q, %s: got %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

// TestHeaders wants them on every answer, also on refusals.
func TestHeaders(t *testing.T) {
	h := server(t, running())
	for _, w := range []*httptest.ResponseRecorder{get(h, "/"), get(h, "/metrics"), get(h, "/nothing"), ask(h, "POST", "/", "localhost"), ask(h, "GET", "/", "evil.example")} {
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%d: Content-Security-Policy is %q", w.Code, policy)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d: headers %v", w.Code, w.Header())
		}
	}
}

// TestNames shows names of any content as text.
func TestNames(t *testing.T) {
	const attack = `"><script>alert(1)</script>&`
	s := running()
	s.Pipeline, s.Topic, s.Artifact, s.Error = attack, attack, attack, attack
	s.Phase, s.Partitions[0].Phase = attack, attack
	h := server(t, s)
	page := get(h, "/").Body.String()
	if strings.Contains(page, "<script") || strings.Count(page, "&lt;script&gt;alert(1)&lt;/script&gt;") != 8 {
		t.Errorf("the page holds a name as it came:\n%s", page)
	}
	if w := get(h, "/api/status"); strings.Contains(w.Body.String(), "<script") {
		t.Errorf("the status holds a name as it came:\n%s", w.Body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if w := get(h, path); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s is %s", path, w.Header().Get("Content-Type"))
		}
	}
	if w := ask(h, "GET", "/", attack); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("a refusal is %s", w.Header().Get("Content-Type"))
	}
}

func TestCollectorTwice(t *testing.T) {
	up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tare_test", Help: "Of the test."})
	if _, err := New(&stream.Monitor{}, Options{Collectors: []prometheus.Collector{up, up}}); err == nil {
		t.Error("no error")
	}
}
