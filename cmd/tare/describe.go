package main

import (
	"fmt"
	"strings"

	"tare/record"
	"tare/stream"
)

// A part is a number of records and what became of them.
type part struct {
	n    int64
	what string
}

// describe tells what became of records in one line, the rejected by reason.
func describe(records int64, parts []part, rejected []int64) string {
	var text []string
	for _, p := range parts {
		if p.n > 0 {
			text = append(text, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	var total int64
	var reasons []string
	for reason, n := range rejected {
		if n > 0 {
			total += n
			reasons = append(reasons, fmt.Sprintf("%s %d", record.Reason(reason), n))
		}
	}
	if total > 0 {
		text = append(text, fmt.Sprintf("%d rejected (%s)", total, strings.Join(reasons, ", ")))
	}
	n := plural(int(records), "record", "records")
	if len(text) == 0 {
		return n
	}
	return n + ": " + strings.Join(text, ", ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}

// describeNormalize tells what became of the records of a normalize pass.
func describeNormalize(c *stream.NormalizeCounts) string {
	text := describe(c.Records(), []part{
		{c.Train, "train"}, {c.Gap, "gap"}, {c.Live, "live"}, {c.Late, "late"},
	}, c.Rejected[:])
	var notes []string
	for _, p := range []part{
		{c.Unknown, "of unknown series"}, {c.OutOfRange, "out of range"}, {c.UnknownLabel, "with an unknown label"}, {c.Imputed, "imputed"},
		{c.Bad, "bad values taken as missing"}, {c.Dropped, "dropped"}, {c.NotLive, "not emitted"}, {c.Buried, "dead letters"},
	} {
		if p.n > 0 {
			notes = append(notes, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	text += fmt.Sprintf("; %d written", c.Written)
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, ", ") + ")"
	}
	return text
}

func describeInvert(c *stream.NormalizeCounts) string {
	return describe(c.Records(), []part{
		{c.Live - c.Unknown, "inverted"}, {c.Unknown, "unchanged, of unknown series"},
	}, c.Rejected[:])
}
