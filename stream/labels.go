package stream

import (
	"fmt"
	"strings"

	"tare/frozen"
	"tare/record"
)

// This file holds what becomes of labels that are none of the categories.

// briefLabel is how many bytes of a label are shown.
const briefLabel = 60

// brief returns a label, or the start of a long one.
func brief(label []byte) string {
	if len(label) <= briefLabel {
		return string(label)
	}
	return strings.ToValidUTF8(string(label[:briefLabel]), "") + "..."
}

// Lossy says which features have more labels than were counted, a line each.
func (r *Result) Lossy() (lines []string) {
	for i := range r.Frozen.Features() {
		f, d := &r.Frozen.Features()[i], r.Frozen.Learned(i).Labels
		if d == nil || d.Error == 0 {
			continue
		}
		lines = append(lines, fmt.Sprintf("feature %q has about %d labels, and max_tracked is %d: the frequent ones are kept, counts may lack up to %d, and a label that came no more often may be unknown; raise max_tracked, or leave the feature out",
			f.Name, r.Manifest.Pooled[i].Distinct, f.Encoding.MaxTracked, d.Error))
	}
	return lines
}

// unknownLabel says what is wrong with a record that is rejected for the label of a
// feature, and what to do.
func unknownLabel(f *frozen.Frozen, feature int, row *record.Row) string {
	return fmt.Sprintf("feature %q: label %q is none of the categories that were learned; raise revision to learn it, with another handle_unknown than error if such records are to go on",
		f.Features()[feature].Name, brief(labelOf(f, feature, row).Text))
}

// labelOf returns the label of a feature that is one.
func labelOf(f *frozen.Frozen, feature int, row *record.Row) *record.Label {
	at := 0
	for i := range feature {
		if f.Features()[i].Encoding != nil {
			at++
		}
	}
	return &row.Labels[at]
}

// warned lists the features whose unknown labels are told of.
func warned(f *frozen.Frozen) (features []int) {
	for i := range f.Features() {
		if e := f.Features()[i].Encoding; e != nil && e.Warns() {
			features = append(features, i)
		}
	}
	return features
}

// warn tells of the first unknown label of a record that is to be told of.
func (n *normalizing) warn(m *record.Message, row *record.Row) {
	f := n.Artifact.Frozen
	for _, feature := range n.warned {
		if label := labelOf(f, feature, row); label.Kind != record.NoLabel && f.Code(feature, label.Text) < 0 {
			n.Warnings.Label(n.mark.Topic, m, f.Features()[feature].Name, label.Text)
			return
		}
	}
}
