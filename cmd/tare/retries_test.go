package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr strings.Builder
		notice := (&app{stderr: &stderr}).retries()
		for range 250 {
			notice("metadata of in", errors.New("connection refused"))
			time.Sleep(100 * time.Millisecond)
		}
		want := []string{
			"metadata of in: connection refused; tried again (1 failures so far)",
			"metadata of in: connection refused; tried again (101 failures so far)",
			"metadata of in: connection refused; tried again (201 failures so far)",
		}
		got := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if len(got) != len(want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("got %q, want %q", got[i], want[i])
			}
		}
	})
}
