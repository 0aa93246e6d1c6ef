package config

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// keys is the tree of all keys, bound to c.
func keys(c *Config) []key {
	return []key{
		{name: "version", kind: integer(&c.Version, 1, 1), required: true, doc: "version of this file format"},
		{name: "pipeline", kind: matching(&c.Pipeline, "a name of lower-case letters, digits and . _ - that starts with a letter or digit, 128 at most", `^[a-z0-9][a-z0-9._-]*$`, 128),
			required: true, doc: "name of the pipeline; with the revision it names the artifact"},
		{name: "revision", kind: integer(&c.Revision, 1, maxInt32), doc: "raise it to learn anew: a freeze is final per pipeline and revision"},
		{name: "inverse", kind: yes(&c.Inverse), def: "not so", doc: "learn nothing: the source holds predictions, or records that were normalized, and `tare run` takes them back to their units"},
		{name: "artifact", kind: fileName(&c.Artifact, "a path"), only: sister{key: "inverse"}, def: "that of the pipeline in `state.dir`", doc: "the artifact that does it"},
		{name: "source", kind: sourceKind(&c.Source), doc: "where records come from; FILE arguments of a command replace it"},
		{name: "record", kind: recordKind(&c.Record), unless: "inverse", doc: "how a record looks"},
		{name: "features", kind: list(&c.Features, "a list of features", Feature{Scaler: NewScaler("standard")}, describedFeature(), feature),
			required: true, unless: "inverse", doc: "the numbers and labels to learn and normalize: a bare name is the field of that name with the scaler `standard`"},
		{name: "scope", kind: choice(&c.Scope, scopes), unless: "inverse", doc: "what shares statistics: each `series` has its own, or all series together have one set, `global`, which also serves series that were not learned; a feature may say otherwise"},
		{name: "whiten", unless: "inverse", kind: list(&c.Whiten, "a list of groups", Whiten{}, Whiten{Method: "pca", Whiten: true}, whitenKind), def: "nothing",
			doc: "groups of features that are whitened together: the outputs of a group, which are not correlated, take the place of its members"},
		{name: "norms", unless: "inverse", kind: list(&c.Norms, "a list of norms", Norm{}, Norm{}, normKind), def: "nothing",
			doc: "features of which the outputs in one record are divided by their norm, or standardized, together"},
		{name: "cutoff", kind: cutoffKind(&c.Cutoff), required: true, unless: "inverse", doc: "where training ends; exactly one of `event_time`, `offsets`, `records`, `end` and `manual`"},
		{name: "splits", unless: "inverse", kind: list(&c.Splits, "a list of splits", Split{}, Split{}, splitKind), doc: "names for the stretches behind `cutoff.event_time`, one after the other, in place of `live`: in the marks of records and for `{split}`", def: "none"},
		{name: "normalize", kind: normalizeKind(&c.Normalize), doc: "policies of the normalize pass"},
		{name: "output", kind: outputKind(&c.Output), doc: "what an output record looks like"},
		{name: "sink", kind: sinkKind(&c.Sink), doc: "where output records go", def: "standard output"},
		{name: "dead_letter", kind: deadLetterKind(&c.DeadLetter), doc: "where rejected records go, with the reason", def: "they are counted"},
		{name: "state", kind: stateKind(&c.State), doc: "learned state on disk"},
		{name: "http", kind: httpKind(&c.HTTP), doc: "what is served while a pipeline runs"},
	}
}

func sourceKind(s *Source) kind {
	pattern := func(p *string) kind { return fileName(p, `a path, a pattern such as train/*.jsonl, or "-"`) }
	return object(
		key{name: "file", alternative: true, doc: "read files or standard input", kind: object(
			key{name: "paths", kind: list(&s.File.Paths, "a list of paths", "", "", pattern), required: true,
				doc: "paths and patterns (`*`, `?`, `[a-z]`); each file is a partition, in this order, those of a pattern sorted; `-` is standard input"},
		)},
		key{name: "kafka", alternative: true, doc: "read a topic", kind: optional(&s.Kafka, NewKafkaSource(), kafkaSourceKind)},
	)
}

