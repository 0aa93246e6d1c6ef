package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tare/stream"
)

// A measured source knows how much of it has been read.
type measured interface {
	stream.Source
	Progress() (done, total int64)
}

// progress shows how far a pass over source has come until the function that
// it returns is called: redrawn in place on a terminal, else a plain line every
// ten seconds. It points records at the counter that the pass is to add to.
func (a *app) progress(verb string, source measured, records **atomic.Int64) (done func()) {
	n := new(atomic.Int64)
	*records = n
	before, _ := source.Progress()
	every := 10 * time.Second
	terminal := isTerminal(a.stderr)
	if terminal {
		every = 200 * time.Millisecond
	}
	start := time.Now()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				if terminal {
					fmt.Fprint(a.stderr, "\r\x1b[K")
				}
				return
			case <-tick.C:
				read, total := source.Progress()
				line := progressLine(verb, n.Load(), read-before, total, time.Since(start))
				if terminal {
					fmt.Fprint(a.stderr, "\r\x1b[K"+line)
				} else {
					fmt.Fprintln(a.stderr, line)
				}
			}
		}
	})
	return func() { close(stop); wg.Wait() }
}

func progressLine(verb string, records, read, total int64, elapsed time.Duration) string {
	line := fmt.Sprintf("%s: %d records, %.0f/s", verb, records, float64(records)/elapsed.Seconds())
	if total > 0 && read > 0 && read <= total { // exact quantiles take several times all
		share := float64(read) / float64(total)
		left := time.Duration(float64(elapsed) * (1 - share) / share).Round(time.Second)
		line += fmt.Sprintf(", %.0f %%, %v left", 100*share, left)
	}
	return line
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
