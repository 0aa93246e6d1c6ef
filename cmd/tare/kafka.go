package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"tare/config"
	"tare/fit"
	"tare/internal/broker"
	"tare/internal/kafka"
	"tare/metrics"
	"tare/record"
	"tare/store"
	"tare/stream"
	"tare/web"
)

// clientOf connects to a cluster. notify is told of what is tried again; nil for
// nobody.
func clientOf(c *config.Cluster, notify func(what string, err error)) (*broker.Client, error) {
	security, err := tlsOf(c.TLS)
	if err != nil {
		return nil, usageError{err}
	}
	mechanism, err := saslOf(c.SASL)
	if err != nil {
		return nil, usageError{err}
	}
	return broker.New(broker.Config{Brokers: c.Brokers, ClientID: c.ClientID, TLS: security, SASL: mechanism, Notify: notify}), nil
}

func tlsOf(c *config.TLS) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	out := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: %s holds no certificate in PEM form", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("tls.cert and tls.key: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

func saslOf(c *config.SASL) (sasl.Mechanism, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Mechanism {
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, c.Username, c.Password.Reveal())
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, c.Username, c.Password.Reveal())
	}
	return plain.Mechanism{Username: c.Username, Password: c.Password.Reveal()}, nil
}

// contact connects to the cluster of a topic and waits for its first answer, for
// as long as a verb that ends may take.
func (a *app) contact(ctx context.Context, k *config.KafkaSource) (*broker.Client, error) {
	client, err := clientOf(&k.Cluster, a.retries())
	if err != nil {
		return nil, err
	}
	silence := fmt.Errorf("no answer within %v from %s: check source.kafka.brokers, and whether the cluster is up", a.patience, strings.Join(k.Brokers, ", "))
	ctx, cancel := context.WithTimeoutCause(ctx, a.patience, silence)
	defer cancel()
	if _, err := client.Topic(ctx, k.Topic); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

func startOf(s *config.Start) stream.Start {
	return stream.Start{At: stream.StartAt(s.At), Time: s.Time, Offsets: s.Offsets}
}

// openTopic opens what the topic of a configuration holds now; done closes it.
func (a *app) openTopic(ctx context.Context, c *config.Config) (source *stream.Topic, done func(), err error) {
	source, done, err = a.opened(ctx, c.Source.Kafka, func(client *broker.Client) (*stream.Topic, error) {
		return stream.OpenTopic(ctx, client, c.Source.Kafka.Topic, startOf(&c.Source.Kafka.Start))
	})
	if err == nil {
		source.OnGap = stream.OnGap(c.Normalize.OnGap)
	}
	return source, done, err
}

// openRanges opens what an artifact was learned from. What was gone then may be
// gone now.
func (a *app) openRanges(ctx context.Context, k *config.KafkaSource, m *store.Manifest) (source *stream.Topic, done func(), err error) {
	source, done, err = a.opened(ctx, k, func(client *broker.Client) (*stream.Topic, error) {
		return stream.OpenRanges(ctx, client, k.Topic, m.Ranges)
	})
	if err == nil && bool(m.Incomplete) {
		source.OnGap = stream.RecordOnGap
	}
	return source, done, err
}

// opened opens a topic over a connection of its own; done closes both.
func (a *app) opened(ctx context.Context, k *config.KafkaSource, open func(*broker.Client) (*stream.Topic, error)) (source *stream.Topic, done func(), err error) {
	client, err := a.contact(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	if source, err = open(client); err != nil {
		client.Close()
		return nil, nil, err
	}
	return source, func() { source.Close(); client.Close() }, nil
}

// pipelineOf returns the two passes over a topic.
func (a *app) pipelineOf(c *config.Config) (*stream.Pipeline, error) {
	plan := planOf(c)
	if err := plan.Validate(); err != nil {
		return nil, usageError{err}
	}
	return a.pipelineWith(c, plan)
}

// pipelineWith returns the passes over a topic whose records are those of a plan.
func (a *app) pipelineWith(c *config.Config, plan *fit.Plan) (*stream.Pipeline, error) {
	outputs, err := outputsOf(c)
	if err != nil {
		return nil, err
	}
	outputs.Stream = a.stdout
	monitor := new(stream.Monitor)
	say := a.retries()
	client, err := clientOf(&c.Source.Kafka.Cluster, func(what string, err error) {
		say(what, err)
		monitor.Update(func(s *stream.Status) {
			if s.Retries == nil {
				s.Retries = map[string]int64{}
			}
			verb, _, _ := strings.Cut(what, " ")
			s.Retries[verb]++
		})
	})
	if err != nil {
		return nil, err
	}
	return &stream.Pipeline{
		Identity:     identityOf(c),
		Plan:         plan,
		Client:       client,
		Topic:        c.Source.Kafka.Topic,
		Start:        startOf(&c.Source.Kafka.Start),
		OnGap:        stream.OnGap(c.Normalize.OnGap),
		NewDecoder:   decoders(&plan.Record, false),
		Idleness:     c.Cutoff.Idleness,
		MaxLate:      c.Cutoff.MaxLate,
		Dir:          c.State.Dir,
		Checkpoint:   c.State.Checkpoint,
		Replication:  outputs.Replication,
		FailOnReject: c.Normalize.OnError == store.OnErrorFail,
		Rejects:      a.rejects(),
		Outputs:      outputs,
		DeadLimit:    c.DeadLetter.Limit,
		Log:          slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{ReplaceAttr: noTime})),
		Monitor:      monitor,
	}, nil
}