func recordKind(rec *Record) kind {
	return object(
		key{name: "format", kind: choice(&rec.Format, []string{"json", "csv", "binary"}, "avro", "protobuf"), doc: "`json`: one object a line or Kafka record; `csv`: rows under a header line, in files only; `binary`: the whole value is one array of packed little-endian numbers, the only feature, and in files the values follow each other without anything between them"},
		key{name: "dtype", kind: choice(&rec.DType, dtypes), only: sister{"format", []string{"binary"}}, def: "required there", doc: "how each number is written"},
		key{name: "series", kind: series(&rec.Series), doc: "the field that names the series, or several whose values together name it; `$key` is the key of a Kafka record", def: "all records are one series"},
		key{name: "time", doc: "the event time of a record", def: "none", kind: timeKind(&rec.Time)},
		key{name: "bad_value", kind: choice(&rec.BadValue, []string{"reject", "missing"}), doc: "a feature value that is no number or too large: `reject` the record, or take that value as `missing`"},
		key{name: "limits", doc: "a record beyond one of these is rejected", kind: object(
			key{name: "value", kind: size(&rec.Limits.Value), doc: "bytes of a record"},
			key{name: "series", kind: size(&rec.Limits.Series), doc: "bytes of a series name"},
			key{name: "depth", kind: integer(&rec.Limits.Depth, 1, 10_000), doc: "nested objects and arrays"},
		)},
		key{name: "max_future_skew", kind: duration(&rec.MaxFutureSkew), doc: "a record whose event time is further ahead of its timestamp in Kafka is rejected; `0s` is no limit, and records of files have no such timestamp"},
	)
}

// timeKind writes nothing without a field. The timestamp of a Kafka record needs
// no layout.
func timeKind(t *Time) kind {
	name := field(&t.Field)
	read := name.scalar
	name.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		if t.Field == TimestampField {
			t.Layout = ""
		}
		return hint, ok
	}
	k := object(
		key{name: "field", kind: name, required: true, doc: "the field that holds it; `$timestamp` is the timestamp of a Kafka record"},
		key{name: "layout", kind: layout(&t.Layout), doc: "how it is written"},
	)
	return variant(k, func() {}, func() bool { return t.Field != "" })
}

func field(dst *string) kind { return anyText(dst, "a field") }

// series is one field, or a list of them.
func series(s *Series) kind {
	one := ""
	name := field(&one)
	single := name
	single.scalar = func(v value) (string, bool) {
		hint, ok := name.scalar(v)
		*s = Series{Fields: []string{one}}
		return hint, ok
	}
	single.write = func() *yaml.Node {
		if s.List || len(s.Fields) != 1 {
			return nil
		}
		return field(&s.Fields[0]).write()
	}
	several := list(&s.Fields, "a list of fields", "", "", field)
	return either(single, variant(several, func() { s.List = true }, func() bool { return s.List || len(s.Fields) > 1 }))
}

// feature is a bare name, or a mapping.
func feature(f *Feature) kind {
	name := featureName(&f.Name)
	bare := name
	bare.name = "the name of a feature"
	bare.scalar = func(v value) (string, bool) {
		hint, ok := name.scalar(v)
		f.Field = f.Name
		return hint, ok
	}
	full := kind{
		name: "a mapping",
		keys: func() []key { return featureKeys(f) },
		mapping: func(r *reader, path string, n *yaml.Node) {
			r.object(featureKeys(f), path, n)
			if f.Field == "" {
				f.Field = f.Name
			}
		},
		schema: func() dict { return objectSchema(featureKeys(f)) },
	}
	k := either(bare, full)
	k.write = func() *yaml.Node { return featureNode(f) }
	return k
}

