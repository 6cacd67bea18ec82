package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"sluice/config"
	"sluice/models"
	"sluice/shadow"
)

// candidateName is the word by which this program starts itself as the process of a shadow candidate.
const candidateName = "shadow-candidate"

// candidateOrder is what such a process reads from its standard input.
type candidateOrder struct {
	Settings *config.Config
	Paths    []string
	Subject  shadow.Subject
	Socket   string
	Version  string
	Library  string
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
		Config: order.Settings, Paths: order.Paths, Version: order.Version, Log: log, Listener: ln,
		Only: func(name, version string) bool {
			return name == of.Model && (version == of.Primary.Version || version == of.Candidate.Version)
		},
	})
	if err != nil {
		return err
	}
	return s.Run(ctx, func() { greet(s, of, out) })
}

// greet says what has been loaded.
func greet(s *Server, of *shadow.Subject, out io.Writer) {
	var g shadow.Greeting
	for _, i := range s.registry.Index() {
		if i.Name != of.Model {
			continue
		}
		v := shadow.Loaded{Side: shadow.Side{Version: i.Version, Digest: i.Digest}}
		if i.State != models.Ready {
			v.Reason = i.Reason
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

// stoodBack is the second word of a candidate that has stood back.
const stoodBack = "stood-back"

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
