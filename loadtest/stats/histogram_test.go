package stats

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

func TestHistogramsAreExchanged(t *testing.T) {
	a := NewHistogram()
	for i := range 100 {
		a.Add(time.Duration(i) * ms)
	}
	a.Add(-time.Second)
	a.Add(2 * time.Minute)
	a.Add(time.Minute)
	if n := a.h.TotalCount(); n != 103 || a.Clamped != 1 {
		t.Errorf("%d samples, %d clamped", n, a.Clamped)
	}
	got, err := DecodeHistogram(&result.Latency{HDR: a.Encode(), Clamped: a.Clamped})
	if err != nil || !got.h.Equals(a.h) || got.Clamped != 1 {
		t.Errorf("decoded to something else: %v", err)
	}
	if q := got.h.ValueAtPercentile(50); q < 49_900 || q > 50_100 {
		t.Errorf("median %v", q)
	}
	if q := got.h.ValueAtPercentile(100); q < 60_000_000 || q > 60_060_000 {
		t.Errorf("maximum %v", q)
	}
}

func TestHistogramsRoundToMicroseconds(t *testing.T) {
	h := NewHistogram()
	h.Add(1499 * time.Nanosecond)
	h.Add(1500 * time.Nanosecond)
	if h.h.Min() != 1 || h.h.Max() != 2 {
		t.Errorf("from %d to %d us", h.h.Min(), h.h.Max())
	}
}

func TestForeignHistogramsAreRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := DecodeHistogram(&result.Latency{HDR: text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	encode := func(h *hdr.Histogram) string {
		b, err := h.Encode(hdr.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	f("", "the result has none")
	f("not base64!", "illegal base64")
	f("AAAA", "too short")
	f(encode(hdr.New(1, 1000, 3)), "its range ends at 1000 us with 3 digits")
	f(encode(hdr.New(1, highest, 2)), "with 2 digits")
}

func FuzzDecodeHistogram(f *testing.F) {
	h := NewHistogram()
	h.Add(ms)
	f.Add(h.Encode())
	f.Add(NewHistogram().Encode())
	f.Fuzz(func(t *testing.T, text string) {
		h, err := DecodeHistogram(&result.Latency{HDR: text})
		if err != nil {
			return
		}
		if err := h.WriteHGRM(io.Discard); err != nil {
			t.Fatal(err)
		}
		again, err := DecodeHistogram(&result.Latency{HDR: h.Encode()})
		if err != nil || !again.h.Equals(h.h) {
			t.Errorf("encoded again it is another one: %v", err)
		}
	})
}

func TestPercentileDistribution(t *testing.T) {
	h := NewHistogram()
	for i := 1; i <= 1000; i++ {
		h.Add(time.Duration(i) * ms / 10)
	}
	var b bytes.Buffer
	if err := h.WriteHGRM(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{"Value\tPercentile\tTotalCount\t1/(1-Percentile)", "      50.015     0.500000          500         2.00", "#[Max     =      100.031, Total count    =         1000]"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if err := h.WriteHGRM(brokenPipe{}); err == nil || !strings.Contains(err.Error(), "cannot write the percentile distribution: broken") {
		t.Errorf("error %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestHistogramLog(t *testing.T) {
	var samples []sample.Sample
	for i := range 30 { // ten a second from 1 s to 4 s
		at := time.Second + time.Duration(i)*100*ms
		samples = append(samples, sample.Sample{Intended: at, Noticed: at, Written: at + ms, Last: at + 5*ms, Outcome: sample.OK})
	}
	samples[3].Outcome = sample.Timeout
	var b bytes.Buffer
	w := Window{From: 2 * time.Second, To: 4500 * ms}
	start := time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC)
	if err := WriteLog(&b, samples, w, start, (*sample.Sample).Response); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "1767323047.250,0.500,0.000,") {
		t.Errorf("last line %q", last)
	}
	if first := lines[len(lines)-3]; !strings.HasPrefix(first, "1767323045.250,1.000,5.00") {
		t.Errorf("first line %q", first)
	}
	r := hdr.NewHistogramLogReader(&b)
	var counts []int64
	for {
		h, err := r.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		counts = append(counts, h.TotalCount())
	}
	if len(counts) != 3 || counts[0] != 10 || counts[1] != 10 || counts[2] != 0 {
		t.Errorf("a reader finds %v", counts)
	}
	if err := WriteLog(brokenPipe{}, samples, w, start, (*sample.Sample).Service); err == nil || !strings.Contains(err.Error(), "cannot write the histogram log: broken") {
		t.Errorf("error %v", err)
	}
}
