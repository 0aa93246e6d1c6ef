package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/internal/broker"
	"tare/internal/coord"
	"tare/stream"
)

func (a *app) freeze() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "freeze -c CONFIG",
		Short: "Seal every partition now: what a running pipeline has learned becomes the artifact",
		Long: `freeze asks the running pipeline, through its control topic, to end the training
stretch of each partition that has not sealed yet: at the end that the topic has
now. The request is durable: a pipeline that is not running finds it when it is
started. It returns when the request is written.`,
		Example: `  tare freeze -c plant.yaml`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runFreeze(cmd.Context(), path) },
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file")
	return cmd
}

// loadTopic reads a configuration whose source is a topic.
func loadTopic(path string) (*config.Config, error) {
	if path == "" {
		return nil, usagef("which configuration? -c FILE.yaml")
	}
	c, err := load(path)
	if err == nil && c.Source.Kafka == nil {
		err = usagef("%s has no source.kafka: only a pipeline on a topic goes on and can be asked", path)
	}
	return c, err
}

func (a *app) runFreeze(ctx context.Context, path string) error {
	c, err := loadTopic(path)
	if err == nil && c.Inverse {
		err = learnsNothing(path)
	}
	if err != nil {
		return err
	}
	client, err := a.contact(ctx, c.Source.Kafka)
	if err != nil {
		return err
	}
	defer client.Close()
	control := coord.Topic(c.Pipeline, c.Revision)
	log, err := coord.Follow(ctx, client, control)
	if missing, ok := errors.AsType[*broker.MissingTopicError](err); ok {
		return fmt.Errorf("the cluster has no control topic %q of pipeline %s revision %d: has tare run been started?", missing.Topic, c.Pipeline, c.Revision)
	}
	if err != nil {
		return err
	}
	defer log.Close()
	if have := log.State().Artifact; have != nil {
		return fmt.Errorf("pipeline %s revision %d is frozen already, into artifact %s: raise revision to learn anew", c.Pipeline, c.Revision, have.ID)
	}
	topic, err := client.Topic(ctx, c.Source.Kafka.Topic)
	if err != nil {
		return err
	}
	ends := map[int32]int64{}
	for p := range topic.Partitions() {
		end, err := client.Offsets(ctx, topic.Name, []int32{p}, broker.Latest)
		if err != nil {
			return err
		}
		ends[p] = end[0]
	}
	if err := coord.RequestFreeze(ctx, client, control, coord.Freeze{Ends: ends}); err != nil {
		return err
	}
	a.say("asked: %s seal at the end of %s", plural(len(ends), "partition", "partitions"), topic.Name)
	return nil
}

func (a *app) status() *cobra.Command {
	var path, address string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [-c CONFIG | --address HOST:PORT]",
		Short: "How a running pipeline is doing",
		Long: `status asks the process that runs a pipeline, at the address where its
configuration makes it listen, and prints phase, lag and counts. Exit code 1: it
does not answer, or has failed.`,
		Example: `  tare status -c plant.yaml
  tare status --address localhost:8477 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runStatus(cmd.Context(), path, address, asJSON)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file")
	cmd.Flags().StringVar(&address, "address", "", "where the pipeline listens (default: the configuration's http.listen)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *app) runStatus(ctx context.Context, path, address string, asJSON bool) error {
	if address == "" {
		c, err := loadTopic(path)
		if err != nil {
			return err
		}
		if address = c.HTTP.Listen; address == "" {
			return usagef("http.listen is off: the pipeline cannot be asked; look at its log")
		}
	}
	text, err := ask(ctx, "http://"+address+"/api/status")
	if err != nil {
		return err
	}
	if asJSON {
		_, err := a.stdout.Write(text)
		return err
	}
	var s stream.Status
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s answers with no status: %w", address, err)
	}
	return a.printStatus(&s)
}

func ask(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, usageError{err}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w; is the pipeline running?", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 64<<20))
}

func (a *app) printStatus(s *stream.Status) error {
	fmt.Fprintf(a.stdout, "pipeline %s, revision %d: %s\n", s.Pipeline, s.Revision, s.Phase)
	if s.Artifact != "" {
		fmt.Fprintf(a.stdout, "artifact %s\n", s.Artifact)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "partition\tnext\tlag\tcommitted\tlearned\tlate *\trejected *\twritten\tdead letters\t\n")
	for i := range s.Partitions {
		p := &s.Partitions[i]
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", p.Partition, p.Next, p.Lag(), p.Committed, p.Fit.Train,
			p.Late(), p.Rejected(), p.Normalize.Written, p.Normalize.Buried)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "* of the pass that the partition is in")
	if s.Error != "" {
		return fmt.Errorf("the pipeline has failed: %s", s.Error)
	}
	return nil
}
