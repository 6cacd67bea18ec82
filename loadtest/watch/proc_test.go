package watch

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// The machine's shares are those of the time since the last look.
func TestHostShares(t *testing.T) {
	m := newMachine(t)
	m.host(100, 300, 10, 0)
	h := host{proc: m.proc()}
	if _, ok := h.look(time.Second); ok {
		t.Error("the first look tells shares")
	}
	m.host(150, 340, 20, 250*time.Millisecond)
	if s, ok := h.look(time.Second); !ok || !near(s.Steal, 0.1) || !near(s.Busy, 0.5) || !near(s.CPUPressure, 0.25) {
		t.Errorf("%+v, %v", s, ok)
	}
	m.write("proc/pressure/cpu", "some avg10=1\n")
	m.host(160, 330, 20, 0) // the kernel takes idle time back
	m.write("proc/pressure/cpu", "some avg10=1\n")
	if s, ok := h.look(time.Second); ok {
		t.Errorf("%+v of no time", s)
	}
	m.write("proc/stat", "cpu0 x\n")
	if s, ok := h.look(time.Second); ok {
		t.Errorf("%+v of nonsense", s)
	}
}

// The thread that sends is followed through its account with the scheduler.
func TestPacing(t *testing.T) {
	m := newMachine(t)
	tid := 0
	schedule := func(text string) { m.write("proc/5/task/7/schedstat", text) }
	schedule("1000000 200000 3\n")
	p := pacer{proc: m.proc(), pid: 5, tid: func() int { return tid }}
	look := func() (Pacing, bool) { return p.look(time.Second) }
	if _, ok := look(); ok {
		t.Error("there is pacing without a thread")
	}
	tid = 7
	if _, ok := look(); ok {
		t.Error("the first look at a thread tells of it")
	}
	schedule("501000000 100200000 13\n")
	if got, ok := look(); !ok || !near(got.Cores, 0.5) || !near(got.Wait, 0.1) || got.SliceWait != 10*time.Millisecond || got.Turns != 10 {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, text := range []string{"", "1 2", "1 x 3", "1 2 -3"} {
		schedule(text)
		if got, ok := look(); ok {
			t.Errorf("%q gave %+v", text, got)
		}
	}
}

const tcp4 = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1681 1 0 100 0 0 10 0
   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1682 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 1683 1 0 100 0 0 10 0
   3: 0101000A:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1684 1 0 100 0 0 10 0
`

const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1690 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1691 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1692 1 0 100 0 0 10 0
`

func TestListeners(t *testing.T) {
	m := newMachine(t)
	m.write("proc/net/tcp", tcp4)
	m.write("proc/net/tcp6", tcp6)
	f := func(ip string, port uint16, want ...string) {
		t.Helper()
		got := slices.Sorted(maps.Keys(listeners(m.proc(), []netip.Addr{netip.MustParseAddr(ip)}, port)))
		if !slices.Equal(got, want) {
			t.Errorf("%s:%d: %v, want %v", ip, port, got, want)
		}
	}
	f("127.0.0.1", 8080, "socket:[1681]")
	f("127.0.0.1", 8081, "socket:[1682]")
	f("10.0.1.1", 8080, "socket:[1684]")
	f("127.0.0.1", 9)
	f("127.0.0.1", 8082, "socket:[1690]")
	f("::1", 8080, "socket:[1691]")
	f("127.0.0.1", 8083, "socket:[1692]")
	m.write("proc/net/tcp", "nonsense\n0: 01:1 x 0A 4 5 6 7 8 9 10\n")
	f("127.0.0.1", 1)
}

func FuzzMetrics(f *testing.F) {
	f.Add([]byte(exposition))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parseMetrics(text); err == nil && m.Source == "" {
			t.Errorf("metrics of nobody: %+v", m)
		}
	})
}
