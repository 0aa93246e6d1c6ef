package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestBadInput holds that what goes wrong with arrays, groups, labels, boxes and
// logarithms has an outcome with a name and a count, never a made-up number.
func TestBadInput(t *testing.T) {
	const head = "version: 1\npipeline: p\nrecord: {series: s}\ncutoff: {end: true}\noutput: {meta: none}\n"
	r := rand.New(rand.NewPCG(1, 2))
	of := func(n int, record func(i int) string) string {
		lines := make([]string, n)
		for i := range lines {
			lines[i] = record(i)
		}
		return strings.Join(lines, "\n")
	}
	pair := of(20, func(int) string { return fmt.Sprintf(`{"s":"a","x":%v,"y":%v}`, r.NormFloat64(), r.NormFloat64()) })
	labels := of(9000, func(i int) string { return fmt.Sprintf(`{"s":"a","l":"label %d"}`, i) })
	boxes := `{"s":"a","w":100,"h":50,"box":[0,0,50,25]}`
	const group = "whiten: [{name: g, features: [x, y], method: %s}]\n"
	for _, c := range []struct {
		name, config, train, probe string
		fit, transform             []string // what the verbs say
		out                        string   // what the last record of the probe becomes, in part
	}{
		{"singular covariance", "features: [x, y]\n" + fmt.Sprintf(group, "pca"),
			of(20, func(i int) string { return fmt.Sprintf(`{"s":"a","x":%d,"y":%d}`, i, 2*i) }), `{"s":"a","x":3,"y":6}`,
			[]string{"20 learned"}, []string{"1 written"}, `,0]}`},
		{"fewer records than members", "features: [x, y]\n" + fmt.Sprintf(group, "zca"), `{"s":"a","x":1,"y":2}` + "\n" + `{"s":"a","x":2,"y":5}`,
			`{"s":"a","x":1,"y":2}`, []string{"2 learned"}, []string{"1 written"}, `{"s":"a","g":[-0.`},
		{"constant group", "features: [x, y]\n" + fmt.Sprintf(group, "cholesky"), of(5, func(int) string { return `{"s":"a","x":1,"y":2}` }),
			`{"s":"a","x":1,"y":2}`, []string{"5 learned"}, []string{"1 written"}, `"g":[0,0]`},
		{"missing member", "features: [x, y]\n" + fmt.Sprintf(group, "pca"), pair + "\n" + `{"s":"a","x":1}`, `{"s":"a","x":1}`,
			[]string{`group "g": 1 training record without one of its members`}, []string{"1 written"}, `{"s":"a","g":null}`},
		{"more labels than are tracked", "features: [{name: l, scaler: ordinal, max_tracked: 1000, handle_unknown: use_encoded_value, unknown_value: -1}]\n", labels,
			`{"s":"a","l":"strange"}`, []string{"9000 learned", "max_tracked"}, []string{"1 with an unknown label"}, `"l":-1`},
		{"label of 1 MiB", "features: [{name: l, scaler: onehot}]\n", `{"s":"a","l":"on"}` + "\n" + `{"s":"a","l":"on"}`,
			`{"s":"a","l":"` + strings.Repeat("x", 1<<20) + `"}`, []string{"2 learned"}, []string{"1 rejected (too_large 1)"}, ""},
		{"label of 70 kB", "features: [{name: l, scaler: onehot}]\n", `{"s":"a","l":"on"}` + "\n" + `{"s":"a","l":"on"}`,
			`{"s":"a","l":"` + strings.Repeat("x", 70_000) + `"}`, []string{"2 learned"}, []string{"1 rejected (range 1)"}, ""},
		{"unknown label", "features: [{name: l, scaler: onehot}]\n", `{"s":"a","l":"on"}` + "\n" + `{"s":"a","l":"on"}`,
			`{"s":"a","l":"off"}`, []string{"2 learned"}, []string{"1 rejected (label 1)"}, ""},
		{"array shorter than its shape", "features: [{name: v, shape: [3]}]\n", of(5, func(i int) string { return fmt.Sprintf(`{"s":"a","v":[%d,2,3]}`, i) }),
			`{"s":"a","v":[1,2]}`, []string{"5 learned"}, []string{"1 rejected (shape 1)"}, ""},
		{"array longer than its shape", "features: [{name: v, shape: [3]}]\n", of(5, func(i int) string { return fmt.Sprintf(`{"s":"a","v":[%d,2,3]}`, i) }),
			`{"s":"a","v":[1,2,3,4]}`, []string{"5 learned"}, []string{"1 rejected (shape 1)"}, ""},
		{"missing number in an array", "features: [{name: v, shape: [3]}]\n", of(5, func(i int) string { return fmt.Sprintf(`{"s":"a","v":[%d,null,%d]}`, i, i) }),
			`{"s":"a","v":[2,null,2]}`, []string{"5 learned"}, []string{"1 written"}, `"v":[0,null,0]`},
		{"missing number in a clip", "features: [{name: v, shape: [3], scaler: normalizer}]\n", "", `{"s":"a","v":[2,null,2]}`,
			[]string{"0 series"}, []string{"1 written"}, `"v":null`},
		{"box outside of its image", "features: [{name: w, fixed: {mean: 0, scale: 1}}, {name: h, fixed: {mean: 0, scale: 1}}, {name: box, shape: [4], scaler: ratio, by: [w, h, w, h]}]\n", boxes,
			`{"s":"a","w":100,"h":50,"box":[0,0,150,25]}`, []string{"1 learned"}, []string{"1 written (1 out of range)"}, `"box":[0,0,1.5,0.5]`},
		{"image without width", "features: [{name: w, fixed: {mean: 0, scale: 1}}, {name: h, fixed: {mean: 0, scale: 1}}, {name: box, shape: [4], scaler: ratio, by: [w, h, w, h]}]\n", boxes,
			`{"s":"a","w":0,"h":50,"box":[0,0,150,25]}`, []string{"1 learned"}, []string{"1 written (1 out of range)"}, `"box":[null,0,null,0.5]`},
		{"logarithm of a negative number", "features: [{name: x, pre: log}]\n", of(5, func(i int) string { return fmt.Sprintf(`{"s":"a","x":%d}`, i) }),
			`{"s":"a","x":-1}`, []string{"5 learned"}, []string{"1 written (1 out of range)"}, `"x":null`},
		{"negative number to a power", "features: [{name: x, scaler: box_cox}]\n", of(5, func(i int) string { return fmt.Sprintf(`{"s":"a","x":%d}`, i) }),
			`{"s":"a","x":-1}`, []string{"5 learned"}, []string{"1 written (1 out of range)"}, `"x":null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeBytes(t, "c.yaml", []byte(head+c.config))
			writeBytes(t, "train.jsonl", []byte(c.train))
			_, says := tare(t, 0, "", "fit", "-c", "c.yaml", "-o", "a.npz", "train.jsonl")
			for _, want := range c.fit {
				if !strings.Contains(says, want) {
					t.Errorf("fit says %s, want %q", says, want)
				}
			}
			if out, _ := tare(t, 0, "", "inspect", "a.npz", "--json"); strings.Contains(c.name, "negative") && !strings.Contains(out, `"outside_domain": 1`) {
				t.Errorf("the artifact counts nothing outside of the domain: %s", out)
			}
			out, says := tare(t, 0, c.probe, "transform", "-a", "a.npz")
			for _, want := range c.transform {
				if !strings.Contains(says, want) {
					t.Errorf("transform says %s, want %q", says, want)
				}
			}
			if !strings.Contains(out, c.out) || c.out == "" && out != "" {
				t.Errorf("transform writes %s, want %q", out, c.out)
			}
		})
	}
}
