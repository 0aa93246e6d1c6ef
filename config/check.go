package config

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// check reports what no key can tell alone. Keys that have problems of their own
// are left out of it.
func (r *reader) check(c *Config) {
	r.checkPaths(c)
	r.checkFields(c)
	r.checkFeatures(c)
	r.checkRoles(c)
	r.checkArrays(c)
	r.checkWhiten(c)
	r.checkLabels(c)
	r.checkAlone(c)
	r.checkBinary(c)
	r.checkCutoff(c)
	r.checkSplits(c)
	if c.Inverse {
		r.checkInverse(c)
	} else {
		r.checkOutput(c)
	}
	r.checkSource(c)
	r.checkTopics(c)
	r.checkCluster(c)
}

// checkPaths refuses inputs that stand twice and outputs that overwrite an input
// or each other.
func (r *reader) checkPaths(c *Config) {
	const paths = "source.file.paths"
	seen := map[string]int{}
	for i, p := range c.Source.File.Paths {
		at := element(paths, i)
		if _, err := filepath.Match(p, ""); err != nil {
			r.problemAt(at, "%s is no valid pattern; a [ needs its ]", r.shownAt(at))
		}
		if first, twice := seen[p]; twice && p != "" {
			r.problemAt(at, "%s stands twice, first as %s", r.shownAt(at), element(paths, first))
		} else {
			seen[p] = i
		}
	}
	r.checkOverwrite(c, "sink.file.path", c.Sink.File.Path)
	r.checkOverwrite(c, "dead_letter.file.path", c.DeadLetter.File.Path)
	if c.DeadLetter.File.Path == "-" {
		r.problemAt("dead_letter.file.path", "is standard output, which is data; name a file")
		return
	}
	sink := c.Sink.File.Path
	if sink == "" {
		sink = "-"
	}
	if d := c.DeadLetter.File.Path; d != "" && filepath.Clean(d) == filepath.Clean(sink) {
		r.problemAt("dead_letter.file.path", "is where the output records go too")
	}
	if strings.Contains(c.DeadLetter.File.Path, "{split}") {
		r.problemAt("dead_letter.file.path", "{split} has no meaning here: a rejected record has no split")
	}
}

func (r *reader) checkOverwrite(c *Config, at, path string) {
	if path == "" || path == "-" {
		return
	}
	for i, p := range c.Source.File.Paths {
		if matched, _ := filepath.Match(filepath.Clean(p), filepath.Clean(path)); matched && p != "" {
			r.problemAt(at, "would overwrite an input: %s reads it", element("source.file.paths", i))
			return
		}
	}
}

// A use is a field and the key that reads it.
type use struct{ at, field string }

// uses lists the fields that are read, in the order of the file format.
func (r *reader) uses(c *Config) (series, time, features []use) {
	for i, f := range c.Record.Series.Fields {
		at := "record.series"
		if c.Record.Series.List {
			at = element(at, i)
		}
		series = append(series, use{at, f})
	}
	if f := c.Record.Time.Field; f != "" {
		time = []use{{"record.time.field", f}}
	}
	for i, f := range c.Features {
		features = append(features, use{r.closest(i, "field", "name"), f.Field})
	}
	return series, time, features
}

// closest is the path of the first of some keys that the file has for feature i,
// or of the feature itself.
func (r *reader) closest(i int, keys ...string) string {
	at := element("features", i)
	for _, k := range keys {
		if r.has(join(at, k)) {
			return join(at, k)
		}
	}
	return at
}

// checkFields refuses fields that cannot be read, alone or together.
func (r *reader) checkFields(c *Config) {
	if r.bad["record.format"] {
		return
	}
	series, time, features := r.uses(c)
	seen := map[string]bool{}
	for _, u := range series {
		if seen[u.field] {
			r.problemAt(u.at, "%s stands twice", r.shownAt(u.at))
		}
		seen[u.field] = true
	}
	r.checkSpecial(series, time, features)
	all := slices.Concat(series, time, features)
	readers := map[string]string{}
	for _, u := range all {
		if parts := split(c, u.field); parts != nil {
			r.checkPath(u, parts)
			readers[strings.Join(parts, "\x00")] = u.at
		}
	}
	for _, u := range all {
		parts := split(c, u.field)
		for n := 1; n < len(parts); n++ {
			if other := readers[strings.Join(parts[:n], "\x00")]; other != "" {
				r.problemAt(u.at, "lies within the field of %s, which cannot be a value and an object", other)
			}
		}
	}
}

func (r *reader) checkPath(u use, parts []string) {
	if slices.Contains(parts, "") {
		r.problemAt(u.at, `has an empty key in the path %s; \. is a dot within a key`, r.shownAt(u.at))
	}
	if parts[0] == "_tare" {
		r.problemAt(u.at, "_tare is the mark of records that are normalized already")
	}
}

// checkSpecial refuses $key and $timestamp where they are neither a part of the
// series nor the time.
func (r *reader) checkSpecial(series, time, features []use) {
	refuse := func(special, only string, list []use) {
		for _, u := range list {
			if u.field == special {
				r.problemAt(u.at, `%s of a Kafka record can be the %s only; in JSON \%[1]s is the field of that name`, special, only)
			}
		}
	}
	refuse(KeyField, "series", slices.Concat(time, features))
	refuse(TimestampField, "time", slices.Concat(series, features))
	if len(time) > 0 && time[0].field == TimestampField && r.has("record.time.layout") {
		r.problemAt("record.time.layout", "the timestamp of a Kafka record needs none; leave it out")
	}
}

