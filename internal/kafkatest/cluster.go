// Package kafkatest gives tests a Kafka cluster, and an opinion that does not
// come from tare's own client: everything here goes through franz-go or Kafka's
// own tools.
//
// [Fake] is a cluster within the process. [Real] is Apache Kafka; it skips the
// test unless TARE_KAFKA_TEST=1, and uses the cluster at TARE_KAFKA=host:port if
// there is one. An [Oracle] tells whether an output topic holds each source
// record once and in order.
package kafkatest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Options say what a real cluster is like. One that asks for nothing may be
// shared with other tests.
type Options struct {
	Nodes int      // 0 is 1
	SASL  bool     // with listeners for TLS: one for user tare, password secret, and one for clients with a certificate
	Set   []string // settings of the brokers, KEY=VALUE
	Own   bool     // not shared, for tests that end nodes
}

// A Cluster is a Kafka cluster for the length of one test. Topics may be those
// of other tests too: Topic makes one that is not.
type Cluster struct {
	Brokers []string // host:port

	// With Options.SASL: the listeners for TLS and SASL, and those for TLS with a
	// client's certificate, host:port; and PEM files: the authority to trust
	// there, a client's certificate and its key.
	Secure, Mutual            []string
	CA, ClientCert, ClientKey string

	Fake *kfake.Cluster // nil for a real one

	dir string // of kafka.sh; empty if the cluster is not ours
}

// Fake starts a cluster within the process, which ends with the test.
func Fake(t testing.TB, options ...kfake.Opt) *Cluster {
	t.Helper()
	fake, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return &Cluster{Brokers: fake.ListenAddrs(), Fake: fake}
}

// Real starts Apache Kafka, which ends with the test or with its process,
// whichever comes first, and leaves nothing behind.
func Real(t testing.TB, o Options) *Cluster {
	t.Helper()
	if os.Getenv("TARE_KAFKA_TEST") != "1" {
		t.Skip("needs Apache Kafka: make kafka-jars, then make kafka-test or TARE_KAFKA_TEST=1")
	}
	if shared := os.Getenv("TARE_KAFKA"); shared != "" && o.shared() {
		return &Cluster{Brokers: strings.Split(shared, ",")}
	}
	// Not t.TempDir: the guard of kafka.sh may remove it first.
	dir, err := os.MkdirTemp("", "tare-kafka.")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{dir: dir}
	t.Cleanup(func() { c.script(t, "wipe") })
	c.Brokers = strings.Split(c.script(t, o.start()...), ",")
	if o.SASL {
		c.Secure, c.Mutual = above(t, c.Brokers, 201), above(t, c.Brokers, 301)
		c.CA, c.ClientCert, c.ClientKey = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	}
	return c
}

func (o *Options) shared() bool { return o.Nodes <= 1 && !o.SASL && len(o.Set) == 0 && !o.Own }

func (o *Options) start() []string {
	args := []string{"start", "--owner", strconv.Itoa(os.Getpid()), "--nodes", strconv.Itoa(max(1, o.Nodes))}
	if o.SASL {
		args = append(args, "--sasl")
	}
	for _, s := range o.Set {
		args = append(args, "--set", s)
	}
	return args
}

// above returns the listeners so many ports above the plain ones.
func above(t testing.TB, brokers []string, ports int) (list []string) {
	for _, b := range brokers {
		host, port, err := net.SplitHostPort(b)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, net.JoinHostPort(host, strconv.Itoa(n+ports)))
	}
	return list
}

// Kill ends a node, counted from 1, with SIGKILL.
func (c *Cluster) Kill(t testing.TB, node int) { t.Helper(); c.script(t, "kill", strconv.Itoa(node)) }

// Term ends a node with SIGTERM and waits for its end.
func (c *Cluster) Term(t testing.TB, node int) { t.Helper(); c.script(t, "term", strconv.Itoa(node)) }

// Resume starts a node again on its log and waits until it is ready.
func (c *Cluster) Resume(t testing.TB, node int) {
	t.Helper()
	c.script(t, "resume", strconv.Itoa(node))
}

// script runs kafka.sh and returns its standard output.
func (c *Cluster) script(t testing.TB, args ...string) string {
	t.Helper()
	if c.dir == "" {
		t.Fatalf("kafka.sh %s: the cluster is not this test's own: ask for Options.Own", args[0])
	}
	cmd := exec.Command(scriptPath(t), args...)
	cmd.Env = append(os.Environ(), "KAFKA_DIR="+c.dir)
	return strings.TrimSuffix(output(t, cmd), "\n")
}

// Tool returns a command that runs one of Kafka's own tools, by the name of its
// class in org.apache.kafka.tools.
func Tool(t testing.TB, class string, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(scriptPath(t), append([]string{"tool", class}, args...)...)
}

// output runs a command and returns its standard output.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, complaint.String())
	}
	return string(out)
}

// scriptPath finds kafka.sh above the folder that the test runs in.
func scriptPath(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "kafkatest", "kafka.sh")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatal("kafkatest/kafka.sh is in no folder above this one")
	return ""
}

// patience is how long a helper waits for the cluster before the test fails. A
// node that comes back after SIGKILL takes 15 s.
const patience = time.Minute

// dial returns a client that knows nothing of topics from before, for one task,
// and the time it has. done ends both.
func (c *Cluster) dial(t testing.TB, options ...kgo.Opt) (ctx context.Context, client *kgo.Client, done func()) {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(c.Brokers...))...)
	if err != nil {
		t.Fatal(err)
	}
	// Not t.Context, which has ended when a Cleanup runs.
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience,
		fmt.Errorf("the cluster did not do it within %v", patience))
	return ctx, client, func() { client.Close(); cancel() }
}