func featureKeys(f *Feature) []key {
	s := &f.Scaler
	with := func(kinds ...string) sister { return sister{"scaler", kinds} }
	keys := []key{
		{name: "name", kind: featureName(&f.Name), required: true, doc: "its name in artifact, output and reports: printable, 1 to 128 bytes, none of `" + reserved + "`, no `.` or `_` at its start"},
		{name: "field", kind: field(&f.Field), doc: "the field that holds it; in JSON a path such as `payload.temp`, `\\.` is a dot within a key", def: "the name"},
		{name: "pre", kind: pre(&f.Pre), doc: "one step, or a list of steps applied in order, before the scaler", def: "none"},
		{name: "scaler", kind: scaler(f), doc: "how it is normalized; `onehot` and `ordinal` make numbers of labels"},
		{name: "with_mean", kind: boolean(&s.WithMean), only: with("standard"), doc: "subtract the mean"},
		{name: "with_std", kind: boolean(&s.WithStd), only: with("standard"), doc: "divide by the standard deviation"},
		{name: "feature_range", kind: pair(&s.FeatureRange, "[min, max] with min < max", func(a, b float64) bool { return a < b }), only: with("minmax"), doc: "where the training minimum and maximum go"},
		{name: "clip", kind: boolean(&s.Clip), only: with("minmax", "maxabs", "ratio"), doc: "clip what lies outside the training range; of `ratio` outside of [0, 1]"},
		{name: "with_centering", kind: boolean(&s.WithCentering), only: with("robust"), doc: "subtract the median"},
		{name: "with_scaling", kind: boolean(&s.WithScaling), only: with("robust"), doc: "divide by the quantile range"},
		{name: "quantile_range", kind: pair(&s.QuantileRange, "[low, high] in percent with 0 <= low <= high <= 100", inPercent), only: with("robust"), doc: "the quantiles whose distance is the scale, in percent"},
		{name: "unit_variance", kind: boolean(&s.UnitVariance), only: with("robust"), doc: "scale so that normally distributed data get variance 1"},
		{name: "sketch", kind: sketch(&f.Exact), only: with("robust"), doc: "where median and quantiles come from: a `digest`, which beyond 128 distinct values is within a small error of rank, or `exact`, for which the training stretch is read again"},
		{name: "exact", kind: choice(&f.Exact, []string{"require", "prefer"}), only: sister{"sketch", []string{"exact"}}, def: "`require`", doc: "where the stretch is no longer all there to be read again: refuse the freeze, or `prefer` a digest to that"},
		{name: "fixed", kind: optional(&f.Fixed, Fixed{}, fixedKind), only: with("standard"), def: "learned", doc: "numbers in place of learned ones, for every series: a value becomes (x - mean) / scale"},
		{name: "n_quantiles", kind: integer(&s.NQuantiles, 1, 10_000), only: with("quantile"), doc: "landmarks of the mapping; at most the training records of a series"},
		{name: "output_distribution", kind: choice(&s.OutputDistribution, []string{"uniform", "normal"}), only: with("quantile"), doc: "the distribution to map to"},
		{name: "standardize", kind: boolean(&s.Standardize), only: with("yeo_johnson", "box_cox"), doc: "bring the transformed values to mean 0 and standard deviation 1"},
		{name: "n_bins", kind: integer(&s.NBins, 2, 10_000), only: with("kbins"), doc: "bins; those too narrow are joined to a neighbor"},
		{name: "strategy", kind: choice(&s.Strategy, []string{"uniform", "quantile", "kmeans"}), only: with("kbins"), doc: "what makes the bins: equal width (`uniform`), equal numbers of training values (`quantile`), or clusters of them (`kmeans`)"},
		{name: "norm", kind: choice(&s.Norm, norms), only: with("normalizer"), doc: "what an array is divided by: `l1`, the sum of its magnitudes; `l2`, its Euclidean length; `max` or `peak`, its largest magnitude; with `standard` it is less its mean and by its standard deviation"},
		{name: "by", kind: featureNames(&f.By), only: with("ratio"), def: "required there", doc: "the features of the record whose raw values divide it: one name for each index of the last axis of an array, or one for all"},
	}
	keys = append(keys, encodingKeys(&f.Encoding)...)
	return append(keys, []key{
		{name: "impute", kind: impute(&f.Impute), doc: "what is put out for a missing value: a training statistic of its series, or a constant; never learned", def: "nothing"},
		{name: "shape", kind: shape(&f.Shape), def: "one number", doc: "the extents of an array, outermost first: nested lists in JSON, row-major in `binary`"},
		{name: "per", kind: axis(&f.Per), only: sister{key: "shape"}, def: "each number has its own", doc: "what of an array shares statistics, or with `normalizer` a norm: the numbers with the same index of an axis, counted from 0, or with `none` the whole array"},
		{name: "scope", kind: choice(&f.Scope, scopes), def: "the key `scope` of the file", doc: "what shares statistics: a `series`, or all series together (`global`)"},
		{name: "role", kind: choice(&f.Role, []string{"feature", "target"}), def: "`feature`", doc: "a `target` is what a model predicts: it is normalized too, stands last in a `vector`, and has no `impute`"},
	}...)
}

