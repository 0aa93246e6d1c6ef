package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tare/config"
	"tare/record"
	"tare/schema"
	"tare/stream"
)

// A guess is what the flags of fit say in place of a configuration.
type guess struct {
	series, time, cutoff, format string
}

// sampleRecords is how many records are looked at to find the numeric fields.
const sampleRecords = 1000

// guessConfig makes a configuration from the flags and the first records.
func (a *app) guessConfig(g *guess, paths []string) (*config.Config, error) {
	c := config.Default()
	c.Pipeline = pipelineName(paths[0])
	c.Source.File.Paths = paths
	c.Record.Format = formatOf(g.format, paths[0])
	if err := oneOf("format", c.Record.Format, []string{string(schema.JSON), string(schema.CSV)}); err != nil {
		return nil, err
	}
	if g.series != "" {
		c.Record.Series.Fields = strings.Split(g.series, ",")
		c.Record.Series.List = len(c.Record.Series.Fields) > 1
	}
	sample, err := a.sample(paths[0], schema.Format(c.Record.Format), reach{records: sampleRecords})
	if err != nil {
		return nil, err
	}
	sample.time = g.time
	if err := sample.readable(paths[0], c.Record.Format); err != nil {
		return nil, err
	}
	if err := g.cut(c, sample); err != nil {
		return nil, err
	}
	if g.cutoff != "" {
		sample.keep(schema.Layout(c.Record.Time.Layout), c.Cutoff.EventTime.UnixNano())
	}
	for _, name := range sample.mixed() {
		a.say("field %s is left out: not all of its values are numbers", name)
	}
	for _, name := range sample.names {
		if f := sample.fields[name]; f.shape != nil {
			a.say("field %s is left out: it holds arrays, which a configuration (-c) takes as {name: %s, field: %s, shape: [%s]}", name, f.feature(), name, extents(f.shape))
		}
	}
	for _, field := range sample.numeric() {
		if field.name != g.time && !slices.Contains(c.Record.Series.Fields, field.name) {
			c.Features = append(c.Features, config.Feature{Name: unused(c.Features, field.feature()), Field: field.name, Scaler: config.NewScaler("standard")})
		}
	}
	if len(c.Features) == 0 {
		where := ""
		if g.cutoff != "" {
			where = " before the cutoff"
		}
		return nil, usagef("%s: no field holds numbers in its first %d records%s; a configuration (-c) names the features", paths[0], len(sample.rows), where)
	}
	return reparse(c)
}

// extents lists those of a shape as YAML.
func extents(shape []int) string { return strings.Trim(indexed(shape), "[]") }

// unused returns a name that no feature has yet: name, or name with a number.
func unused(features []config.Feature, name string) string {
	free := name
	for n := 2; slices.ContainsFunc(features, func(f config.Feature) bool { return f.Name == free }); n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	return free
}

// reparse puts a guessed configuration through the same checks as a written
// one.
func reparse(c *config.Config) (*config.Config, error) {
	return config.Parse("(guessed configuration)", c.YAML(), nil, nil)
}

// cut sets the cutoff and the layout of the event time.
func (g *guess) cut(c *config.Config, s *sample) error {
	if g.time != "" {
		layout, err := s.layout(g.time)
		if err != nil {
			return err
		}
		c.Record.Time = config.Time{Field: g.time, Layout: string(layout)}
	}
	if g.cutoff == "" {
		c.Cutoff.End = true
		return nil
	}
	if g.time == "" {
		return usagef("--cutoff needs --time, the field that holds the event time")
	}
	at, ok := record.ParseTime(schema.RFC3339, []byte(g.cutoff))
	if !ok {
		return usagef("--cutoff %q: want a date such as 2026-03-01, or RFC 3339", g.cutoff)
	}
	c.Cutoff.EventTime = time.Unix(0, at).UTC()
	return nil
}

// formatOf returns the format that is asked for, or that a name tells.
func formatOf(asked, path string) string {
	if asked != "" {
		return asked
	}
	path = strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".zst")
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		return string(schema.CSV)
	}
	return string(schema.JSON)
}

// pipelineName makes a pipeline's name of a file's.
func pipelineName(path string) string {
	if path == stream.Stdin {
		return "stdin"
	}
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(base))
	if name = strings.TrimLeft(name, "-_"); name == "" {
		return "pipeline"
	}
	return name[:min(len(name), 128)]
}
