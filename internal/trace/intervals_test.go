package trace

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func FuzzIntervals(f *testing.F) {
	for _, text := range []string{"", "1\n2\n3", "1\r\n\r\n", "-1", "9223372036854775807\n1", "0x10", "{", "1 2", "1\n\n2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src, err := NewSource(strings.NewReader(text))
		if err != nil {
			return
		}
		var a Arrival
		var last time.Duration
		for n := 0; ; n++ {
			err := src.Next(&a)
			if errors.Is(err, io.EOF) {
				if n == 0 {
					t.Fatal("a trace without arrivals is no error")
				}
				return
			}
			if err != nil {
				if _, plain := src.(*Intervals); plain && !strings.HasPrefix(err.Error(), "line ") {
					t.Fatalf("the error %q names no line", err)
				}
				return
			}
			if a.At < last || a.At > MaxTime {
				t.Fatalf("arrival %d is at %v, after one at %v", n, a.At, last)
			}
			last = a.At
		}
	})
}