var (
	scopes = []string{"series", "global"}
	dtypes = []string{"uint8", "int16", "float32", "float64"}
)

// shape is a list of extents.
func shape(dst *[]int) kind {
	k := list(dst, "a list of 1 to 8 extents, such as [3, 224, 224]", 0, 0, func(n *int) kind { return integer(n, 1, maxWidth) })
	schema := k.schema
	k.schema = func() dict {
		d := schema()
		d["maxItems"] = maxRank
		return d
	}
	return k
}

// Limits of arrays.
const (
	maxRank  = 8
	maxWidth = 1 << 24 // numbers of an array, and of all features together
)

// axis is one of an array, or none.
func axis(dst *string) kind {
	n := 0
	number := integer(&n, 0, maxRank-1)
	read, bare := number.scalar, choice(dst, []string{"none"})
	return kind{
		name: "none, or an axis from 0 to 7",
		scalar: func(v value) (string, bool) {
			if hint, ok := read(v); ok || hint != "" {
				*dst = strconv.Itoa(n)
				return hint, ok
			}
			return bare.scalar(v)
		},
		write: func() *yaml.Node {
			if *dst == "" || *dst == "none" {
				return bare.write()
			}
			return scalarNode("!!int", *dst)
		},
		schema: func() dict { return dict{"anyOf": []dict{number.schema(), bare.schema()}} },
	}
}

func fixedKind(f *Fixed) kind {
	mean := func(x *float64) kind { return number(x, -maxMagnitude, maxMagnitude) }
	return object(
		key{name: "mean", kind: numbers(&f.Mean, mean), required: true, doc: "what is subtracted: one number, or a list with one for each set of statistics, as `per` makes them"},
		key{name: "scale", kind: numbers(&f.Scale, positive), required: true, doc: "what it is divided by then: one number, or a list as of the mean"},
	)
}

func inPercent(a, b float64) bool { return 0 <= a && a <= b && b <= 100 }

var scalers = []string{"none", "standard", "minmax", "maxabs", "robust", "quantile", "yeo_johnson", "box_cox", "kbins", "normalizer", "ratio", "onehot", "ordinal"}

// scaler is the kind of a scaler; choosing one sets its defaults.
func scaler(f *Feature) kind {
	s := &f.Scaler
	k := choice(&s.Kind, scalers)
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		*s, f.Encoding = NewScaler(s.Kind), NewEncoding(s.Kind)
		return hint, ok
	}
	return k
}

// sketch is where quantiles come from. Exact ones are required by default.
func sketch(exact *string) kind {
	name := ""
	k := choice(&name, []string{"digest", "exact"})
	read := k.scalar
	k.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		if *exact = ""; name == "exact" {
			*exact = "require"
		}
		return hint, ok
	}
	k.write = func() *yaml.Node {
		if *exact == "" {
			return scalarNode("!!str", "digest")
		}
		return scalarNode("!!str", "exact")
	}
	return k
}

