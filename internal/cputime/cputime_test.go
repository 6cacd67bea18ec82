package cputime

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// What a thread has used is not forgotten when it ends.
func TestThreadsThatHaveEnded(t *testing.T) {
	const burned = 20 * time.Millisecond
	before, err := Process(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocks it: the thread ends with the goroutine
		for end := Thread() + burned; Thread() < end; {
		}
	}()
	<-ended
	if after, err := Process(os.Getpid()); err != nil || after-before < burned {
		t.Errorf("%v of %v are known of, error %v", after-before, burned, err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	const want = "cannot read the CPU time of process 4194305: invalid argument"
	if _, err := Process(1<<22 + 1); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
