package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// TestSecret holds that no way of printing shows a Secret, alone or within what
// holds it.
func TestSecret(t *testing.T) {
	s := Secret(canary)
	if s.Reveal() != canary {
		t.Errorf("revealed %q", s.Reveal())
	}
	f := func(how, got string) {
		t.Helper()
		if strings.Contains(strings.ToLower(got), canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) || !strings.Contains(got, "***") {
			t.Errorf("%s: got %s", how, got)
		}
	}
	sasl := SASL{"plain", "u", s}
	for _, v := range []any{s, &s, sasl, &sasl, []Secret{s}, map[string]Secret{"a": s}} {
		for verb := 'A'; verb <= 'z'; verb++ {
			if !unicode.IsLetter(verb) || strings.ContainsRune("pTw", verb) { // never the Formatter's; vet refuses p and w
				continue
			}
			for _, flags := range []string{"%", "%+", "%#", "% ", "%-20", "%020.3"} {
				// A pointer within is an address.
				if _, pointer := v.(*Secret); !pointer {
					f(flags+string(verb), fmt.Sprintf(flags+string(verb), v))
				}
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		if strings.Contains(log.String(), canary) {
			t.Errorf("slog: got %s", log.String())
		}
		text, err := json.Marshal(v)
		f("JSON", fmt.Sprintf("%s %v", text, err))
		text, err = yaml.Dump(v)
		f("YAML", fmt.Sprintf("%s %v", text, err))
	}
	f("String", s.String())
	f("GoString", s.GoString())
	f("print", fmt.Sprint(s)+fmt.Sprintln(s))
	f("error", fmt.Errorf("a: %v", s).Error())
	f("LogValue", s.LogValue().String())
}

// literals are passwords as they stand in a file, most of them none that YAML or
// a configuration takes as one text. X is the secret.
var literals = []string{
	"X", `"X"`, "'X'", "X X", `"X\nX"`, `"X\0"`, "5X", "*X", "&X", "&X X", "!X", "!X X", "!!X X", "!<X> X", "!X!X X", "@X", "`X", "%X", "|X", ">X",
	"X: X", "X:", "? X", "- X", "[X]", "[X", "{X}", "{X: X}", "{X: {X: [X]}}", "{X", "X}", "X]", "X, X", "X,X: X", "'X'X", `"X`, `"\X"`, "#X", "X #X",
	`"X${"`, `"X${X"`, `"${X-X}"`, `"${A:-X}"`, `"${A:-X${A}}"`, `"${A:=X}"`, `"X${A}"`, `"${B}X"`, `"X${file:none}"`, `"X$$"`, `"-----BEGIN X-----"`,
}

// TestLiteralPasswords writes passwords into files, sound and broken ones, in
// every way that comes to mind: nothing that is said of the file, nor what is
// printed of the Config, shows a part of one.
func TestLiteralPasswords(t *testing.T) {
	flow := "source: {kafka: {brokers: ['a:1'], topic: in, sasl: {mechanism: plain, username: u, password: %s}}}\n"
	block := "source:\n  kafka:\n    brokers: ['a:1']\n    topic: in\n    sasl:\n      mechanism: plain\n      password: %s\n      username: u\n"
	accepted := 0
	for _, literal := range literals {
		for _, file := range []string{flow, block, strings.Replace(flow, "mechanism: plain", "mechanism: x", 1), strings.Replace(block, "sasl:", "sas:", 1), "password: %s\n", "sink: {kafka: {password: %s}}\n"} {
			data := complete(fmt.Appendf(nil, file, strings.ReplaceAll(literal, "X", canary)))
			c, err := Parse("c.yaml", data, getenv, getfile)
			if err != nil {
				if strings.Contains(err.Error(), canary) {
					t.Errorf("%v\nin\n%s", err, data)
				}
				continue
			}
			if s := c.Source.Kafka.SASL; s.Password != "" && strings.Contains(s.Password.Reveal(), canary) {
				accepted++
			}
			text, err := json.Marshal(c)
			said := fmt.Sprintf("%v %+v %#v %v %s %s %v", c, *c, c.Source.Kafka.SASL, c.Warnings(), c.YAML(), text, err)
			if strings.Contains(said, canary) {
				t.Errorf("%s\nof\n%s", said, data)
			}
			if !slices.ContainsFunc(c.Warnings(), func(p Problem) bool { return strings.Contains(p.Message, "sasl.password") }) {
				t.Errorf("no warning of\n%s", data)
			}
		}
	}
	if accepted < 10 {
		t.Errorf("only %d passwords were accepted", accepted)
	}
}

func TestWarnings(t *testing.T) {
	f := func(keys, env string, want ...string) {
		t.Helper()
		file := "source:\n  kafka: {brokers: ['a:1'], topic: in, " + keys + "}\n"
		c, err := Parse("c.yaml", complete([]byte(file)), func(string) (string, bool) { return env, true }, getfile)
		if err != nil {
			t.Error(err)
			return
		}
		var got []string
		for _, p := range c.Warnings() {
			got = append(got, p.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", keys, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	const stands = ": source.kafka.sasl.password: stands in the file for everybody who can read it; write ${VAR} or ${file:path}"
	f("tls: true", "")
	f("tls: true, sasl: {mechanism: plain, username: u, password: '${A}'}", "x")
	f("tls: true, sasl: {mechanism: plain, username: u, password: '${A:?none}${file:name}'}", "x")
	f("tls: true, sasl: {mechanism: plain, username: u, password: '${A:-}'}", "x")
	f("tls: true, sasl: {mechanism: plain, username: u, password: '${A:-x}'}", "x", "c.yaml:2:99"+stands)
	f("tls: true, sasl: {mechanism: plain, username: u, password: x}", "", "c.yaml:2:99"+stands)
	f("tls: true, sasl: {mechanism: plain, username: u, password: 'x${A}'}", "x", "c.yaml:2:99"+stands)
	f("sasl: {mechanism: scram-sha-512, username: u, password: '${A}'}", "x")
	f("tls: '${A}', sasl: {mechanism: plain, username: u, password: '${B:?x}'}", "true")
	f("sasl: {mechanism: plain, username: u, password: x}", "",
		"c.yaml:2:58: source.kafka.sasl.mechanism: without tls everybody on the way can read the password; write tls: true",
		"c.yaml:2:88"+stands)
	f("tls: {insecure_skip_verify: true}", "",
		"c.yaml:2:68: source.kafka.tls.insecure_skip_verify: anybody between here and the brokers can read and change everything; name their authority with ca")
	f("tls: {insecure_skip_verify: false}", "")
}

// TestPasswordOfFile holds that the newline at the end of a file is no part of a
// password.
func TestPasswordOfFile(t *testing.T) {
	f := func(content, want string) {
		t.Helper()
		data := complete([]byte("source: {kafka: {brokers: ['a:1'], topic: in, sasl: {mechanism: plain, username: u, password: '${file:pw}'}}}\n"))
		c, err := Parse("c.yaml", data, nil, func(string) ([]byte, error) { return []byte(content), nil })
		switch {
		case want == "" && err == nil:
			t.Errorf("%q was accepted", content)
		case want != "" && (err != nil || c.Source.Kafka.SASL.Password.Reveal() != want):
			t.Errorf("%q: got %v", content, err)
		}
	}
	f("pw", "pw")
	f("pw\n", "pw")
	f("pw\r\n", "pw")
	f(" p${w} \n", " p${w} ")
	f("pw\n\n", "")
	f("\n", "")
	f("", "")
	f("p\nw", "")
}
