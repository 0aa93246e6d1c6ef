package bench

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"

	"tare/fit"
	"tare/scale"
	"tare/store"
)

// TestResident learns many series with a digest on each of eight features,
// freezes them, writes the artifact and loads it: the memory that the process
// holds at most, and the processor's time for loading.
//
//	make bench-resident
func TestResident(t *testing.T) {
	learned := learn(t, plan(t, scale.Robust, fit.Cutoff{Kind: fit.End}), newFeed(*resident, 2**resident, false))
	fitted := maxResident()
	result, err := learned.Freeze(identity)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "many.npz")
	if _, err := store.SaveArtifact(path, &result.Manifest, result.Frozen, false); err != nil {
		t.Fatal(err)
	}
	frozen := maxResident()
	file, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	learned, result = nil, nil
	debug.FreeOSMemory()
	start := cpu()
	a, err := store.OpenArtifact(path)
	if err != nil {
		t.Fatal(err)
	}
	took := float64(cpu()-start) / 1e9
	if n := a.Frozen.Series().Len(); n != *resident {
		t.Errorf("%d series, want %d", n, *resident)
	}
	t.Logf("%d series with 8 digests each: %.2f GiB resident at most; frozen and written: %.2f GiB, %+.1f %%", *resident,
		gib(fitted), gib(frozen), 100*(float64(frozen)/float64(fitted)-1))
	t.Logf("the artifact, %d MB, loads in %.2f s of one processor: %.2f s for 100,000 series", file.Size()/1e6, took, took*1e5/float64(*resident))
}

func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// maxResident returns the most memory that the process has held, in bytes; Linux
// counts it in KiB.
func maxResident() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Maxrss << 10
}
