package report

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sluice/internal/traffic"
	"sluice/loadtest/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNumbersAreWrittenForReaders(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	nan := math.NaN()
	f(count(0), "0")
	f(count(999), "999")
	f(count(1234567), "1,234,567")
	f(count(-1234), "-1,234")
	f(grouped(-0.001, 2), "0.00")
	f(digits(0.2314), "0.231")
	f(digits(2.3149), "2.31")
	f(digits(9.999), "10.0")
	f(digits(99.99), "100")
	f(digits(12345.6), "12,346")
	f(ms(0), none)
	f(ms(nan), none)
	f(ms(math.Inf(1)), none)
	f(ms(6.1), "6.10 ms")
	f(lag(0), "0.00 ms")
	f(interval(0, 0, digits), none)
	f(interval(5.7, 6.4, digits), "5.70 to 6.40")
	f(rate(500.26), "500.3/s")
	f(rate(12345.6), "12,346/s")
	f(rate(nan), none)
	f(percent(1), "100 %")
	f(percent(0), "0 %")
	f(percent(0.14), "14 %")
	f(percent(0.9998), "99.98 %")
	f(percent(0.999999), "99.9999 %")
	f(percent(0.00003), "0.003 %")
	f(percent(nan), none)
	f(memory(212e6), "212 MB")
	f(memory(3.2e9), "3.20 GB")
	f(memory(0), none)
	f(seconds(60), "60 s")
	f(seconds(1.4), "1.4 s")
	f(seconds(3600), "3,600 s")
	f(traffic.QuantileName(0.5), "p50")
	f(traffic.QuantileName(0.999), "p99.9")
	f(change(2, 2.2), "+10.0 %")
	f(change(0, 1), "")
	f(some(1, "run", "runs"), "1 run")
	f(some(2000, "run", "runs"), "2,000 runs")
	f(side(0)+side(1), "AB")
	f(commandLine([]string{"a", "--slo", "p99<10ms", "it's", ""}), `a --slo 'p99<10ms' 'it'\''s' ''`)
	f(result.Clean("a\x1b[31m\nb\x9bc"), "a [31m b c")
}

// What is nearly all is never written as all, and what is nearly nothing never as nothing.
func TestPercentHidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1_000_000).Draw(t, "of")
		k := rapid.Int64Range(0, n).Draw(t, "part")
		text := percent(float64(k) / float64(n))
		if (text == "100 %") != (k == n) || (text == "0 %") != (k == 0) {
			t.Fatalf("%d of %d is %s", k, n, text)
		}
	})
}

func TestBatchSizesGoIntoClasses(t *testing.T) {
	s := sizesOf([]result.Count{{Name: "4", N: 1}, {Name: "1", N: 3}, {Name: "x", N: 9}})
	if s.total != 4 || s.mean != 7.0/4 || len(s.classes) != 2 || s.classes[0] != (result.Count{Name: "1", N: 3}) {
		t.Errorf("sizes %+v", s)
	}
	var many []result.Count
	for i := range 20 {
		many = append(many, result.Count{Name: count(int64(i + 1)), N: 1})
	}
	got := ""
	for _, c := range sizesOf(many).classes {
		got += c.Name + ":" + count(c.N) + " "
	}
	if got != "1:1 2:1 3-4:2 5-8:4 9-16:8 17-32:4 " {
		t.Errorf("classes %s", got)
	}
}

// The text begins with the verdict, its words stay within the width, and it says the ledger's
// missing requests, whichever they are.
func TestTextBeginsWithTheVerdict(t *testing.T) {
	for name, r := range examples() {
		var out bytes.Buffer
		if err := Text(&out, r); err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(out.String(), "\n"); first != r.Verdict {
			t.Errorf("%s begins with %q", name, first)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns {
				t.Errorf("%s has a line of %d: %s", name, n, line)
			}
			if strings.ContainsRune(line, 0x1b) || strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
				t.Errorf("%s has the line %q", name, line)
			}
		}
	}
}

func TestLedgerSaysWhatIsOff(t *testing.T) {
	f := func(l result.Ledger, want string) {
		t.Helper()
		if got := strings.Join(ledgerFaults(&l), "; "); got != want {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
	f(result.Ledger{}, "")
	f(result.Ledger{Scheduled: 2, OK: 1, Wrong: 1, Closed: true}, "")
	f(result.Ledger{Scheduled: 2, OK: 1, Closed: true}, "2 requests were scheduled, 1 with a known end: 1 is missing")
	f(result.Ledger{Scheduled: 1, OK: 2, Closed: true}, "1 request was scheduled, but 2 ended")
	f(result.Ledger{Scheduled: 1, OK: 1, Extra: 3}, "3 answers that nobody was waiting for")
	f(result.Ledger{Scheduled: 1, OK: 1}, "the run says that its ledger is not closed, though its sums agree")
	// Each kind of end is counted.
	f(result.Ledger{Scheduled: 9, OK: 1, Wrong: 1, Rejected: 1, ClientErr: 1, ServerErr: 1, Timeout: 1, Refused: 1, FailedBefore: 1, LostAfter: 1, Closed: true}, "")
}
