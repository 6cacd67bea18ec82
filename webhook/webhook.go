package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/statefile"
)

// Event is a change. It has no rows of requests.
type Event struct {
	Number  uint64    `json:"generation"`
	Time    time.Time `json:"time"`
	Who     string    `json:"who"`
	Action  string    `json:"action"`
	Model   string    `json:"model"`
	Version string    `json:"version,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	From    string    `json:"from,omitempty"`
	Share   float64   `json:"share,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

// body is what is sent, and id is made of it: the same change has the same id whenever it is sent.
func (e *Event) body() (body []byte, id string, err error) {
	body, err = json.Marshal(e)
	sum := sha256.Sum256(body)
	return body, "change_" + hex.EncodeToString(sum[:16]), err
}

// Source lists changes.
type Source interface {
	// Since returns the changes after a number, from old to new, and the newest number that there is.
	Since(after uint64) (events []Event, newest uint64, err error)
	// Holds tells whether this process is the one that tells of changes.
	Holds() bool
	// Changed is closed once there is a newer change than at the call.
	Changed() <-chan struct{}
}

// Target is who is told.
type Target struct {
	URL    string
	Secret []byte
}

// host is what is said of a target: a path may be a secret.
func (t *Target) host() string {
	u, err := url.Parse(t.URL)
	if err != nil {
		return "?"
	}
	return u.Host
}

func (t *Target) key() string {
	sum := sha256.Sum256([]byte(t.URL))
	return hex.EncodeToString(sum[:8])
}

// Options are what an outbox needs. Zero values are the defaults.
type Options struct {
	// Dir is the folder that keeps how far each target was told. Empty forgets it.
	Dir     string
	Targets []Target
	Source  Source
	Log     *zap.Logger
	// Timeout bounds one try. Default 10 s. Attempts is how often a change is tried. Default 12: two hours.
	Timeout  time.Duration
	Attempts int
	// FirstWait is the wait after the first try. Default 1 s.
	FirstWait time.Duration
}

// The bounds of what waits.
const (
	maxWait    = 10 * time.Minute
	mostEvents = 256
	maxAnswer  = 4 << 10
	idle       = time.Second // between two looks while another process tells
)

// Stats are sums over all targets.
type Stats struct{ Sent, Failed, Dropped uint64 }

// Outbox tells targets of changes.
type Outbox struct {
	o                     Options
	cursors               cursors
	client                *http.Client
	sent, failed, dropped atomic.Uint64
}

// New makes an outbox that does nothing before Run.
func New(o Options) *Outbox {
	o.Timeout, o.Attempts, o.FirstWait = cmp.Or(o.Timeout, 10*time.Second), cmp.Or(o.Attempts, 12), cmp.Or(o.FirstWait, time.Second)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Outbox{o: o, cursors: cursors{dir: o.Dir, replace: statefile.Replace}, client: &http.Client{
		Timeout: o.Timeout,
		// Targets come from the settings alone: not from a variable, and not from an answer.
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Stats are what was done so far.
func (b *Outbox) Stats() Stats {
	return Stats{b.sent.Load(), b.failed.Load(), b.dropped.Load()}
}

// Run tells the targets until ctx ends.
func (b *Outbox) Run(ctx context.Context) {
	defer b.client.CloseIdleConnections()
	var running sync.WaitGroup
	for i := range b.o.Targets {
		running.Go(func() { b.serve(ctx, &b.o.Targets[i]) })
	}
	running.Wait()
}

// serve tells one target.
func (b *Outbox) serve(ctx context.Context, t *Target) {
	said := ""
	for ctx.Err() == nil {
		changed := b.o.Source.Changed()
		retry, err := b.next(ctx, t)
		text := ""
		if err != nil {
			text, retry = err.Error(), max(retry, idle)
		}
		if text != said && err != nil {
			b.o.Log.Warn("a webhook cannot go on", zap.String("host", t.host()), zap.Error(err))
		}
		if said = text; retry > 0 { // a newer change does not hurry it
			changed = nil
		}
		timer := time.NewTimer(cmp.Or(retry, idle))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next tells a target what it has not been told. It returns how long the next try has time; 0 if nothing is to be tried again.
func (b *Outbox) next(ctx context.Context, t *Target) (retry time.Duration, err error) {
	if !b.o.Source.Holds() {
		return 0, nil
	}
	at, known, err := b.cursors.get(t.key())
	if err != nil {
		return 0, err
	}
	events, newest, err := b.o.Source.Since(at.Done)
	switch {
	case err != nil:
		return 0, err
	case !known: // a target is told what comes from now on
		return 0, b.cursors.set(t.key(), cursor{Done: newest})
	}
	if over := len(events) - mostEvents; over > 0 {
		b.drop(t, over, "too many changes wait")
		events, at = events[over:], cursor{Done: events[over-1].Number}
	}
	for i := range events {
		e := &events[i]
		err := b.send(ctx, t, e)
		switch at.Tried++; {
		case ctx.Err() != nil:
			return 0, nil // not counted: the process ends
		case err == nil:
			b.sent.Add(1)
			at = cursor{Done: e.Number}
		case at.Tried < b.o.Attempts:
			b.failed.Add(1)
			b.o.Log.Warn("a webhook was not told of a change, and is tried again", zap.String("host", t.host()), zap.Uint64("generation", e.Number), zap.Int("tries", at.Tried), zap.Error(err))
			return b.wait(at.Tried), b.cursors.set(t.key(), at)
		default:
			b.failed.Add(1)
			b.drop(t, 1, err.Error())
			at = cursor{Done: e.Number}
		}
		if err := b.cursors.set(t.key(), at); err != nil {
			return 0, err
		}
	}
	if at.Done < newest && b.o.Source.Holds() { // what there was besides is not for webhooks
		return 0, b.cursors.set(t.key(), cursor{Done: newest})
	}
	return 0, nil
}

func (b *Outbox) drop(t *Target, n int, why string) {
	b.dropped.Add(uint64(n)) //nolint:gosec // a number of events
	b.o.Log.Error("changes were dropped for a webhook", zap.String("host", t.host()), zap.Int("changes", n), zap.String("reason", why))
}

// wait is how long after so many tries the next one comes.
func (b *Outbox) wait(tried int) time.Duration {
	wait := b.o.FirstWait
	for range tried - 1 {
		if wait *= 2; wait >= maxWait {
			return maxWait
		}
	}
	return wait
}

// send is one try.
func (b *Outbox) send(ctx context.Context, t *Target, e *Event) error {
	body, id, err := e.body()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return bare(err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", stamp)
	request.Header.Set("Webhook-Signature", "v1,"+Sign(t.Secret, id, stamp, body))
	answer, err := b.client.Do(request)
	if err != nil {
		return bare(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // so that the connection can be used again
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("it answered with status %d", answer.StatusCode)
	}
	return nil
}

// bare is an error without the address, which may be a secret.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Sign is the signature of a delivery, in base64.
func Sign(secret []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.", id, stamp)
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