// describedFeature holds the defaults of all scalers, for the documentation.
func describedFeature() Feature {
	f := Feature{Scaler: NewScaler("standard")}
	f.Scaler.FeatureRange = NewScaler("minmax").FeatureRange
	robust := NewScaler("robust")
	f.Scaler.WithCentering, f.Scaler.WithScaling, f.Scaler.QuantileRange = robust.WithCentering, robust.WithScaling, robust.QuantileRange
	quantile := NewScaler("quantile")
	f.Scaler.NQuantiles, f.Scaler.OutputDistribution = quantile.NQuantiles, quantile.OutputDistribution
	f.Scaler.Norm = NewScaler("normalizer").Norm
	f.Scaler.Standardize = NewScaler("yeo_johnson").Standardize
	kbins := NewScaler("kbins")
	f.Scaler.NBins, f.Scaler.Strategy = kbins.NBins, kbins.Strategy
	f.Encoding.HandleUnknown, f.Encoding.MaxTracked = NewEncoding("onehot").HandleUnknown, NewEncoding("onehot").MaxTracked
	return f
}

// reserved are the characters that file systems and the paths of fields give a
// meaning to, with spaces between.
const reserved = `/ \ : * ? " < > |`

// featureName is a text that can name a column and a file everywhere.
func featureName(dst *string) kind {
	const hint = "a name is printable, has 1 to 128 bytes, none of " + reserved + ", and no . or _ at its start; {name: ..., field: ...} reads a field of another name"
	k := text(dst, "a name", func(v value) (string, bool) {
		bad := func(c rune) bool { return c != ' ' && strings.ContainsRune(reserved, c) || !unicode.IsPrint(c) }
		s := v.text
		return hint, len(s) <= 128 && s[0] != '.' && s[0] != '_' && !strings.ContainsFunc(s, bad)
	})
	k.schema = func() dict {
		return orExpression(dict{"type": "string", "minLength": 1, "maxLength": 128, "pattern": `^[^._/\\:*?"<>|\x00-\x1f\x7f][^/\\:*?"<>|\x00-\x1f\x7f]*$`})
	}
	return k
}

// pre is one step, or a list of them.
func pre(dst *[]Pre) kind {
	steps := list(dst, "a list of steps", Pre{}, Pre{Scale: 1}, preStep)
	one := func() *Pre { *dst = make([]Pre, 1); return &(*dst)[0] }
	sample := preStep(&Pre{})
	return kind{
		name:     sample.name + ", or a list of these",
		list:     true,
		keys:     steps.keys,
		scalar:   func(v value) (string, bool) { return preStep(one()).scalar(v) },
		mapping:  func(r *reader, path string, n *yaml.Node) { preStep(one()).mapping(r, path, n) },
		sequence: steps.sequence,
		write: func() *yaml.Node {
			n := steps.write()
			if len(*dst) == 1 {
				n = n.Content[0]
			}
			return n
		},
		schema: func() dict { return dict{"anyOf": []dict{sample.schema(), steps.schema()}} },
	}
}

func preStep(p *Pre) kind {
	affine := filled(object(
		key{name: "scale", kind: factor(&p.Scale), doc: "factor"},
		key{name: "offset", kind: number(&p.Offset, -math.MaxFloat64, math.MaxFloat64), doc: "summand"},
	))
	clip := filled(object(
		key{name: "min", kind: bound(&p.Min, maxMagnitude), doc: "smallest value", def: "no bound"},
		key{name: "max", kind: bound(&p.Max, maxMagnitude), doc: "largest value", def: "no bound"},
	))
	is := func(kind string) func() bool { return func() bool { return p.Kind == kind } }
	bare := choice(&p.Kind, []string{"log", "log1p", "sqrt", "asinh"})
	k := either(
		variant(bare, func() {}, func() bool { return p.Kind != "affine" && p.Kind != "clip" }),
		object(
			key{name: "affine", alternative: true, kind: variant(affine, func() { *p = Pre{Kind: "affine", Scale: 1} }, is("affine")), doc: "x * scale + offset"},
			key{name: "clip", alternative: true, kind: variant(clip, func() { *p = Pre{Kind: "clip"} }, is("clip")), doc: "bound the value before it is learned or normalized"},
		))
	k.name = "log, log1p, sqrt, asinh, {affine: ...} or {clip: ...}"
	return k
}

