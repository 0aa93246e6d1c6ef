package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tare/internal/kafkatest"
)

// A door is a way into a cluster: an address, and what a configuration says of
// it.
type door struct{ broker, keys string }

func (d *door) source(topic string) string {
	return fmt.Sprintf("{kafka: {brokers: [%q], topic: %s, client_id: door%s}}", d.broker, topic, d.keys)
}

func withPassword(c *kafkatest.Cluster, mechanism, user, password string) door {
	return door{c.Secure[0], fmt.Sprintf(", tls: {ca: %q}, sasl: {mechanism: %s, username: %s, password: %q}", c.CA, mechanism, user, password)}
}

func withCertificate(c *kafkatest.Cluster) door {
	return door{c.Mutual[0], fmt.Sprintf(", tls: {ca: %q, cert: %q, key: %q}", c.CA, c.ClientCert, c.ClientKey)}
}

// Neither must ever be shown.
const rightPassword, wrongPassword = "secret", "qwertzuiop"

// TestSecureReal: by TLS and each SASL mechanism, and by a client's certificate,
// Apache Kafka lets tare run through to the end, and the artifact is the same
// each time. Who it does not let in is told so at once.
func TestSecureReal(t *testing.T) {
	c := kafkatest.Real(t, kafkatest.Options{SASL: true})
	t.Setenv("KAFKA_PASSWORD", rightPassword)
	t.Setenv("WRONG_PASSWORD", wrongPassword)
	id := ""
	for _, way := range []struct {
		name string
		door
	}{
		{"none", door{c.Brokers[0], ""}},
		{"PLAIN", withPassword(c, "plain", "tare", "${KAFKA_PASSWORD}")},
		{"SCRAM-SHA-256", withPassword(c, "scram-sha-256", "tare", "${KAFKA_PASSWORD}")},
		{"SCRAM-SHA-512", withPassword(c, "scram-sha-512", "tare", "${KAFKA_PASSWORD}")},
		{"mutual TLS", withCertificate(c)},
	} {
		t.Run(way.name, func(t *testing.T) {
			got := passThrough(t, c, &way.door)
			if id == "" {
				id = got
			}
			if got != id {
				t.Errorf("artifact %s, want %s", got, id)
			}
		})
	}
	unknownAuthority := withPassword(c, "plain", "tare", "${KAFKA_PASSWORD}")
	unknownAuthority.keys = strings.Replace(unknownAuthority.keys, c.CA, c.ClientCert, 1)
	for _, way := range []struct {
		name string
		door
		want string
	}{
		{"wrong PLAIN password", withPassword(c, "plain", "tare", "${WRONG_PASSWORD}"), "SASL Authentication Failed"},
		{"wrong SCRAM-SHA-256 password", withPassword(c, "scram-sha-256", "tare", "${WRONG_PASSWORD}"), "SASL Authentication Failed"},
		{"wrong SCRAM-SHA-512 password", withPassword(c, "scram-sha-512", "tare", "${WRONG_PASSWORD}"), "SASL Authentication Failed"},
		{"unknown user", withPassword(c, "scram-sha-512", "nobody", "${KAFKA_PASSWORD}"), "SASL Authentication Failed"},
		{"unknown authority", unknownAuthority, "unknown authority"},
		{"no certificate", door{c.Mutual[0], fmt.Sprintf(", tls: {ca: %q}", c.CA)}, "bad certificate"},
	} {
		t.Run(way.name, func(t *testing.T) { turnedAway(t, c, &way.door, way.want) })
	}
}

// passThrough takes the golden records through both passes and returns the
// artifact's id.
func passThrough(t *testing.T, c *kafkatest.Cluster, d *door) string {
	t.Helper()
	keep := map[string]string{"retention.ms": "-1"}
	in, out, dead := c.Topic(t, partitions, keep), c.Topic(t, partitions, keep), c.Topic(t, partitions, keep)
	defer c.DeleteTopic(t, "tare.golden.1")
	g := splitGolden(t)
	g.produce(t, c, in)
	w := workerWith(t, c, goldenConfig(t, d.source(in), fmt.Sprintf("{kafka: {topic: %s}}", out), fmt.Sprintf("{kafka: {topic: %s}}", dead)))
	run := w.launch()
	run.until(normalized(5000))
	run.stop()
	noSecret(t, run.stderr.String())
	n := 0
	for _, records := range append(c.Consume(t, out), c.Consume(t, dead)...) {
		n += len(records)
	}
	if n != 5000 {
		t.Errorf("%d records came out, want 5000", n)
	}
	return artifactAt(t, w.path("state/golden-1.npz")).ID
}

// turnedAway wants tare run to end at once with one line that says why.
func turnedAway(t *testing.T, c *kafkatest.Cluster, d *door, want string) {
	t.Helper()
	w := workerWith(t, c, goldenConfig(t, d.source("in"), "{kafka: {topic: out}}", "{kafka: {topic: dead}}"))
	cmd := exec.Command(w.binary, "run", "-c", "plant.yaml")
	cmd.Dir = w.dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	began := time.Now()
	err := cmd.Run()
	t.Logf("after %v: %s", time.Since(began), &stderr)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != exitFailure || time.Since(began) > 5*time.Second {
		t.Errorf("it ended with %v after %v, want exit 1 within 5 s", err, time.Since(began))
	}
	var said []string
	for line := range strings.Lines(stderr.String()) {
		if strings.HasPrefix(line, "tare: ") && !strings.Contains(line, "http://") {
			said = append(said, line)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], want) {
		t.Errorf("it says\n%s\nwant one line with %q", &stderr, want)
	}
	if stdout.Len() > 0 {
		t.Errorf("standard output: %s", &stdout)
	}
	noSecret(t, stderr.String())
}

// noSecret wants no password in what a process says, encoded or not.
func noSecret(t *testing.T, said string) {
	t.Helper()
	for _, password := range []string{rightPassword, wrongPassword} {
		for _, form := range []string{password, base64.StdEncoding.EncodeToString([]byte("\x00tare\x00" + password))} {
			if strings.Contains(said, form) {
				t.Errorf("it shows %q:\n%s", form, said)
			}
		}
	}
}
