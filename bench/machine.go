package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
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
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(text))
	}
	return m
}

// busyCores is how many cores all processes together use, over a while.
func busyCores(while time.Duration) float64 {
	idle, total := processorTicks()
	time.Sleep(while)
	idleAfter, totalAfter := processorTicks()
	if totalAfter == total {
		return 0
	}
	return round(float64(runtime.NumCPU())*(1-(idleAfter-idle)/(totalAfter-total)), 2)
}

// processorTicks are the ticks of all cores since the machine started: idle ones, and
// all. Both are 0 where the system does not say.
func processorTicks() (idle, total float64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	// cpu user nice system idle iowait irq softirq steal ...
	var t [8]float64
	if n, _ := fmt.Sscanf(string(text), "cpu %f %f %f %f %f %f %f %f", &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]); n < len(t) {
		return 0, 0
	}
	for _, v := range t {
		total += v
	}
	return t[3] + t[4], total
}
