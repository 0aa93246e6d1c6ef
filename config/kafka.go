package config

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// This file holds what a topic needs as source and as sink: its keys, and what
// they must hold together.

func kafkaSourceKind(k *KafkaSource) kind {
	return object(
		key{name: "brokers", kind: list(&k.Brokers, "a list of brokers", "", "", broker), required: true, doc: "where to ask for the cluster; one that answers is enough"},
		key{name: "topic", kind: topic(&k.Topic), required: true, doc: "the topic to read"},
		key{name: "start", kind: startKind(&k.Start), doc: "the first records to read: all that the topic holds, those to come, those whose timestamp is not before a time, or those from an offset of each partition on"},
		key{name: "tls", kind: tlsKind(&k.TLS), doc: "encrypt connections; `true` trusts the authorities of the system", def: "`false`"},
		key{name: "sasl", kind: optional(&k.SASL, SASL{}, saslKind), doc: "say who the client is", def: "no authentication"},
		key{name: "client_id", kind: text(&k.ClientID, "a printable text of 1 to 255 bytes", func(v value) (string, bool) {
			return "", len(v.text) <= 255 && !strings.ContainsFunc(v.text, func(c rune) bool { return !unicode.IsPrint(c) })
		}), doc: "what the brokers call this client in logs, metrics and quotas"},
	)
}

// startKind is a word, or a mapping with a time or with offsets.
func startKind(s *Start) kind {
	is := func(at string) func() bool { return func() bool { return s.At == at } }
	bare := choice(&s.At, []string{"earliest", "latest"})
	k := either(
		variant(bare, func() {}, func() bool { return s.At != "time" && s.At != "offsets" }),
		object(
			key{name: "time", alternative: true, kind: variant(instant(&s.Time), func() { s.At = "time" }, is("time")), doc: "the earliest timestamp that a record has in Kafka"},
			key{name: "offsets", alternative: true, kind: variant(offsets(&s.Offsets), func() { s.At = "offsets" }, is("offsets")), doc: "for every partition the first offset"},
		))
	k.name = "earliest, latest, {time: T} or {offsets: {0: 42}}"
	return k
}

// tlsKind is a boolean, or a mapping.
func tlsKind(dst **TLS) kind {
	full := optional(dst, TLS{}, func(t *TLS) kind {
		return object(
			key{name: "ca", kind: pemFile(&t.CA), doc: "authorities that sign the brokers' certificates", def: "those of the system"},
			key{name: "cert", kind: pemFile(&t.Cert), doc: "the client's certificate", def: "none"},
			key{name: "key", kind: pemFile(&t.Key), doc: "its private key, not encrypted", def: "none"},
			key{name: "server_name", kind: anyText(&t.ServerName, "a host name"), doc: "the name that the brokers' certificates are held against", def: "the host of the broker"},
			key{name: "insecure_skip_verify", kind: boolean(&t.InsecureSkipVerify), doc: "accept any certificate: anybody in between can read and change everything"},
		)
	})
	on := *dst != nil
	bare := boolean(&on)
	read := bare.scalar
	bare.scalar = func(v value) (string, bool) {
		hint, ok := read(v)
		if ok && on {
			*dst = &TLS{}
		}
		return hint, ok
	}
	bare.write = func() *yaml.Node {
		if *dst == nil || **dst != (TLS{}) {
			return nil
		}
		return scalarNode("!!bool", "true")
	}
	k := either(bare, full)
	k.name = "true, false or a mapping with the keys " + words("and", names(keysOf(full)))
	return k
}

func saslKind(s *SASL) kind {
	return object(
		key{name: "mechanism", kind: choice(&s.Mechanism, []string{"plain", "scram-sha-256", "scram-sha-512"}), required: true, doc: "how the password is shown; `plain` needs `tls`, or it can be read on the way"},
		key{name: "username", kind: anyText(&s.Username, "a user name"), required: true, doc: "the user"},
		key{name: "password", kind: secret(&s.Password), required: true, doc: "the password, as `${VAR}` or `${file:path}`: it is never shown"},
	)
}

var freshSink = KafkaSink{Compression: "none"}

func kafkaSinkKind(k *KafkaSink, topic kind, doc string) kind {
	return object(
		key{name: "topic", kind: topic, required: true, doc: doc + "; created with the partitions of the source if it is not there"},
		key{name: "compression", kind: choice(&k.Compression, []string{"none", "gzip", "snappy", "lz4", "zstd"}), doc: "of what is written"},
		key{name: "replication", kind: integer(&k.Replication, 0, math.MaxInt16), doc: "replicas of a topic that is created; 0 is the brokers' default"},
		key{name: "continue_from", kind: continueFrom(&k.ContinueFrom),
			doc: "write to a topic that another artifact has written, named by its first 16 hex digits; or go on from the `committed` position though the records written before are gone", def: "neither"},
	)
}

