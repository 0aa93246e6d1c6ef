// Package config reads the configuration file: YAML whose every key is known,
// typed and checked before anything starts.
//
// Parse reports all that is wrong with a file at once, each problem with its
// line and column. One tree of keys, in keys.go, drives reading, writing, the
// JSON Schema and the table in docs/config.md: a new key is one entry there and
// one field here.
//
// The environment and files enter values only after the YAML is parsed, so that
// nothing in them can become structure, and messages show the expression, such
// as ${TOKEN}, never what it stands for.
package config

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"
)

// A Config is what a configuration file says, with every default filled in.
type Config struct {
	Version    int    // of the file's format: 1
	Pipeline   string // name; with Revision it identifies what is learned
	Revision   int
	Inverse    bool   // records are taken back to their units with what is frozen: Record, Features, Scope and Cutoff are empty
	Artifact   string // the file to do that with; empty is the one in State.Dir
	Source     Source
	Record     Record
	Features   []Feature
	Scope      string // series, global: of the features that say nothing themselves
	Whiten     []Whiten
	Norms      []Norm
	Cutoff     Cutoff
	Splits     []Split // behind Cutoff.EventTime, one after the other; none is live
	Normalize  Normalize
	Output     Output
	Sink       Sink
	DeadLetter DeadLetter
	State      State
	HTTP       HTTP

	warnings []Problem
}

// A Source says where records come from: files or a topic, or nothing, which
// leaves it to the arguments of a command.
type Source struct {
	File  FileSource
	Kafka *KafkaSource
}

// A FileSource names inputs on disk; each file is a partition.
type FileSource struct {
	Paths []string // patterns of filepath.Match, "-" is standard input; none without a source
}

// A KafkaSource is a topic to read.
type KafkaSource struct {
	Cluster
	Topic string
	Start Start
}

// A Cluster says how to reach the brokers of Kafka.
type Cluster struct {
	Brokers  []string // host:port, at least one
	ClientID string
	TLS      *TLS  // nil is no TLS
	SASL     *SASL // nil is no authentication
}

// TLS says how connections are encrypted. Its zero value trusts the system's
// authorities and shows no certificate.
type TLS struct {
	CA                 string // path of a PEM file with authorities; empty is the system's
	Cert, Key          string // paths of PEM files; both or none
	ServerName         string // empty is the host of the broker
	InsecureSkipVerify bool
}

// SASL says who the client is.
type SASL struct {
	Mechanism string // plain, scram-sha-256, scram-sha-512
	Username  string
	Password  Secret
}

// A Start says where a topic is read from. Only the field that At names is set.
type Start struct {
	At      string          // earliest, latest, time, offsets
	Time    time.Time       // UTC
	Offsets map[int32]int64 // by partition
}

// A Record says how a record looks.
type Record struct {
	Format   string // json, csv, binary
	DType    string // of the numbers of binary: uint8, int16, float32, float64; else empty
	Series   Series
	Time     Time
	BadValue string // reject, missing
	Limits   Limits

	// How far an event time may lie ahead of the timestamp that its record has in
	// Kafka; 0 is no limit. Records of files have no such timestamp.
	MaxFutureSkew time.Duration
}

// KeyField and TimestampField are no fields of the value of a record: they stand
// for the key and the timestamp that it has in Kafka.
const (
	KeyField       = "$key"
	TimestampField = "$timestamp"
)

// A Series names the fields that name the series: none, one, or a list. Any of
// them may be KeyField.
type Series struct {
	Fields []string
	List   bool
}

// A Time says where the event time stands. Without a Field there is none.
type Time struct {
	Field  string // or TimestampField, which has no Layout
	Layout string // rfc3339, unix, unix_ms, unix_us, unix_ns, or a layout of package time
}

// Limits bound a record; all are inclusive.
type Limits struct {
	Value  int // bytes of the record
	Series int // bytes of the series name
	Depth  int // nested objects and arrays
}

