package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tare/config"
	"tare/record"
	"tare/schema"
)

// A draft is a configuration in the making: what a sample of the source shows,
// and the reason for each choice.
type draft struct {
	config   *config.Config
	sample   *sample
	columns  map[string][]*cell // by field: the cell of each row, nil where it has none
	comments map[string]config.Comment
	leftOut  []string // a line for each field that is no feature
	odd      []string // features of which some values are no numbers
}

// draftOf guesses everything that the source of a configuration leaves open. The
// fields and their scalers are told from the records before the cutoff alone.
func draftOf(c *config.Config, s *sample) *draft {
	d := &draft{config: c, sample: s, comments: map[string]config.Comment{}}
	d.columns = s.columns()
	d.findTime()
	d.findSeries()
	d.cut()
	series := d.seriesOf()
	d.demand(series)
	for _, name := range s.names {
		if name != c.Record.Time.Field && !slices.Contains(c.Record.Series.Fields, name) {
			d.field(name, series)
		}
	}
	d.explain()
	return d
}

// columns arranges the cells of all rows by field.
func (s *sample) columns() map[string][]*cell {
	columns := map[string][]*cell{}
	for _, name := range s.names {
		columns[name] = make([]*cell, len(s.rows))
	}
	for i := range s.rows {
		for j := range s.rows[i].cells {
			c := &s.rows[i].cells[j]
			columns[c.name][i] = c
		}
	}
	return columns
}

// beside puts a comment behind the value of a key.
func (d *draft) beside(key, format string, args ...any) {
	c := d.comments[key]
	c.Beside = "# " + fmt.Sprintf(format, args...)
	d.comments[key] = c
}

// above puts a comment above a key.
func (d *draft) above(key, format string, args ...any) {
	c := d.comments[key]
	c.Above = remark(fmt.Sprintf(format, args...))
	d.comments[key] = c
}

// pageWidth is where the lines of comments above and below a key are broken.
const pageWidth = 100

