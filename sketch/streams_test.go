package sketch_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"tare/internal/accuracy"
)

const shared = "../../shared/"

// open opens a file of the shared data, which are too large for the repository,
// or skips the test.
func open(t *testing.T, name string) *os.File {
	t.Helper()
	file, err := os.Open(shared + name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no %s%s: skipped", shared, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// Streams of 100,000 values whose moments and quantiles are known exactly.
func TestGoldenStreams(t *testing.T) {
	const folder = "goldens/numbers/streams/"
	var golden struct {
		Cases []struct {
			Name, File string
			SHA256     string
			Exact      struct{ Mean, Var, Min, Max float64 }
			Q, Value   []float64
			Quartile   float64 `json:"quartile_rank_error"`
			Tail       float64 `json:"tail_rank_error"`
		}
	}
	if err := json.NewDecoder(open(t, folder+"streams.json")).Decode(&golden); err != nil {
		t.Fatal(err)
	}
	rows := map[bool]*accuracy.Row{
		false: accuracy.Of(t, "quartiles of twelve reference streams of 100,000 values"),
		true:  accuracy.Of(t, "0.001 and 0.999 of twelve reference streams of 100,000 values"),
	}
	moments := [2]*accuracy.Row{accuracy.Of(t, accuracy.MeanHard), accuracy.Of(t, accuracy.VarianceHard)}
	streams := map[string][]float64{}
	for _, c := range golden.Cases {
		x := derived(c.Name, streams)
		if c.File != "" {
			x = readNPY(t, folder+c.File, c.SHA256)
			streams[c.Name] = x
		}
		s, peer := sketchOf(t, x), peerOf(x)
		m, sorted := s.Moments(), slices.Sorted(slices.Values(x))
		if s.Min() != c.Exact.Min || s.Max() != c.Exact.Max {
			t.Errorf("%s: min %v, max %v, want %v, %v", c.Name, s.Min(), s.Max(), c.Exact.Min, c.Exact.Max)
		}
		moments[0].Check(accuracy.ULPs(m.Mean(), c.Exact.Mean), "stream %s", c.Name)
		moments[1].Check(accuracy.RelativeError(m.Variance(), c.Exact.Var), "stream %s", c.Name)
		exact := refined(t, s, x, c.Q)
		for i, q := range c.Q {
			if v := exact.Quantile(q); v != c.Value[i] {
				t.Errorf("%s: exact: %v at %v, want %v", c.Name, v, q, c.Value[i])
			}
			bar, known := map[float64]float64{.001: c.Tail, .25: c.Quartile, .5: c.Quartile, .75: c.Quartile, .999: c.Tail}[q]
			v := s.Quantile(q)
			if known {
				row := rows[q == .001 || q == .999]
				row.Check(part(accuracy.RankError(sorted, q, v), bar), "%s at %v", c.Name, q)
				row.Peer(part(accuracy.RankError(sorted, q, peer.Quantile(q)), bar))
			}
			if c.Quartile == 0 && v != c.Value[i] {
				t.Errorf("%s: %v at %v, want %v", c.Name, v, q, c.Value[i])
			}
		}
	}
}

// part returns e as a multiple of bar, 0 if there is no error.
func part(e, bar float64) float64 {
	if e == 0 {
		return 0
	}
	return e / bar
}

// derived makes the streams that have no file of their own.
func derived(name string, streams map[string][]float64) []float64 {
	switch name {
	case "ascending":
		return slices.Sorted(slices.Values(streams["uniform"]))
	case "descending":
		x := slices.Sorted(slices.Values(streams["uniform"]))
		slices.Reverse(x)
		return x
	case "closing":
		return inOrder(zoomin)(nil, 100_000)
	}
	x := slices.Clone(streams["normal"])
	for i, v := range x {
		switch {
		case name == "levels":
			x[i] = math.RoundToEven(10 * v)
		case v > .8: // bits
			x[i] = 1
		default:
			x[i] = 0
		}
	}
	return x
}

func readNPY(t *testing.T, name, sum string) []float64 {
	t.Helper()
	data, err := os.ReadFile(shared + name)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != sum {
		t.Fatalf("%s has SHA-256 %s, want %s", name, got, sum)
	}
	data = data[10+int(binary.LittleEndian.Uint16(data[8:])):]
	x := make([]float64, len(data)/8)
	for i := range x {
		x[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return x
}

// The sensors of the Numenta Anomaly Benchmark, up to the cutoff of each:
// quartiles within the values at a rank error of 0.6 % and 1/n.
func TestNAB(t *testing.T) {
	lines := bufio.NewScanner(open(t, "goldens/nab.jsonl"))
	lines.Buffer(nil, 1<<20)
	row := accuracy.Of(t, "quartiles of 29 real sensors (NAB) up to their cutoffs")
	files := 0
	for ; lines.Scan(); files++ {
		var c struct {
			File, Cutoff string
			Exact        struct {
				N              uint64
				Mean, Min, Max float64
				Var            float64
			}
			Distinct int
			Bracket  map[string][2]float64
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		x := readNAB(t, c.File, c.Cutoff)
		s, peer := sketchOf(t, x), peerOf(x)
		slices.Sort(x)
		var one answers
		one.add(s, peer, x, quartiles)
		one.check(row, "%s", c.File)
		m := s.Moments()
		if m.N != c.Exact.N || s.Min() != c.Exact.Min || s.Max() != c.Exact.Max || math.Abs(m.Mean()-c.Exact.Mean) > 1e-15*math.Abs(m.Mean()) || math.Abs(m.Variance()-c.Exact.Var) > 1e-14*c.Exact.Var {
			t.Errorf("%s: n %d, min %v, max %v, mean %v, variance %v, want %+v", c.File, m.N, s.Min(), s.Max(), m.Mean(), m.Variance(), c.Exact)
		}
		if want := c.Distinct <= 128; s.Exact() != want {
			t.Errorf("%s: exact %v with %d distinct values", c.File, s.Exact(), c.Distinct)
		}
		for q, bracket := range c.Bracket {
			q, err := strconv.ParseFloat(q, 64)
			if err != nil {
				t.Fatal(err)
			}
			if v := s.Quantile(q); !(v >= bracket[0] && v <= bracket[1]) {
				t.Errorf("%s: %v at %v, want within %v", c.File, v, q, bracket)
			}
		}
	}
	if err := lines.Err(); err != nil || files == 0 {
		t.Errorf("%d files: %v", files, err)
	}
}

func readNAB(t *testing.T, name, cutoff string) (x []float64) {
	t.Helper()
	rows, err := csv.NewReader(open(t, "data/nab/"+name)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if row[0] < cutoff {
			v, err := strconv.ParseFloat(row[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			x = append(x, v)
		}
	}
	return x
}
