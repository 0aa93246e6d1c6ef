//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package sink

import (
	"os"
	"syscall"
)

// lock keeps others from locking the file until it is closed, or the process
// ends.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
