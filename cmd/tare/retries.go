package main

import (
	"sync"
	"time"
)

// retryNotice is how far apart the lines about failures that are tried again are.
const retryNotice = 10 * time.Second

// retries returns a function to be told of each failure that is tried again. It
// says so the first time, and every ten seconds while it goes on.
func (a *app) retries() func(what string, err error) {
	var mu sync.Mutex
	var said time.Time
	failures := 0
	return func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		failures++
		if time.Since(said) < retryNotice {
			return
		}
		said = time.Now()
		a.say("%s: %v; tried again (%d failures so far)", what, err, failures)
	}
}
