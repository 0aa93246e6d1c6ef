package config

import "strings"

// This file holds what belongs to targets, and to taking predictions of them back.

// checkRoles refuses targets that would be made up.
func (r *reader) checkRoles(c *Config) {
	for i, f := range c.Features {
		if at := join(element("features", i), "impute"); f.Role == "target" && r.has(at) {
			r.problemAt(at, "a target is never imputed, for a model would learn what was made up; leave it out")
		}
	}
}

// checkInverse refuses what has no meaning where records are taken back: what
// decides how they are normalized, and what a record in its units does not have.
func (r *reader) checkInverse(c *Config) {
	fresh := Default()
	n, o := c.Normalize, c.Output
	for _, k := range []struct {
		at     string
		set    bool
		reason string
	}{
		{"normalize.emit", n.Emit != fresh.Normalize.Emit, "every record goes out"},
		{"normalize.unknown_series", n.UnknownSeries != fresh.Normalize.UnknownSeries, "a record of a series that was not learned goes out as it came"},
		{"normalize.min_samples", n.MinSamples != fresh.Normalize.MinSamples, "nothing is learned"},
		{"output.dtype", o.Dtype != fresh.Output.Dtype, "numbers in their units are written in full"},
		{"output.missing", o.Missing != fresh.Output.Missing, "a missing value stays as it is"},
		{"output.meta", o.Meta != fresh.Output.Meta, "the mark is taken off"},
		{"output.value", o.Value == "vector", "the numbers of a vector name no series; write replace or features, as the records were written"},
		{"sink.file.path", c.Source.Kafka != nil && strings.Contains(c.Sink.File.Path, "{split}"), "{split} has no meaning here: a prediction has no split"},
		{"sink.kafka.topic", c.Sink.Kafka != nil && strings.Contains(c.Sink.Kafka.Topic, "{split}"), "{split} has no meaning here: a prediction has no split"},
	} {
		if k.set && !r.bad[k.at] {
			r.problemAt(k.at, "with inverse %s", k.reason)
		}
	}
}