// remark makes a comment of lines, broken at pageWidth; further lines of one are
// indented.
func remark(lines ...string) string {
	var text strings.Builder
	for _, line := range lines {
		width := 0
		for i, word := range strings.Fields(line) {
			switch {
			case i == 0:
				text.WriteString("# ")
			case width+len(word) > pageWidth:
				text.WriteString("\n#   ")
				width = 0
			default:
				text.WriteByte(' ')
			}
			text.WriteString(word)
			width += len(word) + 1
		}
		text.WriteByte('\n')
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// shown returns a name or value as a comment shows it.
func shown(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) || text == "" {
		return strconv.Quote(text)
	}
	return text
}

// Event times that a sample may have; others are numbers of another meaning.
var (
	firstTime = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	lastTime  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
)

// timeLayouts are those tried for texts that are not RFC 3339.
var timeLayouts = []schema.Layout{
	"2006-01-02 15:04", "2006/01/02 15:04:05", "2006/01/02 15:04", "20060102T150405Z0700",
	"02.01.2006 15:04:05", "02.01.2006 15:04", "01/02/2006 15:04:05", "02/01/2006 15:04:05", "01/02/2006 15:04", "02/01/2006 15:04",
	"01/02/2006", "02/01/2006", "02.01.2006", "02/Jan/2006:15:04:05 -0700", "Mon, 02 Jan 2006 15:04:05 GMT", time.RFC1123Z, time.ANSIC,
}

// findTime takes the field whose values are times and whose name says so best.
func (d *draft) findTime() {
	best := 0
	for _, name := range d.sample.names {
		layouts, number := layoutsOf(d.columns[name])
		rank := timeRank(name, number)
		if len(layouts) == 0 || rank <= best {
			continue
		}
		best = rank
		d.sample.time = name
		d.config.Record.Time = config.Time{Field: name, Layout: string(layouts[0])}
		if len(layouts) > 1 {
			d.beside("record.time", "CHECK: or is it %q? the sample fits both", layouts[1])
		}
	}
}

// layoutsOf returns the layouts that nine tenths of a column's values have, and
// whether they are numbers. There are two where day and month cannot be told apart.
func layoutsOf(column []*cell) (layouts []schema.Layout, number bool) {
	tried := timeLayouts
	for _, c := range column {
		if c == nil || c.missing {
			continue
		}
		number = c.number
		if layout, ok := layoutOf(c.text); ok {
			tried = []schema.Layout{layout}
		}
		break
	}
	for _, layout := range tried {
		if fits(column, layout) {
			layouts = append(layouts, layout)
		}
	}
	return layouts, number
}

// fits reports whether nine tenths of a column's values are times of a layout.
func fits(column []*cell, layout schema.Layout) bool {
	in, out := 0, 0
	for _, c := range column {
		if c == nil || c.missing {
			continue
		}
		if at, ok := record.ParseTime(layout, []byte(c.text)); ok && firstTime <= at && at < lastTime {
			in++
		} else if out++; 9*out > len(column) {
			return false
		}
	}
	return in > 9*out
}

// timeRank says how much a field with values that are times is the event time; 0
// is not at all.
func timeRank(name string, number bool) int {
	has := func(names ...string) bool {
		return slices.ContainsFunc(words(name), func(w string) bool { return slices.Contains(names, w) })
	}
	switch {
	case name == config.TimestampField:
		return 1
	case slices.Contains([]string{"ts", "t", "time", "timestamp", "datetime", "date time", "event time", "time stamp"}, strings.Join(words(name), " ")):
		return 5
	case has("timestamp", "time", "ts", "datetime"):
		return 4
	case has("date", "epoch", "at", "when", "day"):
		return 3
	case !number:
		return 2
	}
	return 0
}

// seriesWords are names of what has readings of its own; those of the smaller thing
// come first.
var seriesWords = []string{"series", "sensor", "channel", "tag", "signal", "probe", "mic", "camera", "device", "meter", "instrument",
	"pump", "fan", "motor", "engine", "turbine", "press", "vehicle", "machine", "asset", "equipment", "unit", "pod", "container", "instance",
	"host", "hostname", "server", "node", "service", "station", "symbol", "ticker", "metric", "measurement", "parameter", "variable", "quantity",
	"patient", "subject", "store", "item", "line", "room", "zone", "area", "location", "site", "plant", "building"}

// loneWords name a series, or what is no measurement at all; idWords besides them
// may stand behind a series word.
var (
	loneWords = []string{"id", "key", "name", "uid", "uuid", "serial"}
	idWords   = append([]string{"no", "nr", "num", "number"}, loneWords...)
)

// findSeries takes the fields whose names and repeated values say that they name
// the series: the one that stands for the smallest thing, and those that tell
// apart what it calls the same.
func (d *draft) findSeries() {
	var candidates []string
	for _, name := range d.sample.names {
		if seriesRank(name) >= 0 && d.names(name) {
			candidates = append(candidates, name)
		}
	}
	slices.SortStableFunc(candidates, func(a, b string) int { return cmp.Compare(seriesRank(a), seriesRank(b)) })
	for i, name := range candidates {
		fields := &d.config.Record.Series.Fields
		if i == 0 || len(*fields) < 3 && d.tellsApart(*fields, name) {
			*fields = append(*fields, name)
		}
	}
	d.config.Record.Series.List = len(d.config.Record.Series.Fields) > 1
}

// seriesRank is the place of a field's name among the names of series; -1 for none.
func seriesRank(name string) int {
	if name == config.KeyField {
		return 0
	}
	list := words(name)
	bare := slices.DeleteFunc(slices.Clone(list), func(w string) bool { return slices.Contains(idWords, w) })
	switch {
	case len(bare) > 0 && slices.Contains(seriesWords, bare[len(bare)-1]):
		return slices.Index(seriesWords, bare[len(bare)-1]) + 1
	case len(list) == 1 && slices.Contains(loneWords, list[0]):
		return len(seriesWords) + 1
	}
	return -1
}

// names reports whether the values of a field repeat, and are texts or whole
// numbers, with hardly any missing.
func (d *draft) names(name string) bool {
	column, seen, present := d.columns[name], map[string]bool{}, 0
	measure := slices.Equal(words(name), []string{"unit"}) // that of a measurement, where it is no number
	for i, c := range column {
		if c == nil || c.missing || c.shape != nil {
			continue
		}
		if _, whole := integer(c); c.number && !whole || measure && !whole || c.name == config.KeyField && d.sample.rows[i].cell(config.TimestampField) == nil {
			return false
		}
		present++
		seen[c.text] = true
	}
	return 10*present > 9*len(column) && (2*len(seen) <= present || len(column) < 4)
}

// integer returns the whole number that a cell holds.
func integer(c *cell) (int64, bool) {
	n, err := strconv.ParseInt(c.text, 10, 64)
	return n, c.number && err == nil
}

// tellsApart reports whether a further field divides the series that fields name,
// into ones that still repeat.
func (d *draft) tellsApart(fields []string, name string) bool {
	joined := joint(d.columns, append(slices.Clone(fields), name), len(d.sample.rows))
	before, after := distinct(joint(d.columns, fields, len(d.sample.rows))), distinct(joined)
	return after > before && 5*after <= len(joined)
}

// joint returns for each row the values of fields together.
func joint(columns map[string][]*cell, fields []string, rows int) []string {
	values := make([]string, rows)
	for i := range values {
		for _, name := range fields {
			if c := columns[name][i]; c != nil {
				values[i] += strconv.Quote(c.text)
			}
		}
	}
	return values
}

func distinct(values []string) int {
	seen := map[string]bool{}
	for _, v := range values {
		seen[v] = true
	}
	return len(seen)
}

// cut puts the cutoff at 70 % of the times of the sample, and leaves the records
// before it.
func (d *draft) cut() {
	c := &d.config.Cutoff
	var times []int64
	for _, cell := range d.columns[d.sample.time] {
		if cell == nil {
			continue
		}
		if at, ok := record.ParseTime(schema.Layout(d.config.Record.Time.Layout), []byte(cell.text)); ok && firstTime <= at && at < lastTime {
			times = append(times, at)
		}
	}
	slices.Sort(times)
	if len(times) == 0 || times[len(times)/100] == times[len(times)-1-len(times)/100] {
		c.End = true
		d.above("cutoff.end", "CHECK: all of the source is learned from; records: N in its place leaves some to test with.")
		return
	}
	from, to := times[len(times)/100], times[len(times)-1-len(times)/100] // a few may be off
	c.EventTime = round(from, to)
	beyond := ""
	if d.sample.more {
		beyond = "; the source goes on behind it"
	}
	d.above("cutoff.event_time", "CHECK: at 70 %% of the time from %s to %s, which has nearly all of the sample%s. Move it to where your training data end.",
		time.Unix(0, from).UTC().Format(time.RFC3339), time.Unix(0, to).UTC().Format(time.RFC3339), beyond)
	d.lateness()
	d.keep()
	if d.config.Record.Time.Field == config.TimestampField {
		d.config.Record.Time.Layout = ""
	}
}

// keep leaves the records before the cutoff.
func (d *draft) keep() {
	all := d.sample.names
	d.sample.keep(schema.Layout(d.config.Record.Time.Layout), d.config.Cutoff.EventTime.UnixNano())
	d.columns = d.sample.columns()
	for _, name := range all {
		if d.columns[name] == nil {
			d.omit(name, "in no record of the sample before the cutoff")
		}
	}
}

// round returns the time at 70 % of a range, rounded down by less than a hundredth of it.
func round(from, to int64) time.Time {
	at := time.Unix(0, from+(to-from)/10*7).UTC()
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second, time.Millisecond} {
		if time.Duration(to-from) >= 100*unit {
			return at.Truncate(unit)
		}
	}
	return at.Add(1)
}

