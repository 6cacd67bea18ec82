package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sluice/test/rig"
)

// hostTrouble is P19. The clock is left alone: setting it would set everybody's.
func (t *trial) hostTrouble() (v verdict) {
	models, good := t.perceptron()
	v.held = true
	for _, part := range []struct {
		name  string
		start func(models string, good []rig.Question) *rig.Gateway
		more  string
	}{
		{"log that nobody reads", func(models string, _ []rig.Question) *rig.Gateway { return t.onPipe(models, func(*os.File) {}) }, ""},
		{"log whose reader is gone", func(models string, _ []rig.Question) *rig.Gateway {
			return t.onPipe(models, func(r *os.File) { r.Close() })
		}, ""},
		{"full disk", t.diskFull, ""},
		{"256 descriptors", t.fewDescriptors, " after 400 clients at once"},
	} {
		s, exit := t.hostTraffic(part.start(models, good), good)
		v.held = v.held && untouched(s)
		v.figure += fmt.Sprintf("%s: %d requests, %d failed%s%s, exit in %s; ", part.name, s.Sent, s.Sent-s.OK, example(s), part.more, ms(exit))
	}
	v.figure += "the clock was not set"
	return v
}

// hostTraffic asks a gateway for a while, and has it load a model meanwhile and end after: both write logs.
func (t *trial) hostTraffic(g *rig.Gateway, good []rig.Question) (s rig.Sum, exit time.Duration) {
	records := under(to(g, 300, t.learn(g, good)), func(func() time.Duration) {
		for begun := time.Now(); time.Since(begun) < scaled(4*time.Second); {
			status, body, err := rig.Post(g.Admin, "/v2/repository/models/small/load", "")
			t.must(err)
			if status != http.StatusOK {
				t.must(fmt.Errorf("a load was answered %d %.200s", status, body))
			}
		}
	})
	return total(records), t.stop(g)
}

// onPipe serves with a small pipe for its log, and does something to its other end then.
func (t *trial) onPipe(models string, then func(r *os.File)) *rig.Gateway {
	r, w, err := os.Pipe()
	t.must(err)
	defer w.Close()
	t.after(func() { r.Close() })
	_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096)
	t.must(err)
	g := t.start(rig.Options{Args: []string{"--models", models, "--log-level", "debug"}, Stdout: w, Stderr: w})
	then(r)
	return g
}

// diskFull records and logs to a file system of a megabyte.
func (t *trial) diskFull(models string, _ []rig.Question) *rig.Gateway {
	disk := filepath.Join(t.dir, "disk")
	t.must(os.MkdirAll(disk, 0o755))
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.must(fmt.Errorf("cannot mount a small file system: %w", err))
	}
	t.after(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) }) // it goes with the folder
	return t.serve("--models", models, "--state", disk, "--record", filepath.Join(disk, "trace.jsonl"), "--access-log-file", filepath.Join(disk, "access.jsonl"), "--access-log-sample", "1")
}

// fewDescriptors limits the process to 256 files, and has 400 clients come.
func (t *trial) fewDescriptors(models string, good []rig.Question) *rig.Gateway {
	g := t.serve("--models", models)
	limit := unix.Rlimit{Cur: 256, Max: 256}
	t.must(unix.Prlimit(g.PID(), unix.RLIMIT_NOFILE, &limit, nil))
	crowd := rig.Closed{Addr: g.Predict, Clients: 400, Pick: anyOf(t.learn(g, good)), Patience: 2 * time.Second}.Start()
	time.Sleep(scaled(4 * time.Second))
	crowd()
	return g
}
