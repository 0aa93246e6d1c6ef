package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tare/frozen"
	"tare/schema"
)

// What is shown of an array: of its numbers, of its sets of statistics, and of a
// value of packed numbers.
const (
	numbersShown = 4
	groupsShown  = 8
	packedShown  = 64
)

// shapeText names a feature, an array with its extents: image[3,224,224].
func shapeText(f *frozen.Feature) string {
	if f.Shape == nil {
		return f.Name
	}
	return f.Name + indexed(f.Shape)
}

// numberText names one number of an array: image[0,0,7]; of no array the feature.
func numberText(f *frozen.Feature, number int) string {
	if f.Shape == nil {
		return f.Name
	}
	return f.Name + indexed(unravel(f.Shape, number))
}

// groupText names the numbers that share a set of statistics: image[0,:,:].
func groupText(f *frozen.Feature, group int) string {
	if f.Shape == nil {
		return f.Name
	}
	all := slices.Repeat([]int{-1}, len(f.Shape))
	switch axis, err := strconv.Atoi(f.Per); {
	case f.Groups() == 1:
	case err == nil:
		all[axis] = group
	default:
		all = unravel(f.Shape, group)
	}
	return f.Name + indexed(all)
}

// unravel returns the index of a number in each axis of an array.
func unravel(shape []int, number int) []int {
	index := make([]int, len(shape))
	for axis, extent := range slices.Backward(shape) {
		index[axis], number = number%extent, number/extent
	}
	return index
}

// indexed writes an index as numpy does; -1 is all of an axis.
func indexed(index []int) string {
	parts := make([]string, len(index))
	for i, n := range index {
		if parts[i] = ":"; n >= 0 {
			parts[i] = strconv.Itoa(n)
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// scalerText says how a feature is scaled, and what shares its numbers.
func scalerText(f *frozen.Feature) string {
	if f.Encoding != nil { // always of all series
		return f.Encoding.Kind
	}
	text := f.Scaler.Kind
	if f.Scaler.Norm != "" {
		text += " " + f.Scaler.Norm
	}
	if f.By != nil {
		text += " by " + strings.Join(f.By, ", ")
	}
	if f.Per == frozen.PerNone {
		text += ", pooled"
	} else if f.Per != "" {
		text += ", per axis " + f.Per
	}
	if f.Scope == frozen.ScopeGlobal {
		text += ", global"
	}
	if f.Fixed != nil {
		text += ", fixed"
	}
	return text
}

// packedText writes packed numbers as a list, or the first ones of many.
func packedText(value []byte, t schema.DType) string {
	var list []string
	n := len(value) / t.Size()
	for i := range min(n, packedShown) {
		list = append(list, short(packedNumber(value[i*t.Size():], t)))
	}
	text := "[" + strings.Join(list, ", ")
	if n > packedShown {
		text += fmt.Sprintf(", ... %d numbers", n)
	}
	return text + "]"
}

func packedNumber(b []byte, t schema.DType) float64 {
	switch t {
	case schema.UInt8:
		return float64(b[0])
	case schema.Int16:
		return float64(int16(binary.LittleEndian.Uint16(b)))
	case schema.Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}
