package models

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

	"golang.org/x/sys/unix"
)

// TrialDescriptor is where a trial process writes its frames: the first descriptor after the
// standard ones.
const TrialDescriptor = 3

// RunTrial is the child's side of TrialRunner: it reads which bundle, parses its files within
// narrow limits, describes them, waits to be let on, and then has load get the library ready and
// open load the bundle. An error is the parent's: it went away, or cannot be understood.
func RunTrial(ctx context.Context, in io.Reader, out io.Writer, load func() error, open func(context.Context, *Bundle) (Session, error)) error {
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
	b := &Bundle{
		Name: request.Name, Dir: request.Own, ModelName: request.ModelName, bare: request.Bare, ceiling: request.Ceiling,
		from: places{own: request.Own, beside: request.Beside},
	}
	if request.AtHome {
		b.home = "." // what counts is that there is one
	}
	text, err := b.describeFor(&request)
	if err != nil {
		words, _ := explain(err)
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
	let()
	var gone error
	tell := func(kind byte, v any) {
		text, err := json.Marshal(v)
		gone = errors.Join(gone, err, writeFrame(out, kind, text))
	}
	if err = load(); err == nil {
		err = Observe(ctx, b, open, func() { _ = writeFrame(out, frameLoaded, nil) },
			func(o *Observation) { tell(frameObserved, o) }, func(w Weighing) { tell(frameWeighed, w) })
	}
	if err != nil {
		return writeFrame(out, frameRefused, []byte(err.Error()))
	}
	return gone
}

// describeFor reads the bundle and returns its description for the parent.
func (b *Bundle) describeFor(request *trialRequest) ([]byte, error) {
	o := Options{Defaults: request.Defaults}
	for _, name := range request.Devices {
		o.Devices = append(o.Devices, Device{Name: name})
	}
	o = o.withDefaults()
	c, g, err := b.describe(&o)
	if err != nil {
		return nil, err
	}
	b.graph, b.FixedBatch, b.External = g, g.FixedBatch, len(g.External) > 0
	return encodeDescription(c, g)
}

// restrain bounds what parsing may take, and lets the system end this process first when memory runs
// short: it is the one that nobody would miss.
func restrain(request *trialRequest) {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	most := uint64(math.MaxUint64)
	var machine unix.Sysinfo_t
	switch {
	case request.Memory > 0:
		most = uint64(request.Memory)
	case unix.Sysinfo(&machine) == nil:
		most = machine.Totalram * uint64(machine.Unit) / 4 * 3
	}
	parsing := uint64(request.ReadMemory) //nolint:gosec // the parent's own number
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: min(parsing, most), Max: most})
	debug.SetMemoryLimit(request.ReadMemory / 4 * 3)
}

// let lifts the limits of parsing.
func let() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &limit) == nil {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_DATA, &limit)
	}
	debug.SetMemoryLimit(math.MaxInt64)
	debug.FreeOSMemory()
}
