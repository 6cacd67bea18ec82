package usage

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCloseWaitsForThoseInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Count
		c.Init()
		var inside atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			if !c.Enter() {
				t.Fatal("an open count refused a call")
			}
			inside.Add(1)
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				inside.Add(-1)
				c.Leave()
			})
		}
		c.Close()
		if n := inside.Load(); n != 0 {
			t.Errorf("Close returned with %d calls inside", n)
		}
		if c.Enter() {
			t.Error("a closed count let a call in")
		}
		wg.Wait()
	})
}
