package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sluice/test/rig"
)

// hostTrouble is P19. The clock is left alone: setting it would set everybody's.
func (d *drill) hostTrouble() (v verdict, err error) {
	models, good, err := d.perceptron(5)
	if err != nil {
		return v, err
	}
	v.held = true
	for _, part := range []struct {
		name string
		do   func(models string, good []rig.Question) (rig.Sum, string, error)
	}{
		{"log that nobody reads", d.logUnread}, {"log whose reader is gone", d.logGone}, {"full disk", d.diskFull}, {"256 descriptors", d.fewDescriptors},
	} {
		s, more, err := part.do(models, good)
		if err != nil {
			return v, fmt.Errorf("%s: %w", part.name, err)
		}
		v.held = v.held && harmless(s) && s.No+s.Deadline == 0
		v.figure += fmt.Sprintf("%s: %d requests, %d failed%s%s; ", part.name, s.Sent, s.Sent-s.OK, example(s), more)
	}
	v.figure += "the clock was not set"
	return v, nil
}

// hostTraffic asks a gateway for a while, and has it load a model meanwhile and end after: both write logs.
func hostTraffic(g *rig.Gateway, good []rig.Question, length time.Duration) (s rig.Sum, exit time.Duration, err error) {
	if err := rig.Learn(g.Predict, good); err != nil {
		return s, 0, err
	}
	records, err := under(&rig.Traffic{Addr: rig.To(g.Predict), Rate: 300, Pick: anyOf(good)}, func(func() time.Duration) error {
		for begun := time.Now(); time.Since(begun) < length; {
			status, body, err := rig.Post(g.Admin, "/v2/repository/models/small/load", "")
			if err != nil || status != 200 {
				return fmt.Errorf("a load was answered %d %.200s %w", status, body, err)
			}
		}
		return nil
	})
	if err != nil {
		return s, 0, err
	}
	exit, err = g.Stop(stopLimit)
	return rig.Tally(records, 0, rig.All, nil), exit, err
}

// onPipe serves with a pipe for its log, whose end it returns.
func (d *drill) onPipe(models string, more ...string) (*rig.Gateway, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		return nil, nil, err
	}
	g, err := rig.Start(rig.Options{Binary: *binary, Args: append([]string{"--models", models, "--log-level", "debug"}, more...), Stdout: w, Stderr: w})
	if err != nil {
		r.Close()
	}
	return g, r, err
}

func (d *drill) logUnread(models string, good []rig.Question) (rig.Sum, string, error) {
	g, r, err := d.onPipe(models)
	if err != nil {
		return rig.Sum{}, "", err
	}
	defer r.Close()
	s, exit, err := hostTraffic(g, good, scaled(4*time.Second))
	return s, fmt.Sprintf(", exit in %s", ms(exit)), err
}

func (d *drill) logGone(models string, good []rig.Question) (rig.Sum, string, error) {
	g, r, err := d.onPipe(models)
	if err != nil {
		return rig.Sum{}, "", err
	}
	r.Close()
	s, exit, err := hostTraffic(g, good, scaled(4*time.Second))
	return s, fmt.Sprintf(", exit in %s", ms(exit)), err
}

// diskFull records and logs to a file system of a megabyte.
func (d *drill) diskFull(models string, good []rig.Question) (rig.Sum, string, error) {
	disk := filepath.Join(d.dir, "disk")
	if err := os.MkdirAll(disk, 0o755); err != nil {
		return rig.Sum{}, "", err
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		return rig.Sum{}, "", fmt.Errorf("cannot mount a small file system: %w", err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH) //nolint:errcheck // it goes with the folder
	g, err := d.serve("--models", models, "--state", disk, "--record", filepath.Join(disk, "trace.jsonl"), "--access-log-file", filepath.Join(disk, "access.jsonl"), "--access-log-sample", "1")
	if err != nil {
		return rig.Sum{}, "", err
	}
	s, exit, err := hostTraffic(g, good, scaled(4*time.Second))
	return s, fmt.Sprintf(", exit in %s", ms(exit)), err
}

// fewDescriptors limits the process to 256 files, and has 400 clients come.
func (d *drill) fewDescriptors(models string, good []rig.Question) (rig.Sum, string, error) {
	g, err := d.serve("--models", models)
	if err != nil {
		return rig.Sum{}, "", err
	}
	limit := unix.Rlimit{Cur: 256, Max: 256}
	if err := unix.Prlimit(g.PID(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		g.End()
		return rig.Sum{}, "", err
	}
	if err := rig.Learn(g.Predict, good); err != nil {
		return rig.Sum{}, "", err
	}
	crowd := rig.Closed{Addr: g.Predict, Clients: 400, Pick: anyOf(good), Patience: 2 * time.Second}.Start()
	time.Sleep(scaled(4 * time.Second))
	crowd()
	s, exit, err := hostTraffic(g, good, scaled(4*time.Second))
	if err != nil && errors.Is(err, rig.ErrStillThere) {
		return s, "", err
	}
	return s, fmt.Sprintf(" after 400 clients at once, exit in %s", ms(exit)), err
}