// escapes undoes those of a path but keeps its keys apart from dots within them.
var escapes = strings.NewReplacer(`\\`, `\`, `\.`, "\x00", `\$`, "$")

// split cuts the path of a field at its dots; CSV has none.
func split(c *Config, field string) []string {
	switch {
	case field == "":
		return nil
	case c.Record.Format == "csv":
		return []string{field}
	}
	parts := strings.Split(escapes.Replace(field), ".")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "\x00", ".")
	}
	return parts
}

// checkFeatures refuses features that are not told apart, in the output either,
// and options that give no number.
func (r *reader) checkFeatures(c *Config) {
	series, time, features := r.uses(c)
	seen, fields := map[string]int{}, map[string]string{}
	for _, u := range slices.Concat(series, time) {
		fields[u.field] = u.at
	}
	for i, f := range c.Features {
		name, field := r.closest(i, "name"), features[i].at
		first, twice := seen[f.Name]
		other, taken := fields[f.Field]
		switch {
		case twice && f.Name != "":
			r.problemAt(name, "a second feature of this name, after %s", element("features", first))
		case f.Name == "series" && f.Field == "":
			r.problemAt(name, "the artifact keeps this name for the names of the series; choose another")
		case f.Name == "series" && c.Output.Value != "features":
			r.problemAt(name, "the artifact keeps this name for the names of the series; write {name: ..., field: %s}", f.Field)
		case taken && f.Field != "" && c.Output.Value == "replace" && !r.bad["output.value"]:
			r.problemAt(field, "is also read by %s, and output.value: replace has one place for it; write output: {value: features}", other)
		}
		seen[f.Name], fields[f.Field] = i, field
		at := element("features", i)
		if q := f.Scaler.QuantileRange; f.Scaler.UnitVariance && q != nil && !(0 < q[0] && q[0] < q[1] && q[1] < 100) {
			r.problemAt(at+".quantile_range", "unit_variance needs 0 < low < high < 100")
		}
		if p := slices.IndexFunc(f.Pre, emptyClip); p >= 0 {
			r.problemAt(at+".pre", "clip needs min < max")
		}
	}
}

func emptyClip(p Pre) bool { return p.Min != nil && p.Max != nil && *p.Min >= *p.Max }

func (r *reader) checkCutoff(c *Config) {
	if c.Cutoff.EventTime.IsZero() {
		return
	}
	if !r.has("record.time") && !r.bad["record"] {
		r.problemAt("cutoff.event_time", "needs record.time, the event time of a record")
	}
	first := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	if c.Cutoff.EventTime.Sub(first) < c.Cutoff.Gap {
		r.problemAt("cutoff.gap", "reaches back beyond the year 1678")
	}
	if o := c.Cutoff.OutOfOrderness; o != Unbounded && last.Sub(c.Cutoff.EventTime) < o {
		r.problemAt("cutoff.out_of_orderness", "reaches beyond the year 2261")
	}
}

// maxSplits is how many splits there may be: each may have a topic of its own.
const maxSplits = 64

// checkSplits refuses splits that do not follow each other behind the cutoff.
func (r *reader) checkSplits(c *Config) {
	if len(c.Splits) == 0 || r.bad["cutoff"] {
		return
	}
	if c.Cutoff.EventTime.IsZero() {
		if !r.bad["cutoff.event_time"] {
			r.problemAt("splits", "needs cutoff.event_time: splits are stretches of event time behind it")
		}
		return
	}
	if len(c.Splits) > maxSplits {
		r.problemAt("splits", "%d splits, want at most %d", len(c.Splits), maxSplits)
	}
	seen := map[string]string{"train": "the cutoff", "gap": "the cutoff", "live": "the cutoff"}
	after, since := c.Cutoff.EventTime, "cutoff.event_time"
	for i, s := range c.Splits {
		at := element("splits", i)
		if first := seen[s.Name]; first != "" {
			r.problemAt(at+".name", "%s is a split by %s already; give it another name", s.Name, first)
		}
		if s.Name != "" {
			seen[s.Name] = at
		}
		switch until := at + ".until"; {
		case r.bad[until]:
		case s.Until.IsZero() && i < len(c.Splits)-1:
			r.problemAt(at, "needs until: only the last split goes on for ever")
		case s.Until.IsZero():
		case !s.Until.After(after):
			r.problemAt(until, "is not after %s, where the split begins", since)
		default:
			after, since = s.Until, until
		}
	}
}

// outputNames are members of output.value: features that no feature can have.
var outputNames = []string{"series", "time", "split", "_tare"}

func (r *reader) checkOutput(c *Config) {
	o := c.Output
	if c.Normalize.UnknownSeries == "dead_letter" && !r.has("dead_letter") {
		r.problemAt("normalize.unknown_series", "dead_letter needs the key dead_letter")
	}
	if r.bad["output.value"] {
		return
	}
	if o.Value == "features" {
		for i, f := range c.Features {
			if slices.Contains(outputNames, f.Name) {
				r.problemAt(r.closest(i, "name"), "output.value: features has a member of that name itself; give the feature another name")
			}
		}
	}
	r.checkPacked(c)
	if o.Value == "vector" && c.Normalize.UnknownSeries == "passthrough" {
		r.problemAt("normalize.unknown_series", "passthrough writes the record as it came, which has no place among vectors")
	}
}

// shownAt is what stands in the file at a path, as messages show it.
func (r *reader) shownAt(path string) string { return shown(r.places[path].value) }