// outputsOf returns the topics and files that a configuration writes to. Where it
// names none it is standard output, which is the caller's to give.
func outputsOf(c *config.Config) (o stream.Outputs, err error) {
	file, dead := c.Sink.File, c.DeadLetter.File
	o = stream.Outputs{ContinueFrom: file.ContinueFrom, DeadContinueFrom: dead.ContinueFrom,
		NewEncoder: func(m *store.Manifest, meta record.Meta) (record.Encoder, error) {
			out := outputOf(m)
			out.Meta = meta
			return encoderOf(m, out, nil)
		}}
	if k := c.Sink.Kafka; k != nil {
		o.Topics = outputNames(k.Topic, c)
		o.Replication, o.ContinueFrom = k.Replication, k.ContinueFrom
		if o.Codec, err = kafka.ParseCodec(k.Compression); err != nil {
			return o, err
		}
	} else {
		o.Files = outputNames(cmp.Or(file.Path, stream.Stdout), c)
	}
	o.DeadFile = outputNames(dead.Path, c)[0]
	if k := c.DeadLetter.Kafka; k != nil {
		o.Dead = outputNames(k.Topic, c)[0]
		o.Replication, o.DeadContinueFrom = cmp.Or(o.Replication, k.Replication), k.ContinueFrom
		o.DeadCodec, err = kafka.ParseCodec(k.Compression)
	}
	o.DeadContinueFrom = cmp.Or(o.DeadContinueFrom, o.ContinueFrom)
	return o, err
}

// outputNames returns the topics or files of the splits.
func outputNames(pattern string, c *config.Config) []string {
	names := splitsOf(c).Names()
	for i, split := range names {
		names[i] = strings.NewReplacer("{split}", split, "{revision}", strconv.Itoa(c.Revision)).Replace(pattern)
	}
	return names
}

// runTopic runs both passes over a topic until a signal comes.
func (a *app) runTopic(ctx context.Context, c *config.Config) error {
	p, err := a.pipelineOf(c)
	if err != nil {
		return err
	}
	return a.live(ctx, c, p, func() error {
		a.say("learning from %s up to the cutoff; what is learned goes to %s", p.Topic, p.ArtifactPath())
		artifact, err := p.Freeze(ctx)
		if err != nil {
			return err
		}
		a.say("%s: artifact %s; normalizing %s", p.ArtifactPath(), artifact.ID[:16], p.Topic)
		artifact.Manifest.Splits, artifact.Manifest.Output = p.Identity.Splits, p.Identity.Output
		artifact.Manifest.Output.Columns = artifact.Manifest.Columns
		return p.Normalize(ctx, artifact)
	})
}

// live runs the passes of a pipeline until they fail or a signal comes, shows
// their status meanwhile, and closes the pipeline's connections.
func (a *app) live(ctx context.Context, c *config.Config, p *stream.Pipeline, passes func() error) error {
	defer p.Client.Close()
	stop, err := a.serve(ctx, c.HTTP.Listen, p.Monitor)
	if err != nil {
		return err
	}
	defer stop()
	err = passes()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		a.say("stopped; the next start goes on from here")
		return nil
	}
	p.Monitor.Update(func(s *stream.Status) { s.Phase, s.Error = stream.Stopped, err.Error() })
	return err
}

// serve shows the status over HTTP until stop is called, unless listen is empty.
func (a *app) serve(ctx context.Context, listen string, m *stream.Monitor) (stop func(), err error) {
	if listen == "" {
		return func() {}, nil
	}
	handler, err := web.New(m, web.Options{Listen: listen, Collectors: []prometheus.Collector{metrics.New(m.Status)}})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w; choose another address, or off", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := web.Serve(ctx, l, handler); err != nil {
			a.say("http: %v", err)
		}
	}()
	a.say("status and metrics: http://%s", l.Addr())
	return func() { cancel(); <-done }, nil
}
