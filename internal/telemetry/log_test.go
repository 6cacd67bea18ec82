package telemetry

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestLog(t *testing.T) {
	f := func(o LogOptions, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) { // whose clock begins in the year 2000
			var out bytes.Buffer
			o.Output = &out
			log, err := NewLog(o)
			if err != nil {
				t.Fatal(err)
			}
			log.Debug("model found")
			log.Named("models").Info("model ready", zap.String("model", "digits"), zap.Duration("took", 1500*time.Millisecond))
			log.Error("model refused")
			if out.String() != want {
				t.Errorf("%+v:\n got %q\nwant %q", o, out.String(), want)
			}
		})
	}
	const ready = `{"level":"info","time":"2000-01-01T00:00:00.000Z","from":"models","msg":"model ready","model":"digits","took":"1.5s"}` + "\n"
	const refused = `{"level":"error","time":"2000-01-01T00:00:00.000Z","msg":"model refused"}` + "\n"
	f(LogOptions{}, ready+refused)
	f(LogOptions{Level: "error", Format: "json"}, refused)
	f(LogOptions{Level: "debug"}, `{"level":"debug","time":"2000-01-01T00:00:00.000Z","msg":"model found"}`+"\n"+ready+refused)
	f(LogOptions{Level: "error", Format: "console"}, "2000-01-01T00:00:00.000Z error model refused\n")
}

func TestLogRefusesWrongOptions(t *testing.T) {
	f := func(o LogOptions, want string) {
		t.Helper()
		o.Output = io.Discard
		if _, err := NewLog(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", o, err, want)
		}
	}
	f(LogOptions{Level: "loud"}, `level "loud" is none of`)
	f(LogOptions{Format: "xml"}, `format "xml" is none of`)
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log, err := NewLog(LogOptions{Output: &out})
		if err != nil {
			t.Fatal(err)
		}
		var throttle Throttle
		f := func(want ...string) {
			t.Helper()
			throttle.Warn(log, "connection refused", zap.Int("port", 8080))
			got := out.String()
			out.Reset()
			for _, w := range want {
				if !strings.Contains(got, w) {
					t.Errorf("%q is not in %q", w, got)
				}
			}
			if len(want) == 0 && got != "" {
				t.Errorf("got %q, want no line", got)
			}
		}
		f(`"port":8080}`)
		f()
		time.Sleep(throttleEvery - 1) // of the bubble's clock
		f()
		time.Sleep(time.Nanosecond)
		f(`"port":8080,"repeated":2}`)
		time.Sleep(throttleEvery)
		f(`"port":8080}`)
	})
}
