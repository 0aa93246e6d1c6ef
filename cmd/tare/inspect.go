package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tare/fit"
	"tare/frozen"
	"tare/scale"
	"tare/store"
)

func (a *app) inspect() *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect ARTIFACT",
		Short: "Show what an artifact has learned",
		Example: `  tare inspect plant.npz
  tare inspect plant.npz --series pump-7
  tare inspect plant.npz --json | jq .records`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.bySeries = cmd.Flags().Changed("series")
			return a.runInspect(args[0], &o)
		},
	}
	cmd.Flags().StringVar(&o.series, "series", "", "the numbers of one series")
	cmd.Flags().BoolVar(&o.columns, "columns", false, "the names of the output columns, one a line")
	cmd.Flags().BoolVar(&o.json, "json", false, "as JSON")
	return cmd
}

type inspectOptions struct {
	series        string
	bySeries      bool
	columns, json bool
}

func (a *app) runInspect(path string, o *inspectOptions) error {
	artifact, err := store.OpenArtifact(path)
	if err != nil {
		return err
	}
	switch {
	case o.columns:
		return a.printColumns(artifact, o.json)
	case o.bySeries:
		return a.printSeries(artifact, o)
	case o.json:
		return a.printJSON(struct {
			ID string `json:"id"`
			store.Manifest
			Labels []dictionaryReport `json:"labels,omitempty"`
		}{artifact.ID, artifact.Manifest, reportLabels(artifact.Frozen)})
	}
	return a.printSummary(path, artifact)
}

func (a *app) printColumns(artifact *store.Artifact, asJSON bool) error {
	if asJSON {
		return a.printJSON(artifact.Manifest.Columns)
	}
	_, err := fmt.Fprintln(a.stdout, strings.Join(artifact.Manifest.Columns, "\n"))
	return err
}

func (a *app) printSummary(path string, artifact *store.Artifact) error {
	m := &artifact.Manifest
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "artifact\t%s\n", path)
	fmt.Fprintf(w, "id\t%s\n", artifact.ID)
	fmt.Fprintf(w, "pipeline\t%s, revision %d\n", m.Pipeline, m.Revision)
	fmt.Fprintf(w, "cutoff\t%s\n", cutoffText(&m.Cutoff))
	fmt.Fprintf(w, "learned\t%d records of %s\n", m.Records.Learned, plural(m.Series.Learned, "series", "series"))
	if m.Normalize.UnknownSeries == store.UnknownPooled {
		fmt.Fprint(w, "other series\tthe numbers of all series together\n")
	}
	for i, s := range m.Splits {
		fmt.Fprintf(w, "split %s\t%s\n", s.Name, stretchText(m, i))
	}
	for _, line := range leftOut(m) {
		fmt.Fprintf(w, "left out\t%s\n", line)
	}
	if gone := m.Gone(); gone > 0 {
		fmt.Fprintf(w, "complete\tno: %d offsets of the ranges were gone before they could be learned from\n", gone)
	}
	for _, r := range m.Ranges {
		gone := ""
		if r.Gone > 0 {
			gone = fmt.Sprintf(", %d gone", r.Gone)
		}
		fmt.Fprintf(w, "partition %d\trecords [%d, %d), sealed by %s, %d learned%s%s\n", r.Partition, r.Start, r.Seal, r.Reason, r.Learned, gone, timesText(&r))
	}
	fmt.Fprintln(w)
	if err := w.Flush(); err != nil {
		return err
	}
	return printFeatures(a.stdout, artifact)
}

func cutoffText(c *fit.Cutoff) string {
	switch c.Kind {
	case fit.EventTime:
		return fmt.Sprintf("event time %v, gap %v, out of orderness %v", c.Time, c.Gap, c.OutOfOrderness)
	case fit.Records:
		return fmt.Sprintf("the first %d records of each partition", c.Records)
	case fit.Offsets:
		return "an offset for each partition"
	case fit.Manual:
		return "manual: where the topic ends when tare freeze asks"
	}
	return "the end of the source"
}

func timesText(r *fit.Range) string {
	if r.From == 0 && r.To == 0 {
		return ""
	}
	return fmt.Sprintf(", times %v to %v", r.From, r.To)
}

