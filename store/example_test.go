package store_test

import (
	"fmt"

	"tare/record"
	"tare/store"
)

// An artifact needs no more than its file.
func ExampleOpenArtifact() {
	a, err := store.OpenArtifact("testdata/golden.npz")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Manifest.Pipeline, a.Manifest.Revision, a.Manifest.Columns)
	row := record.Row{Numbers: []float64{1, 1, 1, 1, 1, 1, 9}}
	normalized := make([]float64, len(a.Manifest.Columns))
	a.Frozen.Transform(normalized, &row, a.Frozen.Find([]byte("a")))
	fmt.Printf("%.2f\n", normalized)
	// Output:
	// plant-7 2 [plain z spread valve load vib flow €]
	// [1.00 -2.00 2.00 0.00 0.33 -0.67 1.00]
}

// A damaged file is refused before anything in it is believed.
func ExampleRefusedError() {
	_, err := store.OpenArtifact("testdata/damaged.npz")
	fmt.Println(err)
	// Output:
	// testdata/damaged.npz: refused: the last 64 bytes are no SHA-256: not an artifact, or a part of one
}

func ExampleCompanionPath() {
	fmt.Println(store.CompanionPath("state/plant-7-1.npz"))
	// Output: state/plant-7-1.sketches.npz
}
