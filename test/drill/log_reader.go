package main

import (
	"bufio"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// logReader reads a gateway's log, or does not.
type logReader struct {
	stopped atomic.Bool
	read    *os.File
	mu      sync.Mutex
	last    []string
}

func (l *logReader) open() (write *os.File, err error) {
	l.read, write, err = os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewScanner(l.read); lines.Scan(); {
			for l.stopped.Load() {
				time.Sleep(10 * time.Millisecond)
			}
			l.mu.Lock()
			l.last = append(l.last[max(0, len(l.last)-20):], lines.Text())
			l.mu.Unlock()
		}
	}()
	return write, nil
}

func (l *logReader) tail() (text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.last {
		text += line + "\n"
	}
	return text
}

func (l *logReader) close() {
	l.stopped.Store(false)
	if l.read != nil {
		_ = l.read.Close()
	}
}
