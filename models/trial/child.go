package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/models/bundle"
)

// Descriptor is where a trial process writes its frames: the first descriptor after the
// standard ones.
const Descriptor = 3

// Run is the child's side of Runner: it reads which bundle, parses its files within
// narrow limits, describes them, waits to be let on, and then has load get the library ready and
// open load the bundle. An error is the parent's: it went away, or cannot be understood.
func Run(ctx context.Context, in io.Reader, out io.Writer, load func() error, open func(context.Context, *bundle.Bundle) (bundle.Session, error)) error {
	said := bufio.NewReader(in)
	line, err := said.ReadBytes('\n')
	var request trialRequest
	if err == nil {
		err = json.Unmarshal(line, &request)
	}
	if err != nil {
		return fmt.Errorf("cannot read which bundle to try: %w", err)
	}
	restrain(&request)
	b := &bundle.Bundle{
		Name: request.Name, Dir: request.Own, ModelName: request.ModelName, Bare: request.Bare, Home: request.Home,
		From: bundle.Places{Own: request.Own, Beside: request.Beside},
	}
	g, text, err := request.describe(b)
	if err != nil {
		words, _ := fault.Explain(err)
		return writeFrame(out, frameWrong, []byte(words))
	}
	if err := writeFrame(out, frameDescribed, text); err != nil {
		return err
	}
	if _, err := said.ReadByte(); err != nil {
		if errors.Is(err, io.EOF) {
			return nil // it is refused for what it says
		}
		return err
	}
	let(&request)
	var gone error
	tell := func(kind byte, v any) {
		text, err := json.Marshal(v)
		gone = errors.Join(gone, err, writeFrame(out, kind, text))
	}
	if err = load(); err == nil {
		err = exercise(ctx, observeRun, b, g, request.Ceiling, open, func() { _ = writeFrame(out, frameLoaded, nil) },
			func(o *bundle.Observation) { tell(frameObserved, o) }, func(w bundle.Weighing) { tell(frameWeighed, w) })
	}
	if err != nil {
		if endless, is := errors.AsType[*endlessError](err); is {
			return writeFrame(out, frameWrong, []byte(endless.text))
		}
		return writeFrame(out, frameRefused, []byte(err.Error()))
	}
	return gone
}

// describe reads the bundle and returns its description for the parent.
func (r *trialRequest) describe(b *bundle.Bundle) (*bundle.Graph, []byte, error) {
	g, err := b.Describe(r.Defaults.WithDefaults(), r.Devices, bundle.InspectONNX)
	if err != nil {
		return nil, nil, err
	}
	b.FixedBatch, b.External = g.FixedBatch, len(g.External) > 0
	text, err := bundle.EncodeDescription(&b.Config, g)
	return g, text, err
}

// restrain bounds what parsing may take, and lets the system end this process first when memory runs
// short: it is the one that nobody would miss.
func restrain(request *trialRequest) {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &limit) == nil {
		limit.Cur = min(uint64(request.ReadMemory), limit.Max) //nolint:gosec // the parent's own number
		_ = unix.Setrlimit(unix.RLIMIT_DATA, &limit)
	}
	debug.SetMemoryLimit(request.ReadMemory / 4 * 3)
}

// let lifts the limits of parsing, and ends the process when it holds more than loading and running
// may. RLIMIT_DATA would not do: the library goes on without what it cannot allocate, such as a
// constant that it wanted to work out beforehand, and would then allocate it in the gateway.
func let(request *trialRequest) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &limit) == nil {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_DATA, &limit)
	}
	debug.SetMemoryLimit(math.MaxInt64)
	debug.FreeOSMemory()
	go func() {
		for ; ; time.Sleep(2 * time.Millisecond) {
			if held := memory.Own("RssAnon"); held > request.Memory {
				fmt.Fprintf(os.Stderr, "out of memory: it holds %d bytes, and may hold %d\n", held, request.Memory)
				os.Exit(2)
			}
		}
	}()
}
