package standby

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestGoroutinesAreUsedAgain runs jobs one after the other and many at a time, and counts the goroutines that are left.
func TestGoroutinesAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 3
		var ran atomic.Int64
		c := New(most, func(d time.Duration) {
			time.Sleep(d)
			ran.Add(1)
		})
		before := runtime.NumGoroutine()
		left := func(want int) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			if n := runtime.NumGoroutine() - before; n != want {
				t.Errorf("%d goroutines wait, want %d", n, want)
			}
		}
		for range 5 {
			c.Run(0)
			synctest.Wait()
		}
		left(1)
		for range 10 {
			c.Run(time.Millisecond)
		}
		left(most)
		c.Run(time.Hour)
		c.End()
		left(1)
		c.Run(0)
		c.Wait()
		if n := ran.Load(); n != 17 {
			t.Errorf("%d jobs ran", n)
		}
		left(0)
	})
}

// TestManyRun has each of many goroutines run jobs: each job runs once.
func TestManyRun(t *testing.T) {
	var ran [1000]atomic.Int64
	c := New(4, func(i int) { ran[i].Add(1) })
	var callers sync.WaitGroup
	for caller := range 10 {
		callers.Go(func() {
			for i := caller; i < len(ran); i += 10 {
				c.Run(i)
			}
		})
	}
	callers.Wait()
	c.End()
	c.Wait()
	for i := range ran {
		if n := ran[i].Load(); n != 1 {
			t.Errorf("job %d ran %d times", i, n)
		}
	}
}
