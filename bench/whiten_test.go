package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tare/fit"
	"tare/frozen"
	"tare/record"
	"tare/scale"
	"tare/schema"
)

// whitened are the members of the group that is measured.
const whitened = 64

// whitePlan is a group of single numbers that are whitened together.
func whitePlan(method string) *fit.Plan {
	p := &fit.Plan{MinSamples: 2, MaxSeries: 1, Cutoff: fit.Cutoff{Kind: fit.End}, Record: schema.Schema{Format: schema.JSON},
		Whiten: []frozen.Group{{Name: "g", Scope: frozen.ScopeGlobal, Whitening: scale.Whitening{Method: method, Whiten: method == scale.PCA}}}}
	for i := range whitened {
		name := fmt.Sprintf("x%d", i)
		p.Record.Features = append(p.Record.Features, schema.Feature{Name: name, Field: name})
		p.Features = append(p.Features, frozen.Feature{Name: name, Scaler: scale.Spec{Kind: scale.None}, Scope: frozen.ScopeGlobal})
		p.Whiten[0].Members = append(p.Whiten[0].Members, name)
	}
	return p
}

// whiteRows are records of numbers of which each follows the one before.
func whiteRows(n int) []record.Row {
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([]record.Row, n)
	for i := range rows {
		x := make([]float64, whitened)
		for j := range x {
			x[j] = r.NormFloat64()
			if j > 0 {
				x[j] += x[j-1] / 2
			}
		}
		rows[i] = record.Row{Series: []byte("s"), Numbers: x, Spans: make([]record.Span, whitened)}
	}
	return rows
}

// BenchmarkWhiten is for one record: learned, with the moments of its members, or
// applied.
func BenchmarkWhiten(b *testing.B) {
	rows := whiteRows(4096)
	for _, method := range []string{scale.PCA, scale.ZCA, scale.Cholesky} {
		p := whitePlan(method)
		state, err := fit.NewState(p)
		if err != nil {
			b.Fatal(err)
		}
		i := 0
		learn := func(b *testing.B) {
			if err := state.Observe(&rows[i%len(rows)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
		for range rows {
			learn(b)
		}
		b.Run("learn/"+method, func(b *testing.B) { perRecord(b, learn) })
		f, err := fit.Merge(p, []*fit.State{state}).Freeze()
		if err != nil {
			b.Fatal(err)
		}
		y := make([]float64, f.Width())
		b.Run("apply/"+method, func(b *testing.B) {
			perRecord(b, func(*testing.B) { f.Transform(y, &rows[i%len(rows)], 0); i++ })
		})
	}
}

func perRecord(b *testing.B, do func(b *testing.B)) {
	start := cpu()
	for b.Loop() {
		do(b)
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns")
}