func continueFrom(dst *string) kind {
	return matching(dst, "committed, or the first 16 hex digits of an artifact's identity", `^(committed|[0-9a-f]{16})$`, 16)
}

// maxTopic is the longest name of a topic in Kafka, in bytes.
const maxTopic = 249

var (
	topicForm = regexp.MustCompile(`^[a-zA-Z0-9._-]*$`)
	inBraces  = regexp.MustCompile(`\{(split|revision)\}`)
	anyBraces = regexp.MustCompile(`\{[^{}]*\}`)
)

// shortSplit is about the shortest name of a split.
const shortSplit = "gap"

// topic is the name of a topic, in which some words may stand in braces.
func topic(dst *string, braces ...string) kind {
	name := "a topic of 1 to 249 letters, digits and . _ -, other than . and .."
	if len(braces) > 0 {
		name += ", in which " + words("and", braces) + " may stand"
	}
	k := text(dst, name, func(v value) (string, bool) {
		shortest := v.text
		for _, b := range braces {
			shortest = strings.ReplaceAll(shortest, b, map[string]string{"{split}": shortSplit, "{revision}": "1"}[b])
		}
		if topicForm.MatchString(shortest) && len(shortest) <= maxTopic && shortest != "." && shortest != ".." {
			return "", true
		}
		return braceHint(v, shortest, braces), false
	})
	k.schema = func() dict {
		forms := `[a-zA-Z0-9._-]`
		for _, b := range braces {
			forms += "|" + regexp.QuoteMeta(b)
		}
		return orExpression(dict{"type": "string", "pattern": "^(" + forms + ")+$", "not": dict{"enum": []string{".", ".."}}})
	}
	return k
}

// braceHint says what is wrong with the first word in braces that is left.
func braceHint(v value, left string, accepted []string) string {
	word := anyBraces.FindString(left)
	switch {
	case v.expanded || word == "":
		return ""
	case inBraces.MatchString(word):
		return brief(word) + " has no meaning here"
	}
	return didYouMean(word, accepted)
}

// checkSource refuses what files as a source do not have, and what a topic does
// not have.
func (r *reader) checkSource(c *Config) {
	switch {
	case r.bad["source"] || r.bad["source.kafka"]:
	case c.Source.Kafka == nil:
		r.checkNoTopic(c)
	default:
		r.checkTopicAsSource(c)
	}
}

func (r *reader) checkNoTopic(c *Config) {
	for _, at := range []string{"sink.kafka", "dead_letter.kafka"} {
		if r.has(at) {
			r.problemAt(at, "needs source.kafka, whose cluster it writes to; write %s.file", parent(at))
		}
	}
	for _, at := range []string{"sink.file.continue_from", "dead_letter.file.continue_from"} {
		if r.has(at) {
			r.problemAt(at, "needs source.kafka: what files become is written anew, with --force")
		}
	}
	if strings.Contains(c.Sink.File.Path, "{split}") {
		r.problemAt("sink.file.path", "{split} needs source.kafka: what files become goes to one file")
	}
	if c.Cutoff.Manual {
		r.problemAt("cutoff.manual", "needs source.kafka; files end by themselves, which is end: true")
	}
	refuse := func(special string, list []use) {
		for _, u := range list {
			if u.field == special {
				r.problemAt(u.at, `%s needs source.kafka, for files have none; in JSON \%[1]s is the field of that name`, special)
			}
		}
	}
	series, time, _ := r.uses(c)
	refuse(KeyField, series)
	refuse(TimestampField, time)
}

func (r *reader) checkTopicAsSource(c *Config) {
	if c.Record.Format == "csv" {
		r.problemAt("record.format", "csv needs a header line, which a topic has not; write format: json, or source.file")
	}
	r.checkAppended("sink.file.path", c.Sink.File.Path)
	r.checkAppended("dead_letter.file.path", c.DeadLetter.File.Path)
	r.warnOfValues(c)
	start := c.Source.Kafka.Start.Offsets
	for _, p := range slices.Sorted(maps.Keys(start)) {
		if end, ok := c.Cutoff.Offsets[p]; ok && end < start[p] {
			r.problemAt(join("source.kafka.start.offsets", strconv.Itoa(int(p))), "lies behind the end of the training stretch, cutoff.offsets.%d", p)
		}
	}
}

// checkAppended refuses a compressed file where one is appended to.
func (r *reader) checkAppended(at, path string) {
	if strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst") {
		r.problemAt(at, "names a compressed file, which cannot be cut back when a run over a topic starts again; leave out .gz and .zst")
	}
}

