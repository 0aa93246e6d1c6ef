package record

// A Mark tells where an output record came from and what happened to it.
type Mark struct {
	Artifact  string // the first 16 hexadecimal digits of the artifact's id
	Topic     string // the source: topic or file name
	Partition int32
	Offset    int64
	Split     string // train, gap or live
	Flags     Flags
}

// Flags are the noteworthy things about one output record.
type Flags uint8

const (
	Late          Flags = 1 << iota // before the cutoff, yet after the seal: never learned
	UnknownSeries                   // the series was not learned
	OutOfRange                      // a value lies outside of what was learned
	Imputed                         // a missing value was filled in
)

var flagNames = [...]string{"late", "unknown_series", "out_of_range", "imputed"}

// Append appends the names of the flags, joined by commas.
func (f Flags) Append(dst []byte) []byte {
	for i, name := range flagNames {
		if f&(1<<i) == 0 {
			continue
		}
		if f&(1<<i-1) != 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, name...)
	}
	return dst
}

// String returns the names of the flags, joined by commas.
func (f Flags) String() string { return string(f.Append(nil)) }
