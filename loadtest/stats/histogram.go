package stats

import (
	"errors"
	"fmt"
	"io"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// The range of histograms that leave the program, in microseconds.
const (
	lowest  = 1
	highest = 60_000_000
	digits  = 3
)

// Histogram is an HdrHistogram of microseconds from 1 us to 60 s with three significant
// digits, for exchange with other tools. What is above is counted as 60 s.
type Histogram struct {
	h *hdr.Histogram
	// Clamped counts latencies that were above the range.
	Clamped int64
}

// NewHistogram returns an empty one.
func NewHistogram() *Histogram { return &Histogram{h: hdr.New(lowest, highest, digits)} }

// Add counts a latency, rounded to a microsecond.
func (h *Histogram) Add(d time.Duration) {
	us := int64(max(d, 0).Round(time.Microsecond) / time.Microsecond)
	if us > highest {
		us = highest
		h.Clamped++
	}
	if err := h.h.RecordValue(us); err != nil {
		panic("BUG: a histogram refuses a value in its range: " + err.Error())
	}
}

// Encode is the compressed form V2 of HdrHistogram, base64.
func (h *Histogram) Encode() string {
	b, err := h.h.Encode(hdr.V2CompressedEncodingCookieBase)
	if err != nil {
		panic("BUG: a histogram cannot be encoded: " + err.Error())
	}
	return string(b)
}

// DecodeHistogram reads the histogram of a result. It takes only the range that NewHistogram has.
func DecodeHistogram(l *result.Latency) (*Histogram, error) {
	if l.HDR == "" {
		return nil, fmt.Errorf("cannot read the histogram: the result has none; it was written without a sample")
	}
	from, err := hdr.Decode([]byte(l.HDR))
	if err != nil {
		return nil, fmt.Errorf("cannot read the histogram: %w", err)
	}
	h := NewHistogram()
	if from.HighestTrackableValue() != highest || from.SignificantFigures() != digits {
		return nil, fmt.Errorf("cannot read the histogram: its range ends at %d us with %d digits, want %d us with %d",
			from.HighestTrackableValue(), from.SignificantFigures(), highest, digits)
	}
	if dropped := h.h.Merge(from); dropped > 0 {
		return nil, fmt.Errorf("cannot read the histogram: %d of its samples are outside of 1 us to 60 s", dropped)
	}
	h.Clamped = l.Clamped
	return h, nil
}

// WriteHGRM writes the percentile distribution in ms, in the text form (.hgrm) that
// HdrHistogram's plotter reads.
func (h *Histogram) WriteHGRM(w io.Writer) error {
	const ticks, scale = 5, 1000
	if _, err := h.h.PercentilesPrint(w, ticks, scale); err != nil {
		return fmt.Errorf("cannot write the percentile distribution: %w", err)
	}
	return nil
}

// Clock reads a latency from a sample that has an answer.
type Clock func(s *sample.Sample) time.Duration

// WriteLog writes a clock's latencies of right answers as a histogram log (HdrHistogram,
// version 1.3), one line per second of the window. start is the wall-clock time of the
// window's start; the column of maxima is in ms.
func WriteLog(w io.Writer, samples []sample.Sample, win Window, start time.Time, clock Clock) error {
	log := hdr.NewHistogramLogWriter(w)
	err := errors.Join(log.OutputLogFormatVersion(), log.OutputBaseTime(0), log.OutputStartTime(start.UnixMilli()), log.OutputLegend())
	all := make([]*Histogram, win.seconds())
	for i := range samples {
		s := &samples[i]
		if !win.holds(s) || s.Outcome != sample.OK {
			continue
		}
		k := win.second(s.Intended)
		if all[k] == nil {
			all[k] = NewHistogram()
		}
		all[k].Add(clock(s))
	}
	for k, h := range all {
		if err != nil {
			break
		}
		if h == nil {
			h = NewHistogram()
		}
		at := time.Duration(k) * time.Second
		length := min(time.Second, win.Length()-at)
		// Not by the library's own line: its maxima are for histograms of nanoseconds.
		_, err = fmt.Fprintf(w, "%.3f,%.3f,%.3f,%s\n", float64(start.Add(at).UnixMilli())/1000, length.Seconds(), float64(h.h.Max())/1000, h.Encode())
	}
	if err != nil {
		return fmt.Errorf("cannot write the histogram log: %w", err)
	}
	return nil
}
