package watch

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

const statLine = "4711 (a) S 1 (x) S 42 1 1 0 -1 4194304 97 0 0 0 120 30 7 9 20 0 17 0 2233133 3133440 382 184467 1 2 3\n"

func TestParseStat(t *testing.T) {
	f := func(text string, want stat, fails bool) {
		t.Helper()
		got, err := parseStat([]byte(text))
		if (err != nil) != fails || err == nil && got != want {
			t.Errorf("%.40q: %+v, error %v; want %+v", text, got, err, want)
		}
	}
	f(statLine, stat{parent: 42, cpu: 150, threads: 17, start: 2233133, pages: 382}, false)
	f("", stat{}, true)
	f("1 (a", stat{}, true)
	f("1 (a) S 42 1", stat{}, true)
	f("1 (a) S x 1 1 0 -1 4194304 97 0 0 0 120 30 7 9 20 0 17 0 2233133 3133440 382", stat{}, true)
}

func TestParseSchedule(t *testing.T) {
	if s, err := parseSchedule([]byte("388228 5 7\n")); err != nil || s != (schedule{388228, 5, 7}) {
		t.Errorf("%+v, error %v", s, err)
	}
	for _, text := range []string{"", "1 2", "1 x 3", "1 2 -3"} {
		if s, err := parseSchedule([]byte(text)); err == nil {
			t.Errorf("%q gave %+v", text, s)
		}
	}
}

func TestParseProcessor(t *testing.T) {
	if p, err := parseProcessor([]byte("cpu  10 1 20 300 4 0 5 60 9 9\ncpu0 1\n")); err != nil || p != (processor{total: 400, idle: 304, steal: 60}) {
		t.Errorf("%+v, error %v", p, err)
	}
	for _, text := range []string{"", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3", "cpu 1 2 3 4 5 6 7 x"} {
		if p, err := parseProcessor([]byte(text)); err == nil {
			t.Errorf("%q gave %+v", text, p)
		}
	}
}

func TestParsePressure(t *testing.T) {
	if d, err := parsePressure([]byte("some avg10=0.41 avg60=0.31 avg300=0.99 total=5554\nfull total=1\n")); err != nil || d != 5554*time.Microsecond {
		t.Errorf("%v, error %v", d, err)
	}
	for _, text := range []string{"", "full total=1", "some avg10=1", "some total=x"} {
		if d, err := parsePressure([]byte(text)); err == nil {
			t.Errorf("%q gave %v", text, d)
		}
	}
}

func TestParseStatus(t *testing.T) {
	v, i := parseSwitches([]byte("Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"))
	if v != 12 || i != 3 {
		t.Errorf("%d voluntary, %d involuntary", v, i)
	}
	if n := parsePSS([]byte("Rss: 5 kB\nPss:   366 kB\nPss_Dirty: 1 kB\n")); n != 366<<10 {
		t.Errorf("a proportional set of %d bytes", n)
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
	f := func(text, ip string, port uint16, want ...string) {
		t.Helper()
		if got := listeners([]byte(text), []netip.Addr{netip.MustParseAddr(ip)}, port); !slices.Equal(got, want) {
			t.Errorf("%s:%d: %v, want %v", ip, port, got, want)
		}
	}
	f(tcp4, "127.0.0.1", 8080, "1681")
	f(tcp4, "127.0.0.1", 8081, "1682")
	f(tcp4, "10.0.1.1", 8080, "1684")
	f(tcp4, "127.0.0.1", 9)
	f(tcp6, "127.0.0.1", 8082, "1690")
	f(tcp6, "::1", 8080, "1691")
	f(tcp6, "127.0.0.1", 8083, "1692")
	f("nonsense\n0: 01:1 x 0A 4 5 6 7 8 9 10\n", "127.0.0.1", 1)
}

// FuzzParsers holds every parser to what it says: nothing that it reads is out of its bounds.
func FuzzParsers(f *testing.F) {
	for _, text := range []string{statLine, "388228 5 7\n", "cpu  1 2 3 4 5 6 7 8 9 9\n", "some avg10=0 total=5\n", "Pss: 1 kB\nvoluntary_ctxt_switches: 5", tcp4, tcp6, exposition} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := parseStat(text); err == nil && (s.parent < 0 || s.threads < 0 || s.pages < 0) {
			t.Errorf("stat %+v", s)
		}
		if s, err := parseSchedule(text); err == nil && (s.run < 0 || s.wait < 0) {
			t.Errorf("schedule %+v", s)
		}
		if p, err := parseProcessor(text); err == nil && (p.idle > p.total || p.steal > p.total) {
			t.Errorf("processor %+v", p)
		}
		if d, err := parsePressure(text); err == nil && d < 0 {
			t.Errorf("pressure %v", d)
		}
		if n := parsePSS(text); n < 0 {
			t.Errorf("proportional set %d", n)
		}
		listeners(text, nil, 80)
		if m, err := parseMetrics(text); err == nil && m.source == "" {
			t.Errorf("metrics of nobody: %+v", m)
		}
	})
}