// lateness allows records to come as late as the sample shows. A file is read to
// its end whatever it holds.
func (d *draft) lateness() {
	c := &d.config.Cutoff
	if d.config.Source.Kafka == nil {
		c.OutOfOrderness = config.Unbounded
		d.beside("cutoff.out_of_orderness", "a file is read to its end; for a topic: how late a record may come")
		return
	}
	newest, late := map[int32]int64{}, time.Duration(0)
	for i, cell := range d.columns[d.sample.time] {
		if cell == nil {
			continue
		}
		at, ok := record.ParseTime(schema.Layout(d.config.Record.Time.Layout), []byte(cell.text))
		if !ok || at < firstTime || at >= lastTime {
			continue
		}
		p := d.sample.rows[i].partition
		late = max(late, time.Duration(newest[p]-at))
		newest[p] = max(newest[p], at)
	}
	if late > c.OutOfOrderness {
		c.OutOfOrderness = late.Truncate(time.Hour) + time.Hour
		d.beside("cutoff.out_of_orderness", "CHECK: records of the sample come up to %v late", late.Round(time.Second))
	}
}

// seriesOf numbers the series of each row.
func (d *draft) seriesOf() []int {
	numbers, ids := make([]int, len(d.sample.rows)), map[string]int{}
	for i, name := range joint(d.columns, d.config.Record.Series.Fields, len(numbers)) {
		id, ok := ids[name]
		if !ok {
			id = len(ids)
			ids[name] = id
		}
		numbers[i] = id
	}
	return numbers
}

