package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/statefile"
)

// changes is a record of changes that grows.
type changes struct {
	mu      sync.Mutex
	all     []Event
	away    bool // another process tells
	changed chan struct{}
}

func newChanges(n int) *changes {
	c := &changes{changed: make(chan struct{})}
	c.add(n)
	return c
}

func (c *changes) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		c.all = append(c.all, Event{Number: uint64(len(c.all) + 1), Time: time.Unix(1, 0).UTC(), Who: "plan", Action: "canary", Model: "m", Share: 0.1})
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *changes) Since(after uint64) ([]Event, uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all[min(int(after), len(c.all)):]), uint64(len(c.all)), nil
}

func (c *changes) Holds() bool { c.mu.Lock(); defer c.mu.Unlock(); return !c.away }

func (c *changes) Changed() <-chan struct{} { c.mu.Lock(); defer c.mu.Unlock(); return c.changed }

// receiver remembers what it was told, and answers as it is told to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	told   []string // number:id
	status func(n int) int
	heard  chan struct{}
	t      *testing.T
}

const secret = "a secret of thirty-two bytes ...."

func receive(t *testing.T, status func(n int) int) *receiver {
	r := &receiver{t: t, status: status, heard: make(chan struct{}, 10_000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		id, stamp := q.Header.Get("Webhook-Id"), q.Header.Get("Webhook-Timestamp")
		if q.URL.Path != "/hook" || q.Header.Get("Webhook-Signature") != "v1,"+Sign([]byte(secret), id, stamp, body) {
			t.Errorf("%s %v: the signature is not that of %s", q.URL, q.Header, body)
		}
		r.mu.Lock()
		n := len(r.told)
		_, number, _ := strings.Cut(string(body), `"generation":`)
		number, _, _ = strings.Cut(number, ",")
		r.told = append(r.told, number+":"+id)
		r.mu.Unlock()
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status(n))
		r.heard <- struct{}{}
	}))
	t.Cleanup(r.Close)
	return r
}

// numbers are those that it was told of.
func (r *receiver) numbers() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, told := range r.told {
		n, _, _ := strings.Cut(told, ":")
		all = append(all, n)
	}
	return strings.Join(all, " ")
}

func (r *receiver) options(c *changes, dir string) Options {
	return Options{Dir: dir, Source: c, Targets: []Target{{r.URL + "/hook", []byte(secret)}}, FirstWait: time.Millisecond, Attempts: 3}
}