// warnOfValues tells of what is lost where a file has only the values of records.
func (r *reader) warnOfValues(c *Config) {
	if !r.has("sink.file") {
		return
	}
	series, time, _ := r.uses(c)
	warn := func(special string, list []use) {
		for _, u := range list {
			if u.field == special {
				r.warn(u.at, special+" is not in the value of a record, and a file gets nothing else of it; write sink.kafka to keep it")
			}
		}
	}
	warn(KeyField, series)
	warn(TimestampField, time)
}

// checkCluster refuses brokers that stand twice and half a certificate, and
// warns of what makes connections less safe than they look.
func (r *reader) checkCluster(c *Config) {
	const kafka, brokers = "source.kafka", "source.kafka.brokers"
	k := c.Source.Kafka
	if k == nil {
		return
	}
	for i, b := range k.Brokers {
		if first := slices.Index(k.Brokers, b); first < i && b != "" {
			at := element(brokers, i)
			r.problemAt(at, "%s stands twice, first as %s", r.shownAt(at), element(brokers, first))
		}
	}
	if t := k.TLS; t != nil {
		r.checkTLS(join(kafka, "tls"))
		if t.InsecureSkipVerify {
			r.warn(join(kafka, "tls.insecure_skip_verify"), "anybody between here and the brokers can read and change everything; name their authority with ca")
		}
	}
	if s := k.SASL; s != nil {
		if s.Mechanism == "plain" && k.TLS == nil && !r.bad[join(kafka, "tls")] {
			r.warn(join(kafka, "sasl.mechanism"), "without tls everybody on the way can read the password; write tls: true")
		}
		password := join(kafka, "sasl."+passwordKey)
		if r.covered[r.places[password].value] != "" {
			r.warn(password, "stands in the file for everybody who can read it; write ${VAR} or ${file:path}")
		}
	}
}

// checkTLS refuses a certificate without its key and a key without its
// certificate.
func (r *reader) checkTLS(at string) {
	cert, key := join(at, "cert"), join(at, "key")
	if r.has(cert) != r.has(key) && !r.bad[cert] && !r.bad[key] {
		have, want := cert, "key"
		if r.has(key) {
			have, want = key, "cert"
		}
		r.problemAt(have, "needs %s beside it: a client shows both or none", join(at, want))
	}
}

// topics are the names that a topic with words in braces stands for.
func topics(c *Config, name string) []string {
	name = strings.ReplaceAll(name, "{revision}", strconv.Itoa(c.Revision))
	all := []string{name}
	if strings.Contains(name, "{split}") {
		all = nil
		for _, split := range splitNames(c) {
			all = append(all, strings.ReplaceAll(name, "{split}", split))
		}
	}
	return all
}

// splitNames are the names of all splits.
func splitNames(c *Config) []string {
	names := []string{"train", "gap"}
	for _, s := range c.Splits {
		names = append(names, s.Name)
	}
	if n := len(c.Splits); n == 0 || !c.Splits[n-1].Until.IsZero() {
		names = append(names, "live")
	}
	return names
}

// checkTopics refuses topics that are too long with their words filled in, that
// are used twice, or that tare keeps for itself.
func (r *reader) checkTopics(c *Config) {
	const source, sink, dead = "source.kafka.topic", "sink.kafka.topic", "dead_letter.kafka.topic"
	taken := map[string]string{}
	check := func(at, topic string) {
		names := topics(c, topic)
		for _, name := range names {
			if wrong := topicProblem(c, name, taken[name]); wrong != "" {
				r.problemAt(at, "%s", wrong)
				break
			}
		}
		for _, name := range names {
			taken[name] = at
		}
	}
	if k := c.Source.Kafka; k != nil && k.Topic != "" {
		check(source, k.Topic)
	}
	if k := c.Sink.Kafka; k != nil && k.Topic != "" {
		check(sink, k.Topic)
	}
	if k := c.DeadLetter.Kafka; k != nil && k.Topic != "" {
		check(dead, k.Topic)
	}
}

// topicProblem says what is wrong with a topic that other already uses, unless
// that is empty.
func topicProblem(c *Config, name, other string) string {
	rest, own := strings.CutPrefix(name, "tare."+c.Pipeline+".")
	_, revision := digits(rest)
	switch {
	case other != "":
		return "is the topic of " + other + " too; give it one of its own"
	case own && revision:
		return "tare.<pipeline>.<revision> is the control topic, where tare keeps its decisions; choose another name"
	case len(name) > maxTopic:
		longest := slices.MaxFunc(splitNames(c), func(a, b string) int { return len(a) - len(b) })
		return "is longer than " + strconv.Itoa(maxTopic) + " bytes with the revision and the longest split, " + longest + ", filled in"
	}
	return ""
}
