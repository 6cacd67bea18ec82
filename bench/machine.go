package main

import (
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"sluice/loadtest/watch"
)

// Machine is where and when the figures were taken.
type Machine struct {
	Date   string `json:"date"`
	Quick  bool   `json:"quick"`
	Cores  int    `json:"cores"`
	CPU    string `json:"cpu"`
	System string `json:"system"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Commit string `json:"commit"`
	// BusyCores is what others took of the machine before the run began.
	BusyCores float64 `json:"busy_cores_before"`
}

// busyAtMost is what others may take before the figures are called into question.
const busyAtMost = 0.1

func machine(quick bool) Machine {
	m := Machine{
		Date: time.Now().UTC().Format(time.RFC3339), Quick: quick, Cores: runtime.NumCPU(),
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, BusyCores: busyCores(time.Second),
	}
	here := watch.Environment("")
	m.CPU, m.Kernel = here.CPU, here.Kernel
	if text, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(text))
	}
	return m
}

// busyCores is how many cores all processes together use, over a while.
func busyCores(while time.Duration) float64 {
	idle, total := processorTime()
	time.Sleep(while)
	idleAfter, totalAfter := processorTime()
	if totalAfter == total {
		return 0
	}
	return round(float64(runtime.NumCPU())*(1-(idleAfter-idle)/(totalAfter-total)), 2)
}

// processorTime is the time of all cores since the machine started: idle ones, and
// all. Both are 0 where the system does not say.
func processorTime() (idle, total float64) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0, 0
	}
	t := stat.CPUTotal
	return t.Idle + t.Iowait, t.User + t.Nice + t.System + t.Idle + t.Iowait + t.IRQ + t.SoftIRQ + t.Steal
}