// demand asks for as many training records of a series as the sample can give.
func (d *draft) demand(series []int) {
	counts := map[int]int{}
	for _, id := range series {
		counts[id]++
		if counts[id] >= d.config.Normalize.MinSamples {
			return
		}
	}
	d.config.Normalize.MinSamples = 1
	d.beside("normalize.min_samples", "CHECK: no series of the sample has two records before the cutoff")
}

// explain puts the comments on what was found, and on what was not.
func (d *draft) explain() {
	c := d.config
	if len(d.odd) > 0 {
		c.Record.BadValue = string(schema.Missing)
		d.beside("record.bad_value", "some values of %s are no numbers, or too large: they are taken as missing", strings.Join(d.odd, ", "))
	}
	var above []string
	if len(c.Record.Series.Fields) == 0 {
		above = append(above, "No series: no field with a name such as sensor or device has values that repeat, so all records are one series. Else: series: FIELD")
	}
	if c.Record.Time.Field == "" {
		above = append(above, "No time: no field holds times since 1990. Else: time: {field: FIELD, layout: rfc3339}")
	}
	features := config.Comment{Above: remark("Behind each: its range in the sample, and why this scaler.")}
	if len(d.leftOut) > 0 {
		features.Below = remark(append([]string{"Left out:"}, d.leftOut...)...)
	}
	d.comments["features"] = features
	if len(above) > 0 {
		d.comments["features"] = config.Comment{Above: remark(above...) + "\n\n" + features.Above, Below: features.Below}
	}
}

// sinkOf suggests where tare run may write, in a comment: to make or fill that is
// not for a guess to decide.
func sinkOf(c *config.Config) string {
	sink := "{file: {path: normalized.jsonl}}"
	switch {
	case c.Source.Kafka != nil:
		sink = fmt.Sprintf("{kafka: {topic: %s.normalized}}", c.Source.Kafka.Topic)
	case c.Record.Format == string(schema.CSV):
		sink = "{file: {path: normalized.csv}}"
	}
	return remark("Where tare run writes; without it, standard output:") + "\n# sink: " + sink + "\n"
}
