package main

import (
	"os/exec"
	"runtime"
	"strings"
	"time"

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
	w, err := watch.Start(watch.Options{})
	if err != nil {
		return 0
	}
	began := time.Now()
	time.Sleep(while)
	w.Stop()
	host := w.Between(began, time.Now(), 0, 0).Host
	return round(float64(runtime.NumCPU())*(host.Busy+host.Steal), 2)
}