// A Feature is one number of a record, one array of them, or a label, and how it is
// normalized.
type Feature struct {
	Name     string
	Field    string   // empty with Record.Format binary
	Shape    []int    // extents of an array, outermost first; nil is one number
	Per      string   // none, or an axis from "0": what of an array shares statistics; empty is nothing
	Scope    string   // series, global; empty is Config.Scope
	Fixed    *Fixed   // numbers in place of learned ones; nil is none
	By       []string // features that a ratio is of: one, or one for each index of the last axis
	Scaler   Scaler
	Encoding Encoding // of a label, where Scaler.Kind is the same; else zero
	Pre      []Pre    // applied in order before the scaler
	Impute   Impute
	Exact    string // require, prefer; empty takes the quantiles of a digest
	Role     string // feature, target; empty is feature
}

// A Fixed has the numbers of a standard scaler that are known: one, or one for
// each set of statistics.
type Fixed struct {
	Mean, Scale []float64
}

// A Scaler names a scaler and its options with scikit-learn's names. Options of
// other kinds are zero.
type Scaler struct {
	Kind               string // none, standard, minmax, maxabs, robust, quantile, yeo_johnson, box_cox, kbins, normalizer, ratio; of labels onehot, ordinal
	WithMean           bool
	WithStd            bool
	FeatureRange       *[2]float64
	Clip               bool
	WithCentering      bool
	WithScaling        bool
	QuantileRange      *[2]float64 // percent
	UnitVariance       bool
	NQuantiles         int
	OutputDistribution string // uniform, normal
	Standardize        bool
	NBins              int
	Strategy           string // uniform, quantile, kmeans
	Norm               string // l1, l2, max, peak, standard
}

// A Pre is one step before the scaler.
type Pre struct {
	Kind          string   // log, log1p, sqrt, asinh, affine, clip
	Scale, Offset float64  // affine: x*Scale + Offset
	Min, Max      *float64 // clip; nil is no bound
}

// An Impute says what stands in for a missing value. Its zero value is nothing.
type Impute struct {
	Kind     string // mean, median, constant
	Constant float64
}

// A Cutoff says where training ends: exactly one of EventTime, Offsets, Records,
// End and Manual is set. The other fields belong to EventTime.
type Cutoff struct {
	EventTime      time.Time       // UTC
	Offsets        map[int32]int64 // by partition: the first offset that is not learned
	Records        int64           // of each partition
	End            bool            // everything the source holds
	Manual         bool            // when tare freeze says so
	Gap            time.Duration
	OutOfOrderness time.Duration // or Unbounded
	Idleness       time.Duration
	MaxLate        float64 // share of the training records, 0 to 1
}

// Unbounded is an out-of-orderness without limit.
const Unbounded time.Duration = math.MaxInt64

// A Split names a stretch behind the cutoff. Only the last may have no Until.
type Split struct {
	Name  string
	Until time.Time // UTC
}

// Normalize holds the policies of the normalize pass.
type Normalize struct {
	Emit          string // all, live
	UnknownSeries string // missing, pooled, dead_letter, drop, passthrough, fail
	MinSamples    int
	OnError       string // continue, fail
	OnGap         string // stop, record
}

// An Output says what an output record looks like.
type Output struct {
	Value   string // replace, features, vector
	Dtype   string // float64, float32; int16, uint8 of packed numbers
	Missing string // nan, zero, mask
	Meta    string // headers, field, none
}

// A Sink says where output records go: to a topic, a file, or without either to
// standard output.
type Sink struct {
	File  File
	Kafka *KafkaSink
}

// A KafkaSink is a topic of the source's cluster to write.
type KafkaSink struct {
	Topic       string // {revision} stands for the revision, in Sink also {split} for the split of a record
	Compression string // none, gzip, snappy, lz4, zstd
	Replication int    // of topics that are created; 0 is the broker's default

	// What a topic that holds records already may hold: the first 16 hex digits of
	// the identity of another artifact, or "committed", which goes on from the
	// committed position though the topic's records are gone. Empty is neither.
	ContinueFrom string
}

// A DeadLetter says where rejected records go: to a topic, a file, or nowhere.
type DeadLetter struct {
	File  File
	Kafka *KafkaSink
	Limit int64 // rejected records after which the run fails; 0 is no limit
}

