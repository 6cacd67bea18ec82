package serve

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"sluice/backends/fleet"
	"sluice/config"
	"sluice/models"
	"sluice/models/trial"
	"sluice/shadow"
)

// The words by which this program starts itself.
const (
	trialName     = "trial-load"
	candidateName = "shadow-candidate"
	stoodBack     = "stood-back" // the second word of a candidate that has stood back
)

// trialRunner reads and loads models in child processes of this binary.
func trialRunner(library string) *trial.Runner {
	// Not os.Executable: the file may have been replaced since this process started.
	return &trial.Runner{Command: []string{"/proc/self/exe", trialName, "--onnxruntime-library", library}}
}

// Child is the first thing that the main of a program with a Server calls. In a process that the server
// has started for a device, for the trial of a model or for a shadow, it does that work and ends the process. In any
// other it returns at once.
func Child() {
	is, err := child(os.Args[1:])
	switch {
	case !is:
	case err != nil:
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	default:
		os.Exit(0) // at once: the library's own clean-up at the end of a process can crash it
	}
}

func child(args []string) (is bool, err error) {
	switch {
	case len(args) == 1 && args[0] == candidateName:
		return true, standBack()
	case len(args) == 2 && args[0] == candidateName && args[1] == stoodBack:
		return true, runCandidate(os.Stdin, os.Stdout)
	case len(args) == 0 || args[0] != trialName:
		return fleet.Child(args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return true, tryModel(ctx, args[1:])
}

// tryModel is the child's side of a trial: a file on which a parser grows without end, or which
// crashes ONNX Runtime, ends this process alone.
func tryModel(ctx context.Context, args []string) error {
	var library string
	flags := flag.NewFlagSet(trialName, flag.ContinueOnError)
	flags.StringVar(&library, "onnxruntime-library", "", "path of libonnxruntime.so")
	if err := flags.Parse(args); err != nil {
		return err
	}
	says := os.NewFile(trial.Descriptor, "gateway")
	if about, err := says.Stat(); err != nil || about.Mode()&os.ModeNamedPipe == 0 {
		return errors.New("sluice trial-load is started by the gateway and is of no use by itself")
	}
	load := func() error {
		_, err := LoadLibrary(library)
		return err
	}
	return trial.Run(ctx, os.Stdin, says, load, openOnCPU)
}

// candidateOrder is what such a process reads from its standard input.
type candidateOrder struct {
	Settings *config.Config
	Paths    []string
	Subject  shadow.Subject
	Socket   string
	Version  string
	Library  string
	Patience time.Duration
}

// runCandidate is a gateway of its own for the two versions of a comparison. It answers on a Unix socket, and says on
// standard output what it has loaded.
func runCandidate(in io.Reader, out io.Writer) error {
	// The gateway ends its candidates itself, whatever a terminal or a service manager sends to all.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	var order candidateOrder
	if err := json.NewDecoder(in).Decode(&order); err != nil || order.Settings == nil {
		return errors.Join(errors.New("sluice shadow-candidate is started by the gateway and is of no use by itself"), err)
	}
	order.Settings.ONNXRuntime.Library = order.Library
	ctx := context.Background()
	var plain net.ListenConfig
	ln, err := plain.Listen(ctx, "unix", order.Socket)
	if err != nil {
		return err
	}
	log := zap.NewNop()
	if c, err := zap.NewProductionConfig().Build(); err == nil {
		log = c.WithOptions(zap.IncreaseLevel(zap.WarnLevel)) // to standard error, of which the gateway keeps the end
	}
	of := &order.Subject
	s, err := New(ctx, Options{
		Config: order.Settings, Paths: order.Paths, Version: order.Version, Log: log, Listener: ln, Whole: of.Mode != shadow.Pipeline, Patience: order.Patience,
		Only: func(name, version string) bool {
			return name == of.Model && version == of.Primary.Version || name == of.CandidateModel() && version == of.Candidate.Version
		},
	})
	if err != nil {
		return err
	}
	return s.Run(ctx, func() { greet(s, of, out) })
}

// greet says what has been loaded.
func greet(s *Server, of *shadow.Subject, out io.Writer) {
	g := shadow.Greeting{NoSplit: s.unsplit(of)}
	for _, i := range s.registry.Index() {
		if i.Name != of.Model && i.Name != of.CandidateModel() {
			continue
		}
		v := shadow.Loaded{Model: i.Name, Side: shadow.Side{Version: i.Version, Digest: i.Digest}}
		switch {
		case i.State != models.Ready:
			v.Reason = i.Reason
		case of.Mode == shadow.Pipeline && !s.fills(i.Name, i.Version):
			v.Reason = "it fills no inputs (features), and shadow: pipeline in the model's settings has shadows fill theirs"
		}
		g.Versions = append(g.Versions, v)
	}
	text, err := json.Marshal(g)
	if err == nil {
		_, err = fmt.Fprintf(out, "%s\n", text)
	}
	if err != nil {
		s.log.Error("the gateway that started this shadow candidate is not there any more", zap.Error(err))
	}
}

// standBack gives this process the lowest priority, makes it the first that the kernel ends for want of memory, and starts the program
// anew in it: a priority is that of a thread, of which there are some by now, and the new program's all inherit that of this one. To
// change the others their list would have to be read below /proc, and an ended process whose threads are known there is dear to wait
// for (shadow.process). What is not allowed is left as it is.
func standBack() error {
	runtime.LockOSThread()
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE, Nice: 19}, 0)
	return unix.Exec("/proc/self/exe", []string{os.Args[0], candidateName, stoodBack}, os.Environ())
}
