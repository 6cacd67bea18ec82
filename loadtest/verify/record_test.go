package verify

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/tensor"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

func TestRecordRefuses(t *testing.T) {
	f := func(name string, protocol payload.Protocol, change func(s *target), want string) {
		t.Helper()
		s := newTarget()
		set := s.start(t, payload.Options{Variants: 3, Protocol: protocol, Range: &payload.Range{Low: 1, High: 2}})
		change(s)
		_, err := Record(context.Background(), set, Options{})
		got := ""
		var usage *payload.UsageError
		var notReady *payload.NotReadyError
		var unstable *UnstableError
		switch {
		case errors.As(err, &usage):
			got = "usage: "
		case errors.As(err, &notReady):
			got = "not ready: "
		case errors.As(err, &unstable):
			got = "unstable: "
		}
		if err != nil {
			got += err.Error()
		}
		if want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	drift := func(s *target) {
		s.spoil = func(call int64, outputs []tensor.Tensor) {
			if call == 4 {
				outputs[0].Data[4*2+3] ^= 0x80 // the sign of element 2
			}
		}
	}
	f("drift", payload.JSON, drift, `unstable: variant 1 was asked twice, alone, and the answers do not agree: output "y"[0,2] is -`)
	f("drift", payload.Binary, drift, `unstable: variant 1 was asked twice`)
	f("drift", payload.V1, drift, `unstable: variant 1 was asked twice, alone, and the answers do not agree: byte `)
	f("noise within tolerance", payload.JSON, func(s *target) {
		s.spoil = func(call int64, outputs []tensor.Tensor) { outputs[0].Data[0] ^= byte(call & 1) }
	}, "")
	f("busy for a while", payload.JSON, func(s *target) {
		s.refuse = func(call int64) int {
			if call <= 2 {
				return http.StatusTooManyRequests
			}
			return 0
		}
	}, "")
	f("bad request", payload.JSON, func(s *target) {
		s.refuse = func(call int64) int {
			if call == 3 {
				return http.StatusBadRequest
			}
			return 0
		}
	}, "usage: variant 1, asked alone, is answered with status 400: not now")
	f("broken", payload.JSON, func(s *target) { s.refuse = func(int64) int { return http.StatusInternalServerError } }, "not ready: variant 0, asked alone, is answered with status 500: not now")
}

// TestRecordUnreachable has no server at all, and one whose time is over.
func TestRecordUnreachable(t *testing.T) {
	s := newTarget()
	set := s.start(t, payload.Options{Variants: 1})
	gone := *set
	server := httptest.NewServer(s)
	gone.Target.Addr = server.Listener.Addr().String()
	server.Close()
	var notReady *payload.NotReadyError
	if _, err := Record(context.Background(), &gone, Options{}); !errors.As(err, &notReady) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.spoil = func(int64, []tensor.Tensor) { cancel() }
	if _, err := Record(ctx, set, Options{}); !errors.Is(err, context.Canceled) && !errors.As(err, &notReady) {
		t.Errorf("got %v after the end of the context", err)
	}
}

// TestRecordReconnects has a target that closes the connection after each answer, and one that
// closes it before the second.
func TestRecordReconnects(t *testing.T) {
	s := newTarget()
	polite := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		s.ServeHTTP(w, r)
	}))
	defer polite.Close()
	set := s.start(t, payload.Options{Variants: 3})
	set.Target.Addr = polite.Listener.Addr().String()
	done := 0
	e, err := Record(context.Background(), set, Options{Progress: func(n, of int) {
		if done++; n != done || of != 3 {
			t.Errorf("got %d of %d", n, of)
		}
	}})
	if err != nil || len(e.Rows) != 3 || done != 3 {
		t.Fatalf("got %v after %d", err, done)
	}
	rude := httptest.NewServer(s)
	defer rude.Close()
	set.Target.Addr = rude.Listener.Addr().String()
	x := exchange{addr: set.Target.Addr}
	defer x.close()
	ask(t, &x, set, 0)
	rude.CloseClientConnections()
	ask(t, &x, set, 0)
}

// TestExpectedFile records, writes, and sends and expects from the file alone.
func TestExpectedFile(t *testing.T) {
	s := newTarget()
	set := s.start(t, payload.Options{Variants: 5, Seed: 11, Dims: map[string]payload.Dim{}})
	path := filepath.Join(t.TempDir(), "expected.jsonl")
	if err := record(t, set, Options{}).WriteFile(path, set); err != nil {
		t.Fatal(err)
	}
	again := s.start(t, payload.Options{Source: "golden:" + path, Protocol: payload.Binary})
	if again.Header == nil || again.Header.Seed != 11 || again.Header.Digest != "d1" || again.Header.Server != "test 1" || len(again.Payloads) != 5 {
		t.Fatalf("got %+v with %d variants", again.Header, len(again.Payloads))
	}
	e, err := FromRows(again, again.Header, again.Rows, path)
	if err != nil {
		t.Fatal(err)
	}
	c := New(e, again, Options{})
	x := exchange{addr: again.Target.Addr}
	defer x.close()
	for v := range again.Payloads {
		if got := c.Check(ask(t, &x, again, v)); got.Kind != engine.Right {
			t.Errorf("variant %d: got %+v: %q", v, got, c.Report().Examples)
		}
	}
	if r := c.Report(); r.Source != path || !strings.HasPrefix(r.Tolerance, "FP32 1e-05 + 1e-04|x|") {
		t.Errorf("got %+v", r)
	}
	if err := record(t, set, Options{}).WriteFile(filepath.Join(t.TempDir(), "no", "such"), set); err == nil {
		t.Error("got no error for a folder that is not there")
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("got %d files, %v, want the one", len(left), err)
	}
}
