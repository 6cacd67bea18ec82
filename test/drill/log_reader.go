package main

import (
	"bufio"
	"os"
	"sync/atomic"
	"time"

	"sluice/internal/child"
)

// logReader reads a gateway's log, or does not, and keeps its end.
type logReader struct {
	child.Tail
	stopped atomic.Bool
	read    *os.File
}

func (l *logReader) open() (write *os.File, err error) {
	l.read, write, err = os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewReader(l.read); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			for l.stopped.Load() {
				time.Sleep(10 * time.Millisecond)
			}
			_, _ = l.Write(line)
		}
	}()
	return write, nil
}

func (l *logReader) close() {
	l.stopped.Store(false)
	_ = l.read.Close()
}