// passes has the outbox look so often, without its waits.
func passes(t *testing.T, b *Outbox, n int) {
	t.Helper()
	for range n {
		if _, err := b.next(context.Background(), &b.o.Targets[0]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeliveries(t *testing.T) {
	f := func(what string, status func(n int) int, looks int, numbers string, want Stats) {
		t.Helper()
		r, c := receive(t, status), newChanges(2)
		b := New(r.options(c, t.TempDir()))
		passes(t, b, 1) // what was there before is not told
		c.add(2)
		passes(t, b, looks)
		if got := r.numbers(); got != numbers || b.Stats() != want {
			t.Errorf("%s: told %q, %+v, want %q, %+v", what, got, b.Stats(), numbers, want)
		}
	}
	always := func(status int) func(int) int { return func(int) int { return status } }
	f("all well", always(204), 3, "3 4", Stats{Sent: 2})
	f("refused once", func(n int) int { return map[bool]int{true: 500, false: 200}[n == 0] }, 3, "3 3 4", Stats{Sent: 2, Failed: 1})
	f("refused for ever", always(503), 9, "3 3 3 4 4 4", Stats{Failed: 6, Dropped: 2})
	f("a redirect is not followed", always(307), 1, "3", Stats{Failed: 1})
}

// What was told is told again with the same id after a process that was killed before it could write that down.
func TestToldAgain(t *testing.T) {
	dir := t.TempDir()
	r, c := receive(t, func(int) int { return 200 }), newChanges(0)
	o := r.options(c, dir)
	passes(t, New(o), 1)
	before, err := os.ReadFile(filepath.Join(dir, cursorFile))
	if err != nil {
		t.Fatal(err)
	}
	c.add(1)
	passes(t, New(o), 1)
	if err := os.WriteFile(filepath.Join(dir, cursorFile), before, 0o600); err != nil {
		t.Fatal(err)
	}
	passes(t, New(o), 2)
	if len(r.told) != 2 || r.told[0] != r.told[1] {
		t.Errorf("%q", r.told)
	}
	// One that does not hold the lease tells nothing.
	c.away = true
	c.add(1)
	passes(t, New(o), 1)
	if len(r.told) != 2 {
		t.Errorf("%q", r.told)
	}
	c.away = false
	c.add(mostEvents + 1)
	b := New(o)
	passes(t, b, 1)
	if s := b.Stats(); s.Dropped != 2 || s.Sent != mostEvents {
		t.Errorf("%+v", s)
	}
	if err := os.WriteFile(filepath.Join(dir, cursorFile), []byte(`{"version":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.next(context.Background(), &b.o.Targets[0]); err == nil || err.Error() != "webhooks.json has version 2, and this program reads version 1" {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	r, c := receive(t, func(n int) int { return map[bool]int{true: 500, false: 200}[n == 1] }), newChanges(1)
	o := r.options(c, "")
	b := New(o)
	passes(t, b, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	c.add(3)
	for range 4 {
		<-r.heard
	}
	cancel()
	running.Wait()
	if got := r.numbers(); got != "2 3 3 4" {
		t.Error(got)
	}
}

func TestNobodyListens(t *testing.T) {
	c := newChanges(0)
	b := New(Options{Source: c, Targets: []Target{{"http://127.0.0.1:1/a-secret-path", nil}}, Attempts: 2, FirstWait: time.Second})
	passes(t, b, 1)
	c.add(1)
	err := b.send(context.Background(), &b.o.Targets[0], &c.all[0])
	if err == nil || strings.Contains(err.Error(), "a-secret-path") {
		t.Error(err)
	}
	for tried, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 11: maxWait, 40: maxWait} {
		if got := b.wait(tried); got != want {
			t.Errorf("after %d tries: %v", tried, got)
		}
	}
}

// A person can verify a signature with openssl.
func TestSignedAsOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is missing")
	}
	cmd := exec.Command("sh", "-c", openssl+` dgst -sha256 -hmac "$SECRET" -binary | base64`)
	cmd.Env = append(os.Environ(), "SECRET="+secret)
	cmd.Stdin = strings.NewReader(`id.17.{"a":1}`)
	out, err := cmd.Output()
	if got := Sign([]byte(secret), "id", "17", []byte(`{"a":1}`)); err != nil || got != strings.TrimSpace(string(out)) {
		t.Errorf("%s, openssl %s, %v", got, out, err)
	}
}

func FuzzCursors(f *testing.F) {
	f.Add([]byte(`{"version":1,"targets":{"a":{"done":3,"tried":1}}}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := decode(text)
		if err == nil && all == nil || err != nil && errors.Is(err, io.EOF) {
			t.Error(fmt.Sprint(all, err))
		}
		for _, at := range all {
			if at.Tried < 0 {
				t.Errorf("%+v", all)
			}
		}
	})
}

// TestFullDisk has the folder take nothing more: what was told is not told again at each look.
func TestFullDisk(t *testing.T) {
	c := newChanges(0)
	r := receive(t, func(int) int { return http.StatusOK })
	b := New(r.options(c, t.TempDir()))
	passes(t, b, 1)
	c.add(1)
	passes(t, b, 1)
	full := errors.New("no space left on device")
	b.cursors.replace = func(string, []byte) error { return full }
	c.add(2)
	for range 5 {
		if _, err := b.next(context.Background(), &b.o.Targets[0]); err != nil && !errors.Is(err, full) {
			t.Fatal(err)
		}
	}
	if got := r.numbers(); got != "1 2 3" {
		t.Errorf("changes %s were told; want each once", got)
	}
	b.cursors.replace = statefile.Replace
	c.add(1)
	passes(t, b, 1)
	passes(t, New(b.o), 1)
	if got := r.numbers(); got != "1 2 3 4" {
		t.Errorf("with space again, changes %s were told; want each once", got)
	}
}
