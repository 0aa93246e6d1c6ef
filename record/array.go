package record

import "math"

// array reads the array of feature f, whose bracket is at i. It nests as the
// shape says; an element null is missing. An array of another shape is missing as
// a whole, or a reason to reject the record.
func (d *JSON) array(b []byte, i, f, depth int) int {
	bad := d.row.Bad
	d.feature, d.misshapen = f, false
	end := d.nest(b, i, d.places[f].shape, d.of(f, d.row.Numbers), depth+1)
	if end < 0 {
		return -1
	}
	d.row.Spans[f] = Span{int32(i), int32(end)}
	d.filled[f] = !d.misshapen
	if d.misshapen && d.row.Bad > bad {
		d.row.Bad = bad + 1 // whatever else is wrong with it
	}
	return end
}

// nest reads an array whose bracket is at i into dst, which holds as many numbers
// as the shape. Elements beyond that are not looked at.
func (d *JSON) nest(b []byte, i int, shape []int, dst []float64, depth int) int {
	if depth > d.scan.depth {
		return d.scan.fail(i, tooDeep)
	}
	if len(shape) == 1 {
		return d.flat(b, i, dst, depth)
	}
	start, n, size := i, 0, len(dst)/shape[0]
	i, more := d.scan.open(b, i+1, ']', "a value or ]")
	for more {
		switch {
		case n >= shape[0]:
			i = d.scan.value(b, i, depth)
		case i < len(b) && b[i] == '[':
			i = d.nest(b, i, shape[1:], dst[n*size:(n+1)*size], depth+1)
		default:
			unset(dst[n*size : (n+1)*size])
			i = d.odd(b, i, depth, false)
		}
		if i < 0 {
			return -1
		}
		n++
		i, more = d.scan.next(b, i, ']', ", or ]")
	}
	if i >= 0 && n != shape[0] {
		d.misfit(start, i)
	}
	return i
}

// flat reads an array of numbers whose bracket is at i into dst.
func (d *JSON) flat(b []byte, i int, dst []float64, depth int) int {
	start, n, largest := i, 0, d.largest()
	i, more := d.scan.open(b, i+1, ']', "a value or ]")
	for more {
		switch {
		case n >= len(dst):
			i = d.scan.value(b, i, depth)
		case i < len(b) && isNumber(b[i]):
			from := i
			var number decimal
			if number, i = d.scan.number(b, i); i < 0 {
				return -1
			}
			dst[n] = number.float(b[from:i])
			if math.Abs(dst[n]) > largest {
				dst[n] = math.NaN()
				d.setBad(BadRange, d.feature, Span{int32(from), int32(i)}, "")
			}
		default:
			dst[n] = math.NaN()
			i = d.odd(b, i, depth, true)
		}
		n++
		switch {
		case i < 0:
			return -1
		case i < len(b) && b[i] == ',':
			i = blank(b, i+1)
		default:
			i, more = d.scan.next(b, i, ']', ", or ]")
		}
	}
	if i >= 0 && n != len(dst) {
		d.misfit(start, i)
	}
	return i
}

// odd reads an element that is no number, or that stands where an array should.
// null alone, in the place of a number, is as it should be.
func (d *JSON) odd(b []byte, i, depth int, number bool) int {
	end := d.scan.value(b, i, depth)
	if end < 0 {
		return -1
	}
	switch c := b[i]; {
	case c == '[' || !number && (c == 'n' || isNumber(c)):
		d.misfit(i, end)
	case c != 'n':
		d.setBad(BadType, d.feature, Span{int32(i), int32(end)}, "")
	}
	return end
}

// misfit notes that what stands there has not the shape that it should have.
func (d *JSON) misfit(start, end int) {
	d.misshapen = true
	d.setBad(BadShape, d.feature, Span{int32(start), int32(end)}, "")
}
