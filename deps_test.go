package tare_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// house lists every package with what it may import of ours and of others. It
// is the layout of the house, in the order of a record's path; a failing test
// is no reason to edit it. A new package, or a new arrow, is a decision.
//
// Three walls stand in it: scale and frozen see nothing that accumulates;
// config is imported by cmd/tare alone; only stream, sink and cmd know where
// records come from and go to.
var house = map[string]string{
	"internal/kafka": "github.com/klauspost/compress/gzip github.com/klauspost/compress/s2 github.com/klauspost/compress/zstd github.com/pierrec/lz4/v4",

	// internal/broker is all that is left of a Kafka client above the codec; it
	// alone holds connections. internal/coord is what workers decide together.
	"internal/broker": "internal/kafka github.com/segmentio/kafka-go github.com/segmentio/kafka-go/protocol github.com/segmentio/kafka-go/protocol/... github.com/segmentio/kafka-go/sasl",
	"internal/coord":  "fit internal/kafka internal/broker",

	// internal/kafkatest is for tests only, and knows no client of ours.
	"internal/kafkatest": "github.com/twmb/franz-go/pkg/kerr github.com/twmb/franz-go/pkg/kfake github.com/twmb/franz-go/pkg/kgo github.com/twmb/franz-go/pkg/kmsg",

	// internal/accuracy is for tests only: the bars of accuracy, and who judges them.
	"internal/accuracy": "",

	"schema":   "",
	"record":   "schema",
	"welford":  "",
	"sketch":   "welford",
	"scale":    "",
	"frozen":   "record scale",
	"fit":      "schema record welford sketch scale frozen",
	"store":    "schema record welford sketch scale frozen fit",
	"sink":     "record internal/kafka internal/broker github.com/klauspost/compress/gzip github.com/klauspost/compress/zstd",
	"stream":   "schema record frozen fit store sink internal/kafka internal/broker internal/coord github.com/klauspost/compress/gzip github.com/klauspost/compress/zstd",
	"metrics":  "record fit stream github.com/prometheus/client_golang/prometheus",
	"web":      "stream github.com/prometheus/client_golang/prometheus github.com/prometheus/client_golang/prometheus/promhttp",
	"config":   "go.yaml.in/yaml/v4",
	"examples": "",
	"cmd/tare": "examples schema record welford sketch scale frozen fit store sink stream config metrics web internal/kafka internal/broker internal/coord github.com/spf13/cobra github.com/twmb/franz-go/pkg/kfake github.com/prometheus/client_golang/prometheus github.com/segmentio/kafka-go/sasl github.com/segmentio/kafka-go/sasl/plain github.com/segmentio/kafka-go/sasl/scram",
}

// forTests is what test files may import besides.
const forTests = "internal/accuracy internal/kafkatest github.com/twmb/franz-go/pkg/kfake github.com/twmb/franz-go/pkg/kgo github.com/twmb/franz-go/pkg/kmsg github.com/axiomhq/hyperloglog github.com/influxdata/tdigest github.com/rogpeppe/go-internal/testscript go.uber.org/goleak"

// quiet lists the packages that start no goroutine, take no lock and read no
// clock: everything below stream.
var quiet = []string{"schema", "record", "welford", "sketch", "scale", "frozen", "fit", "store", "config", "internal/kafka"}

// A source is one file of the tree.
type source struct {
	dir, name string
	test      bool
	file      *ast.File
	fset      *token.FileSet
}

// sources parses every Go file of the tree. It reads the files itself, so that
// the test cache sees them.
func sources(t *testing.T) (all []source) {
	t.Helper()
	fset := token.NewFileSet()
	root := osRoot(t)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, name, data, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(name), name, strings.HasSuffix(name, "_test.go"), file, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if s.dir == "." || strings.HasPrefix(s.dir, "bench") {
			continue
		}
		seen[s.dir] = true
		allowed, ok := house[s.dir]
		if !ok {
			t.Errorf("%s: package %s is not in the house", s.name, s.dir)
			continue
		}
		if s.test {
			allowed += " " + forTests + " " + s.dir
		}
		may := strings.Fields(allowed)
		for _, spec := range s.file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			name, ours := strings.CutPrefix(name, "tare/")
			if standard := !strings.Contains(strings.Split(name, "/")[0], "."); standard && !ours {
				continue
			}
			if !slices.ContainsFunc(may, func(m string) bool {
				below, tree := strings.CutSuffix(m, "...")
				return m == name || tree && strings.HasPrefix(name, below)
			}) {
				t.Errorf("%v: %s may not import %s", s.fset.Position(spec.Pos()), s.dir, name)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(house)) {
		if !seen[dir] {
			t.Errorf("%s is in the house but not in the tree", dir)
		}
	}
}

// TestAcyclic holds the table itself: every arrow points to an earlier room.
func TestAcyclic(t *testing.T) {
	var walk func(room string, path []string)
	walk = func(room string, path []string) {
		if slices.Contains(path, room) {
			t.Fatalf("imports go in a circle: %v", append(path, room))
		}
		for _, next := range strings.Fields(house[room]) {
			if _, ours := house[next]; ours {
				walk(next, append(path, room))
			}
		}
	}
	for room := range house {
		walk(room, nil)
	}
}

func TestQuiet(t *testing.T) {
	banned := []string{"sync", "sync/atomic", "math/rand", "math/rand/v2"}
	for _, s := range sources(t) {
		if s.test || !slices.Contains(quiet, s.dir) {
			continue
		}
		for _, spec := range s.file.Imports {
			if name, _ := strconv.Unquote(spec.Path.Value); slices.Contains(banned, name) {
				t.Errorf("%v: %s imports %s", s.fset.Position(spec.Pos()), s.dir, name)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%v: %s starts a goroutine", s.fset.Position(n.Pos()), s.dir)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Sleep", "After", "NewTimer", "NewTicker"}, n.Sel.Name) {
					t.Errorf("%v: %s reads the clock", s.fset.Position(n.Pos()), s.dir)
				}
			}
			return true
		})
	}
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%v: init()", s.fset.Position(f.Pos()))
			}
		}
	}
}
