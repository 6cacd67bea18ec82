//go:build !race

package standby

import (
	"runtime"
	"testing"
)

func TestNothingIsAllocatedForAJob(t *testing.T) {
	done := make(chan struct{})
	c := New(1, func(struct{}) { done <- struct{}{} })
	if n := testing.AllocsPerRun(100, func() {
		c.Run(struct{}{})
		<-done
		for c.idle.Load() == 0 { // it has not come back to wait
			runtime.Gosched()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	c.End()
	c.Wait()
}
