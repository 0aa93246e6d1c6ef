package record

import (
	"math"
	"slices"

	"tare/schema"
)

// A grafter makes room for nested features that a record lacks.
type grafter struct {
	decoder *JSON // for where things stand, in records of any size; its verdict is not asked for
	row     Row
	value   []byte
	message Message // holds value
	lacks   []bool  // per feature, set before insert
}

func newGrafter(s *schema.Schema) (*grafter, error) {
	d, err := NewJSON(&schema.Schema{
		Format:   s.Format,
		Features: s.Features,
		Limits:   schema.Limits{Value: math.MaxInt32, Depth: 10000},
	})
	if err != nil {
		return nil, err
	}
	return &grafter{decoder: d, lacks: make([]bool, len(s.Features))}, nil
}

// insert returns value with a null for each feature that lacks: at the end of
// the object that would hold it, in new objects where there are none, also in
// the place of a null or another value that stands where an object should. It
// returns the row decoded from that, too.
func (g *grafter) insert(value []byte) ([]byte, *Row) {
	start := blank(value, 0)
	g.value = append(g.value[:0], value[:start]...)
	end := g.object(value, start, g.decoder.root)
	g.value = append(g.value, value[end:]...)
	g.message.Value = g.value
	g.decoder.Decode(&g.row, &g.message)
	return g.value, &g.row
}

// object copies the object at i and returns the index behind it.
func (g *grafter) object(b []byte, i int, at *branch) int {
	s, d := &g.decoder.scan, g.decoder
	d.turn++
	turn, from := d.turn, i
	i, more := s.open(b, i+1, '}', "")
	for more {
		k, v := d.find(b, i, at)
		end := s.value(b, v, 0)
		if k != nil && k.below != nil && g.needs(k) {
			k.seen = turn
			g.value = append(g.value, b[from:v]...)
			if b[v] == '{' {
				g.object(b, v, k.below)
			} else {
				g.fresh(k.below)
			}
			from = end
		}
		i, more = s.next(b, end, '}', "")
	}
	g.value = append(g.value, b[from:i-1]...)
	for _, k := range at.keys {
		if k.seen != turn && g.needs(k) {
			g.add(k)
		}
	}
	g.value = append(g.value, '}')
	return i
}

// needs reports whether k is a feature that is lacking or leads to one.
func (g *grafter) needs(k *key) bool {
	features := k.features
	if k.below != nil {
		features = k.below.features
	}
	return slices.ContainsFunc(features, func(f int) bool { return g.lacks[f] })
}

// fresh appends an object of the lacking features in at.
func (g *grafter) fresh(at *branch) {
	g.value = append(g.value, '{')
	for _, k := range at.keys {
		if g.needs(k) {
			g.add(k)
		}
	}
	g.value = append(g.value, '}')
}

func (g *grafter) add(k *key) {
	g.value = append(comma(g.value), k.quote...)
	if k.below != nil {
		g.fresh(k.below)
	} else {
		g.value = append(g.value, "null"...)
	}
}