// maxMagnitude is the largest size of a value that a record may hold.
const maxMagnitude = 1e150

func impute(im *Impute) kind {
	constant := variant(number(&im.Constant, -maxMagnitude, maxMagnitude),
		func() { im.Kind = "constant" }, func() bool { return im.Kind == "constant" })
	bare := choice(&im.Kind, []string{"mean", "median"})
	k := either(
		variant(bare, func() {}, func() bool { return im.Kind != "constant" }),
		object(key{name: "constant", kind: constant, required: true, doc: "the value, in the feature's own units"}))
	k.name = "mean, median or {constant: x}"
	return k
}

func cutoffKind(c *Cutoff) kind {
	byTime := sister{key: "event_time"}
	return object(
		key{name: "event_time", alternative: true, kind: instant(&c.EventTime), doc: "records before this time less `gap` are learned from; needs `record.time`"},
		key{name: "offsets", alternative: true, kind: offsets(&c.Offsets), doc: "for every partition the first offset that is not learned from; a file's offset is the number of the record, from 0"},
		key{name: "records", alternative: true, kind: integer(&c.Records, 1, maxCount), doc: "the first records of each partition are learned from, rejected ones count"},
		key{name: "end", alternative: true, kind: yes(&c.End), doc: "everything the source holds is learned from"},
		key{name: "manual", alternative: true, kind: yes(&c.Manual), doc: "everything is learned from until `tare freeze` ends it; needs `source.kafka`"},
		key{name: "gap", kind: duration(&c.Gap), only: byTime, doc: "records this close before the cutoff are not learned from"},
		key{name: "out_of_orderness", kind: durationOrUnbounded(&c.OutOfOrderness), only: byTime,
			doc: "how far a record may come behind a later one; a partition's training ends when its newest time is this far past the cutoff, with `unbounded` at its end only"},
		key{name: "idleness", kind: duration(&c.Idleness), only: byTime, doc: "a partition's training also ends when nothing came for so long and the clock is past the cutoff; files never do, and `0s` is never"},
		key{name: "max_late", kind: number(&c.MaxLate, 0, 1), only: byTime, doc: "the freeze is refused when more than this share of the training records came too late to be learned from"},
	)
}

func splitKind(s *Split) kind {
	return object(
		key{name: "name", kind: matching(&s.Name, "a name of 1 to 64 letters, digits, _ and -, which starts with a letter or digit", `^[a-zA-Z0-9][a-zA-Z0-9_-]*$`, 64), required: true, doc: "its name"},
		key{name: "until", kind: instant(&s.Until), doc: "it ends before this time, where the next one begins; records behind the last are `live`", def: "never, for the last one"},
	)
}

func normalizeKind(n *Normalize) kind {
	return object(
		key{name: "emit", kind: choice(&n.Emit, []string{"all", "live"}), doc: "write `all` records, or `live` ones only: from the cutoff on. On a topic the pass then begins at the first record that is live or was rejected"},
		key{name: "unknown_series", kind: choice(&n.UnknownSeries, []string{"missing", "pooled", "dead_letter", "drop", "passthrough", "fail"}),
			doc: "a series that was not learned: put out with its features `missing`, normalized with the statistics of all series together (`pooled`, which are learned for it), sent to the `dead_letter`s, left out (`drop`), put out as it came (`passthrough`), or the run ends (`fail`)"},
		key{name: "min_samples", kind: integer(&n.MinSamples, 1, maxInt32), doc: "a series with fewer training records is unknown"},
		key{name: "on_error", kind: choice(&n.OnError, []string{"continue", "fail"}), doc: "after a rejected record"},
		key{name: "on_gap", kind: choice(&n.OnGap, []string{"stop", "record"}), doc: "when records that are to be read are gone from the topic: `stop`, or go on and `record` it in the artifact"},
	)
}