func leftOut(m *store.Manifest) (lines []string) {
	if n := m.Series.BelowMinSamples; n > 0 {
		lines = append(lines, fmt.Sprintf("%s with fewer than %d records", plural(n, "series", "series"), m.MinSamples))
	}
	if n := m.Series.OverMaxSeries; n > 0 || m.Series.RecordsUnknown > 0 {
		lines = append(lines, fmt.Sprintf("%s at the merge and %d records of series beyond max_series %d", plural(n, "series", "series"), m.Series.RecordsUnknown, m.MaxSeries))
	}
	if len(m.Records.Rejected) > 0 {
		var reasons []string
		for reason, n := range m.Records.Rejected {
			reasons = append(reasons, fmt.Sprintf("%s %d", reason, n))
		}
		slices.Sort(reasons)
		lines = append(lines, "rejected records: "+strings.Join(reasons, ", "))
	}
	return lines
}

// printFeatures prints a line a feature, over all series.
func printFeatures(out io.Writer, artifact *store.Artifact) error {
	m := &artifact.Manifest
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "feature\tpre\tscaler\tvalues\tmissing\tdistinct\tmin\tmean\tsd\tmax\t")
	for i := range m.Features {
		f, p := &m.Features[i], &m.Pooled[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t\n", shapeText(f), preText(f.Pre), scalerText(f)+exactText(artifact.Frozen.Learned(i).Exact)+roleText(f.Role), p.Count, p.Missing, distinctText(f, p),
			short(float64(p.Min)), short(float64(p.Mean)), short(math.Sqrt(float64(p.Var))), short(float64(p.Max)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printLabels(out, artifact.Frozen)
	printGroups(out, m)
	return nil
}

// distinctText writes how many values there are, about; they are counted only of
// numbers that are learned.
func distinctText(f *frozen.Feature, p *fit.Pooled) string {
	if f.Shape != nil || !f.Learns() {
		return "-"
	}
	return fmt.Sprintf("~%d", p.Distinct)
}

// exactText tells whether quantiles are exact, of marks that say so; nothing of
// none.
func exactText(marks []bool) string {
	n := 0
	for _, exact := range marks {
		if exact {
			n++
		}
	}
	switch {
	case len(marks) == 0:
		return ""
	case n == len(marks):
		return ", exact"
	case n == 0:
		return ", of sketches"
	}
	return fmt.Sprintf(", %d of %d exact", n, len(marks))
}

func roleText(role string) string {
	if role == "" {
		return ""
	}
	return ", " + role
}

func preText(pre []scale.Pre) string {
	if len(pre) == 0 {
		return "-"
	}
	kinds := make([]string, len(pre))
	for i := range pre {
		kinds[i] = pre[i].Kind
	}
	return strings.Join(kinds, "+")
}

// short writes a number to six digits, for tables.
func short(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// A seriesReport is what was learned of one series.
type seriesReport struct {
	Series   string          `json:"series"`
	Records  uint64          `json:"records"`
	Pooled   bool            `json:"pooled,omitempty"` // of all series together
	Features []featureReport `json:"features"`
}

// A featureReport is a set of statistics of a feature: its only one, or that of
// one group of an array.
type featureReport struct {
	Name    string                     `json:"name"`
	Group   *int                       `json:"group,omitempty"`
	Groups  int                        `json:"groups,omitempty"` // that there are, of which the first few are shown
	Scaler  string                     `json:"scaler"`
	Count   uint64                     `json:"count"`
	Missing uint64                     `json:"missing"`
	Min     frozen.Number              `json:"data_min"`
	Max     frozen.Number              `json:"data_max"`
	Mean    frozen.Number              `json:"data_mean"`
	Var     frozen.Number              `json:"data_var"`
	Params  map[string][]frozen.Number `json:"params"`
	Exact   []bool                     `json:"exact,omitempty"` // whether the quantiles are exact, where they are wanted so
	Scope   string                     `json:"scope,omitempty"` // global: all series share it
	Fixed   bool                       `json:"fixed,omitempty"` // nothing was learned

	label, scaling string
}

func (a *app) printSeries(artifact *store.Artifact, o *inspectOptions) error {
	id := artifact.Manifest.Normalize.Find(artifact.Frozen, []byte(o.series))
	if id == frozen.Unknown && keyed(artifact.Frozen) {
		return fmt.Errorf("series %q is not in the artifact%s", o.series, nearestSeries(artifact.Frozen, o.series))
	}
	report := reportSeries(artifact.Frozen, id)
	if o.json {
		return a.printJSON(report)
	}
	switch id {
	case frozen.Unknown:
		fmt.Fprint(a.stdout, "all series share these numbers\n\n")
	case frozen.Pooled:
		fmt.Fprintf(a.stdout, "series %q is not in the artifact: the numbers of all series together\n\n", o.series)
	default:
		fmt.Fprintf(a.stdout, "series %q: %d training records\n\n", report.Series, report.Records)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "feature\tscaler\tvalues\tmissing\tmin\tmean\tsd\tmax\tlearned\t")
	for _, f := range report.Features {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t\n", f.label, f.scaling, f.Count, f.Missing, short(float64(f.Min)),
			short(float64(f.Mean)), short(math.Sqrt(float64(f.Var))), short(float64(f.Max)), paramsText(&f))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range artifact.Manifest.Features {
		f := &artifact.Manifest.Features[i]
		if more := f.Groups() - groupsShown; more > 0 {
			fmt.Fprintf(a.stdout, "%s: %d more of %d sets of statistics; numpy.load opens all\n", f.Name, more, f.Groups())
		}
	}
	printLabels(a.stdout, artifact.Frozen)
	printWhitened(a.stdout, artifact, id)
	return nil
}

func reportSeries(f *frozen.Frozen, id int32) seriesReport {
	r := seriesReport{Pooled: id == frozen.Pooled}
	if id >= 0 {
		r.Series, r.Records = string(f.Series().Name(id)), f.Records()[id]
	}
	for i := range f.Features() {
		for group := range min(f.Features()[i].Groups(), groupsShown) {
			r.Features = append(r.Features, reportGroup(f, i, group, id))
		}
	}
	return r
}

// reportGroup tells what was learned of one group of a feature.
func reportGroup(f *frozen.Frozen, feature, group int, id int32) featureReport {
	spec, l := &f.Features()[feature], f.Learned(feature)
	missing := frozen.Number(math.NaN())
	r := featureReport{Name: spec.Name, Scaler: kindOf(spec), Scope: spec.Scope, Fixed: !spec.Learns(),
		Min: missing, Max: missing, Mean: missing, Var: missing,
		Params: map[string][]frozen.Number{}, label: groupText(spec, group), scaling: scalerText(spec)}
	if n := spec.Groups(); n > 1 {
		r.Group, r.Groups = &group, n
	}
	entry := f.Entry(feature, id) + group
	if !r.Fixed {
		r.Count, r.Missing, r.Exact = l.Count[entry], l.Missing[entry], marksOf(l, entry)
		r.Min, r.Max = frozen.Number(l.Min[entry]), frozen.Number(l.Max[entry])
		r.Mean, r.Var = frozen.Number(l.Mean[entry]), frozen.Number(l.Var[entry])
	}
	p, names := paramsOf(f, feature, group, id), spec.Scaler.Params()
	for k, name := range names {
		each := len(p) / len(names)
		for _, x := range p[k*each : (k+1)*each] {
			r.Params[name] = append(r.Params[name], frozen.Number(x))
		}
	}
	return r
}

// paramsOf returns what the scaler of a feature goes by in one group.
func paramsOf(f *frozen.Frozen, feature, group int, id int32) []float64 {
	if l := f.Learned(feature); l.Offsets != nil {
		entry := f.Entry(feature, id) + group
		return l.Params[l.Offsets[entry]:l.Offsets[entry+1]]
	}
	p, each := f.Params(feature, id), len(f.Features()[feature].Scaler.Params())
	return p[group*each : (group+1)*each]
}

// marksOf tells of an entry whether its quantiles are exact; nil if they are not
// wanted so.
func marksOf(l *frozen.Learned, entry int) []bool {
	if l.Exact == nil {
		return nil
	}
	return l.Exact[entry : entry+1]
}

func paramsText(f *featureReport) string {
	var parts []string
	for name, values := range f.Params {
		if len(values) == 1 {
			parts = append(parts, name+" "+short(float64(values[0])))
		} else {
			parts = append(parts, fmt.Sprintf("%d %s", len(values), name))
		}
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ") + exactText(f.Exact)
}

// nearestSeries names the series that sort beside the one asked for.
func nearestSeries(f *frozen.Frozen, series string) string {
	n := f.Series().Len()
	at, _ := slices.BinarySearchFunc(slices.Collect(ids(n)), series, func(id int32, s string) int {
		return strings.Compare(string(f.Series().Name(id)), s)
	})
	var near []string
	for i := max(0, at-2); i < min(n, at+2); i++ {
		near = append(near, strconv.Quote(string(f.Series().Name(int32(i)))))
	}
	return "; its neighbours are " + strings.Join(near, ", ")
}

func ids(n int) func(func(int32) bool) {
	return func(yield func(int32) bool) {
		for i := range int32(n) {
			if !yield(i) {
				return
			}
		}
	}
}