// A File is one output file; "-" is standard output.
type File struct {
	Path         string // {revision} stands for the revision, in Sink also {split} for the split of a record from a topic
	ContinueFrom string // what a file that a topic goes to may hold, as in KafkaSink
}

// State says where learned state lies and how much of it there may be.
type State struct {
	Dir        string
	Checkpoint time.Duration // between checkpoints
	MaxSeries  int
}

// HTTP says where status, metrics and health are served.
type HTTP struct {
	Listen string // host:port; empty is nowhere
}

// Default returns a configuration that holds every default and nothing else:
// pipeline, features and cutoff are still to be set.
func Default() *Config {
	return &Config{
		Version:   1,
		Revision:  1,
		Record:    Record{Format: "json", Time: Time{Layout: "rfc3339"}, BadValue: "reject", Limits: Limits{1 << 20, 64 << 10, 64}, MaxFutureSkew: 24 * time.Hour},
		Scope:     "series",
		Cutoff:    Cutoff{OutOfOrderness: 5 * time.Minute, Idleness: time.Minute, MaxLate: 0.1},
		Normalize: Normalize{Emit: "all", UnknownSeries: "missing", MinSamples: 2, OnError: "continue", OnGap: "stop"},
		Output:    Output{Value: "replace", Dtype: "float64", Missing: "nan", Meta: "headers"},
		State:     State{Dir: "./state", Checkpoint: 10 * time.Second, MaxSeries: 1_000_000},
		HTTP:      HTTP{Listen: "127.0.0.1:8477"},
	}
}

// NewFeature returns the feature that a bare name stands for: the field of that
// name, standardized.
func NewFeature(name string) Feature {
	return Feature{Name: name, Field: name, Scaler: NewScaler("standard")}
}

// NewKafkaSource returns a topic with every default: brokers and topic are still to
// be set.
func NewKafkaSource() KafkaSource {
	return KafkaSource{Cluster: Cluster{ClientID: "tare"}, Start: Start{At: "earliest"}}
}

// NewScaler returns a scaler with scikit-learn's defaults.
func NewScaler(kind string) Scaler {
	s := Scaler{Kind: kind}
	switch kind {
	case "standard":
		s.WithMean, s.WithStd = true, true
	case "minmax":
		s.FeatureRange = &[2]float64{0, 1}
	case "robust":
		s.WithCentering, s.WithScaling = true, true
		s.QuantileRange = &[2]float64{25, 75}
	case "quantile":
		s.NQuantiles, s.OutputDistribution = 1000, "uniform"
	case "yeo_johnson", "box_cox":
		s.Standardize = true
	case "kbins":
		s.NBins, s.Strategy = 5, "quantile"
	case "normalizer":
		s.Norm = "l2"
	}
	return s
}

// MaxFile is the largest configuration file, and the most that the environment
// and files may add to one, in bytes.
const MaxFile = 1 << 20

// Load reads the file at path. env looks up an environment variable, as
// os.LookupEnv does; files named by ${file:...} are read from the working
// directory. The error is a *Problems.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, &Problems{{File: path, Message: cause(err)}}
	}
	return Parse(path, data, env, readFile)
}

// Parse reads a configuration. name stands in for the file's name in messages;
// env and readFile give what ${NAME} and ${file:path} stand for, nil gives
// nothing. The error is a *Problems with all that is wrong.
func Parse(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error)) (*Config, error) {
	r := newReader(name, env, readFile)
	c := Default()
	if root := r.document(data); root != nil {
		r.read(object(keys(c)...), "", root)
		r.settle(c)
		r.check(c)
	}
	if err := r.problems(); err != nil {
		return nil, err
	}
	c.warnings = r.warnings
	return c, nil
}

// Warnings lists what is allowed in the file that c was read from but better
// otherwise, in the order of positions.
func (c *Config) Warnings() []Problem { return c.warnings }

// readFile reads at most one byte more than a configuration may hold.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// cause says why a file cannot be read, without its name.
func cause(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		err = p.Err
	}
	return fmt.Sprintf("cannot read: %v", err)
}