func outputKind(o *Output) kind {
	return object(
		key{name: "value", kind: choice(&o.Value, []string{"replace", "features", "vector"}),
			doc: "`replace`: the record as it came with new feature values; `features`: series, time, split and the columns by name; `vector`: packed little-endian numbers"},
		key{name: "dtype", kind: choice(&o.Dtype, []string{"float64", "float32", "int16", "uint8"}), doc: "how a number is written; `int16` and `uint8` are for packed numbers, which a `vector` and a record of format `binary` are: rounded, half to even, and kept within bounds"},
		key{name: "missing", kind: choice(&o.Missing, []string{"nan", "zero", "mask"}), doc: "a missing value among packed numbers: NaN, 0, or, in a `vector`, 0 with a 0/1 number for each behind; elsewhere it is null"},
		key{name: "meta", kind: choice(&o.Meta, []string{"headers", "field", "none"}), doc: "where artifact, source, split and flags of a record go; in files `headers` and `field` both are the member `_tare`, for which packed numbers have no place"},
	)
}

func sinkKind(s *Sink) kind {
	return object(
		key{name: "file", alternative: true, doc: "write a file", kind: outputFile(&s.File, "the file; `-` is standard output; `{revision}` stands for the revision, `{split}`, with a topic as source, for the split of a record: each split has a file of its own")},
		key{name: "kafka", alternative: true, doc: "write a topic of the source's cluster", kind: optional(&s.Kafka, freshSink, func(k *KafkaSink) kind {
			return kafkaSinkKind(k, topic(&k.Topic, "{split}", "{revision}"), "the topic to write; `{revision}` stands for the revision, `{split}` for the split of a record: each split has a topic of its own")
		})},
	)
}

func deadLetterKind(d *DeadLetter) kind {
	return object(
		key{name: "file", alternative: true, doc: "write a file, one JSON object a line", kind: outputFile(&d.File, "the file; never standard output, which is data; `{revision}` stands for the revision")},
		key{name: "kafka", alternative: true, doc: "write a topic of the source's cluster", kind: optional(&d.Kafka, freshSink, func(k *KafkaSink) kind {
			return kafkaSinkKind(k, topic(&k.Topic, "{revision}"), "the topic to write; `{revision}` stands for the revision")
		})},
		key{name: "limit", kind: integer(&d.Limit, 1, maxCount), doc: "the run fails after this many", def: "no limit"},
	)
}

func outputFile(f *File, doc string) kind {
	return object(
		key{name: "path", kind: fileName(&f.Path, "a path"), required: true, doc: doc},
		key{name: "continue_from", kind: continueFrom(&f.ContinueFrom), doc: "with a topic as source: append to a file that another artifact has written, named by its first 16 hex digits; or begin the file anew from the `committed` position though the records written before are gone", def: "neither"},
	)
}

func stateKind(s *State) kind {
	return object(
		key{name: "dir", kind: fileName(&s.Dir, "a path"), doc: "the folder for checkpoints and the artifact"},
		key{name: "checkpoint", kind: durationFrom(&s.Checkpoint, 100*time.Millisecond), doc: "time between two checkpoints of what was learned from a topic; over files a run starts again from their beginning"},
		key{name: "max_series", kind: integer(&s.MaxSeries, 1, maxInt32), doc: "series beyond this many are unknown and counted"},
	)
}

func httpKind(h *HTTP) kind {
	return object(key{name: "listen", kind: listen(&h.Listen), doc: "where to serve status, metrics and health; without a host on all interfaces, `off` is nowhere"})
}

// featureNode writes a feature without what is its default; a bare name where
// that is enough.
func featureNode(f *Feature) *yaml.Node {
	plain := Feature{Name: f.Name, Field: f.Name, Scaler: NewScaler(f.Scaler.Kind), Encoding: NewEncoding(f.Scaler.Kind)}
	defaults := map[string]*yaml.Node{"scaler": scalarNode("!!str", "standard")}
	for name, v := range members(featureKeys(&plain)) {
		if name != "name" && name != "scaler" {
			defaults[name] = v
		}
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for name, v := range members(featureKeys(f)) {
		if !reflect.DeepEqual(v, defaults[name]) {
			n.Content = append(n.Content, scalarNode("!!str", name), v)
		}
	}
	if len(n.Content) == 2 {
		return n.Content[1]
	}
	return n
}
