package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"tare/config"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/store"
	"tare/stream"
)

// This file holds what features that are labels change of what is learned, written
// and shown.

// encodingOf returns how a label is encoded; nil for a number.
func encodingOf(f *config.Feature) *scale.Encoding {
	if f.Encoding.Kind == "" {
		return nil
	}
	e := scale.Encoding(f.Encoding)
	return &e
}

// labeled reports whether some feature is a label.
func labeled(m *store.Manifest) bool {
	return slices.ContainsFunc(m.Features, func(f frozen.Feature) bool { return f.Encoding != nil })
}

// kindOf names what makes numbers of a feature.
func kindOf(f *frozen.Feature) string {
	if f.Encoding != nil {
		return f.Encoding.Kind
	}
	return f.Scaler.Kind
}

// codesOf returns the labels that an artifact has codes for, by feature.
func codesOf(f *frozen.Frozen) []record.Codes {
	codes := make([]record.Codes, len(f.Features()))
	for i := range codes {
		codes[i] = f.Codes(i)
	}
	return codes
}

// columnsOf names, for each feature that has several columns, what they are.
func columnsOf(f *frozen.Frozen) map[string][]string {
	columns := map[string][]string{}
	for i := range f.Features() {
		if spec := &f.Features()[i]; spec.Encoding != nil && spec.Encoding.Kind == scale.OneHot {
			columns[spec.Name] = f.Encoder(i).Names(spec.Name)
		}
	}
	return columns
}

const (
	categoriesShown = 10
	labelShown      = 40 // bytes
)

// A dictionaryReport is the categories of one feature.
type dictionaryReport struct {
	Feature    string           `json:"feature"`
	Kind       string           `json:"kind"`            // text, number or bool: how the inverse writes a label
	Error      uint64           `json:"error,omitempty"` // how many training records each count may lack
	Categories []categoryReport `json:"categories"`
}

// A categoryReport is one label; its code is its place.
type categoryReport struct {
	Label      string `json:"label"`
	Count      uint64 `json:"count"`
	Infrequent bool   `json:"infrequent,omitempty"`
}

// reportLabels tells of all features that are labels.
func reportLabels(f *frozen.Frozen) (reports []dictionaryReport) {
	kinds := map[record.LabelKind]string{record.TextLabel: "text", record.NumberLabel: "number", record.BoolLabel: "bool"}
	for i := range f.Features() {
		d := f.Learned(i).Labels
		if d == nil {
			continue
		}
		r := dictionaryReport{Feature: f.Features()[i].Name, Kind: kinds[d.Kind], Error: d.Error, Categories: make([]categoryReport, len(d.Categories))}
		for code, label := range d.Categories {
			r.Categories[code] = categoryReport{label, d.Counts[code], d.Infrequent[code] != 0}
		}
		reports = append(reports, r)
	}
	return reports
}

// printLabels prints a line for each feature that is a label.
func printLabels(out io.Writer, f *frozen.Frozen) {
	for _, r := range reportLabels(f) {
		fmt.Fprintf(out, "%s: %s\n", r.Feature, r.text())
	}
}

func (r *dictionaryReport) text() string {
	var parts []string
	infrequent := 0
	for i, c := range r.Categories {
		if c.Infrequent {
			infrequent++
		}
		if i >= categoriesShown {
			continue
		}
		part := labelText(c.Label) + " " + strconv.FormatUint(c.Count, 10)
		if c.Infrequent {
			part += " (infrequent)"
		}
		parts = append(parts, part)
	}
	text := plural(len(r.Categories), "category", "categories")
	if infrequent > 0 {
		text += fmt.Sprintf(", %d of them infrequent", infrequent)
	}
	text += ": " + strings.Join(parts, ", ")
	if more := len(r.Categories) - categoriesShown; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	if r.Error > 0 {
		text += fmt.Sprintf("; more labels came than were counted: a count may lack up to %d", r.Error)
	}
	return text
}

// labelText writes a label in quotes, or the start of a long one.
func labelText(label string) string {
	if len(label) > labelShown {
		label = strings.ToValidUTF8(label[:labelShown], "") + "..."
	}
	return strconv.Quote(label)
}

// label tells what becomes of the label of a record.
func (e *explainer) label(i int, label *record.Label) {
	f := e.artifact.Frozen
	spec, l := &f.Features()[i], f.Learned(i)
	fmt.Fprintf(e.out, "  %s: %s, learned from %s (%d missing)\n", spec.Name, spec.Encoding.Kind, plural(int(l.Count[0]), "label", "labels"), l.Missing[0])
	code, raw := math.NaN(), "missing"
	if label.Kind != record.NoLabel {
		code, raw = f.Code(i, label.Text), labelText(string(label.Text))
	}
	e.line("raw", raw)
	switch {
	case code < 0 && spec.Encoding.Rejects():
		e.line("warning", fmt.Sprintf("none of the %s: the record is rejected (handle_unknown is error)", plural(len(l.Labels.Categories), "category", "categories")))
		return
	case code < 0:
		e.line("warning", fmt.Sprintf("none of the %s (handle_unknown is %s)", plural(len(l.Labels.Categories), "category", "categories"), spec.Encoding.HandleUnknown))
	case code >= 0:
		e.line("category", categoryText(l.Labels, int(code)))
	}
	t := f.ExplainLabel(i, code)
	for k, name := range f.Encoder(i).Names(spec.Name) {
		if k == categoriesShown {
			fmt.Fprintf(e.out, "    %s\n", plural(len(t.Outputs)-k, "more column", "more columns"))
			break
		}
		e.line(name, full(t.Outputs[k]))
	}
}

// categoryText tells of a category, which it numbers from 0 as ordinal does.
func categoryText(d *frozen.Dictionary, code int) string {
	text := fmt.Sprintf("%d of %d, %s", code, len(d.Categories), plural(int(d.Counts[code]), "training record", "training records"))
	if d.Infrequent[code] != 0 {
		text += ", infrequent"
	}
	return text
}

// judgeLabels tells of records of a sample with labels that a frozen artifact does
// not know.
func (t *trial) judgeLabels(r *dryReport, s *sampleReport) {
	rejected, on := t.counts.Rejected[record.BadLabel], t.counts.UnknownLabel
	if t.artifact == nil || rejected+on == 0 {
		return
	}
	r.say(stream.CheckWarn, "labels", "%d of %d records of the sample have a label that the artifact does not know: %d are rejected, %d go on (handle_unknown)", rejected+on, s.accepted, rejected, on)
}

// tellLossy tells of features that have more labels than were counted.
func (a *app) tellLossy(r *stream.Result) {
	for _, line := range r.Lossy() {
		a.say("warning: %s", line)
	}
}

// sameLabels compares the categories of a feature.
func sameLabels(x, y *frozen.Dictionary) bool {
	if x == nil || y == nil {
		return x == y
	}
	return slices.Equal(x.Categories, y.Categories) && slices.Equal(x.Counts, y.Counts) && equal(x.Infrequent, y.Infrequent) && x.Error == y.Error && x.Kind == y.Kind
}
