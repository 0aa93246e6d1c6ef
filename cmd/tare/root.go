package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tare/config"
	"tare/fit"
	"tare/internal/coord"
	"tare/store"
	"tare/stream"
)

// Exit codes, each with one meaning.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2 // usage or configuration
	exitDifference  = 3 // a check found a difference
	exitDataLoss    = 4 // records that were, or would be, learned are gone
	exitRefused     = 5 // artifact or companion refused
	exitFreeze      = 6 // freeze refused
	exitDeadLetters = 7 // dead-letter limit
	exitInterrupted = 130
)

// An app is one invocation.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	ran    bool // a verb has started: errors are no longer usage
	writes bool // it is one that writes files

	patience time.Duration // for the first answer of a cluster, in verbs that end
}

// run carries out one command line and returns its exit code. Standard output
// is data; everything else goes to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := withSignals(ctx)
	defer stop()
	out := &checked{w: stdout}
	a := &app{stdin: interruptible(ctx, stdin), stdout: out, stderr: stderr, patience: 30 * time.Second}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil && out.failed() != nil {
		a.ran, err = true, fmt.Errorf("standard output: %w", out.failed())
	}
	if err == nil {
		return exitDone
	}
	code := a.exitCode(err)
	_, problems := errors.AsType[*config.Problems](err)
	switch {
	case problems: // file:line:col: message, for editors
		fmt.Fprintln(stderr, err)
	case code == exitInterrupted && a.writes:
		fmt.Fprintln(stderr, "tare: interrupted; no output file was written")
	case code == exitInterrupted:
		fmt.Fprintln(stderr, "tare: interrupted")
	default:
		fmt.Fprintf(stderr, "tare: %v\n", err)
	}
	if code == exitUsage && !a.ran {
		fmt.Fprintln(stderr, "Run 'tare --help' for usage.")
	}
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "tare",
		Short: "Learn the scale of sensor streams from the training stretch only, freeze it, normalize with it",
		Long: `tare learns mean, variance, quantiles and ranges per series and feature from the
training stretch of a stream, freezes them at the cutoff into one file, and
normalizes records with the frozen numbers ever after.

  tare demo                                     the whole life in one command
  tare fit train.jsonl --series sensor --time ts --cutoff 2026-03-01 -o plant.npz
  tare transform -a plant.npz < new.jsonl > out.jsonl
  tare inverse -a plant.npz < out.jsonl

Exit codes: 0 done, 1 failure, 2 usage or configuration, 3 a check found a
difference, 4 training data is gone, 5 artifact refused, 6 freeze refused,
7 dead-letter limit, 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		a.ran, a.writes = true, slices.Contains([]string{"demo", "fit", "transform", "inverse", "run", "init"}, cmd.Name())
	}
	root.AddCommand(a.demo(), a.fit(), a.transform(), a.inverse(), a.runPipeline(), a.inspect(), a.explain(),
		a.verify(), a.dryRun(), a.freeze(), a.status(), a.initConfig(), a.lint(), a.schema(), a.version())
	return root
}

// A checked writer keeps its first error, for who does not look at each write.
type checked struct {
	w   io.Writer
	mu  sync.Mutex // of err alone: a write may block
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil {
		c.mu.Lock()
		c.err = cmp.Or(c.err, err)
		c.mu.Unlock()
	}
	return n, err
}

func (c *checked) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// knownVerb refuses what is no verb, with those it may be a slip of.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := cmd.SuggestionsFor(args[0])
	if len(near) == 0 {
		return fmt.Errorf("unknown command %q", args[0])
	}
	return fmt.Errorf("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
}

// A usageError is a command line or configuration that cannot be carried out.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errDifference is returned by a check that found one and has said so.
var errDifference = errors.New("the check found a difference")

func (a *app) exitCode(err error) int {
	var (
		problems *config.Problems
		usage    usageError
		cutoff   *stream.CutoffError
		loss     *stream.LossError
		refused  *store.RefusedError
		freeze   *fit.Refusal
		exists   *store.ExistsError
		limit    *stream.LimitError
		topic    *stream.TopicError
		conflict *coord.ConflictError
	)
	switch {
	case !a.ran || errors.As(err, &problems) || errors.As(err, &usage) || errors.As(err, &cutoff) || errors.As(err, &topic):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errDifference):
		return exitDifference
	case errors.As(err, &loss):
		return exitDataLoss
	case errors.As(err, &refused):
		return exitRefused
	case errors.As(err, &freeze), errors.As(err, &exists), errors.As(err, &conflict):
		return exitFreeze
	case errors.As(err, &limit):
		return exitDeadLetters
	}
	return exitFailure
}

// withSignals cancels the context at SIGINT or SIGTERM. A second signal, or ten
// seconds, end the process at once. After stop signals do what they did before.
func withSignals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, stop = context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		select {
		case <-signals:
			time.AfterFunc(10*time.Second, func() { os.Exit(exitInterrupted) })
			stop()
		case <-ctx.Done():
		}
	}()
	return ctx, stop
}

// interruptible ends a blocked read of a terminal or pipe when ctx does.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	if _, ok := r.(*os.File); !ok {
		return r
	}
	return &cancelReader{ctx: ctx, r: r, results: make(chan readResult, 1)}
}

type readResult struct {
	n   int
	err error
}

// A cancelReader reads in a goroutine of its own, started by the first Read.
type cancelReader struct {
	ctx     context.Context
	r       io.Reader
	buf     []byte
	pending bool
	results chan readResult
	have    []byte
}

func (c *cancelReader) Read(p []byte) (int, error) {
	if len(c.have) > 0 {
		n := copy(p, c.have)
		c.have = c.have[n:]
		return n, nil
	}
	if !c.pending {
		if c.buf == nil {
			c.buf = make([]byte, 256<<10)
		}
		c.pending = true
		go func() {
			n, err := c.r.Read(c.buf)
			c.results <- readResult{n, err}
		}()
	}
	select {
	case <-c.ctx.Done():
		return 0, c.ctx.Err()
	case res := <-c.results:
		c.pending = false
		n := copy(p, c.buf[:res.n])
		c.have = c.buf[n:res.n]
		if len(c.have) > 0 {
			return n, nil
		}
		return n, res.err
	}
}
