package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

// Roles says which version is what, and changes it. Each change is written down before it returns, and a key
// that has been used makes it change nothing.
type Roles interface {
	Versions() []Version
	History(model string, most int) ([]Change, error)
	// Plan is how far the plan of a model is.
	Plan(model string) (Plan, error)
	Promote(ctx context.Context, c Change) error
	Canary(ctx context.Context, c Change) error
	Shadow(ctx context.Context, c Change) error
	Rollback(ctx context.Context, c Change) error
	Hold(ctx context.Context, c Change) error
	Release(ctx context.Context, c Change) error
	Reject(ctx context.Context, c Change) error
}

// Version is one version of a model, as GET /v2/repository/versions lists it.
type Version struct {
	Model   string  `json:"model"`
	Version string  `json:"version"`
	State   string  `json:"state"`            // READY, LOADING, and so on; GONE where only the role is left
	Role    string  `json:"role,omitempty"`   // live, canary, shadow, previous, candidate, rejected
	Share   float64 `json:"share,omitempty"`  // of the units, from 0 to 1: a canary's
	Held    bool    `json:"held,omitempty"`   // nothing takes the live version's place
	Plan    string  `json:"plan,omitempty"`   // how far its plan is, such as "canary, step 2 of 5"
	Digest  string  `json:"digest,omitempty"` // SHA-256 over the files, once they have been read
	Reason  string  `json:"reason,omitempty"` // why it is not ready
	// ShadowOf are the other models whose requests are mirrored to it. ShadowedBy are, of a live version, the versions of other
	// models to which its requests are mirrored, as MODEL:VERSION.
	ShadowOf   []string `json:"shadow_of,omitempty"`
	ShadowedBy []string `json:"shadowed_by,omitempty"`
	// PerThousand is how many milliseconds each device takes for 1,000 rows, in the batches that it is best at.
	PerThousand map[string]float64 `json:"device_ms_per_1000_rows,omitempty"`
}

// Change is a change of roles: as it is asked for, and as the history has it.
type Change struct {
	Time       time.Time `json:"time"`
	Generation uint64    `json:"generation"`
	Who        string    `json:"who"`
	Action     string    `json:"action"` // promote, canary, shadow, rollback, hold, release, reject
	Model      string    `json:"model"`
	Version    string    `json:"version,omitempty"` // MODEL:VERSION where it is of another model, which a shadow may be
	Digest     string    `json:"digest,omitempty"`
	From       string    `json:"from,omitempty"`  // the version that was live before
	Share      float64   `json:"share,omitempty"` // of the units, from 0 to 1: a canary's
	Reason     string    `json:"reason,omitempty"`
	Key        string    `json:"key,omitempty"`
	On         bool      `json:"-"` // false ends a shadow
}

// elsewhere is an error that says at which admin address a change can be asked for.
type elsewhere interface{ AdminAddress() string }

// The header fields of changes: the key of an idempotent one, and where another gateway's admin port is that
// makes them.
const (
	headerKey    = "Idempotency-Key"
	headerHolder = "Sluice-Holder"
	maxKey       = 128
	maxVersion   = 2*64 + 1 // of another model, whose name may be as long
	maxHistory   = 10_000
	someHistory  = 100
)

// takes says what the body of a change has beside a reason.
type takes struct{ version, share, on bool }

// needsVersion serves a change of one version's role, and ofModel one that has no say in the version.
func needsVersion(do func(Roles, context.Context, Change) error) func(*Port, http.ResponseWriter, *http.Request) error {
	return serveChange(do, takes{version: true})
}

func ofModel(do func(Roles, context.Context, Change) error) func(*Port, http.ResponseWriter, *http.Request) error {
	return serveChange(do, takes{})
}

// sharedRole serves one that has a share; without a version it can end a canary.
func sharedRole(do func(Roles, context.Context, Change) error) func(*Port, http.ResponseWriter, *http.Request) error {
	return serveChange(do, takes{version: true, share: true})
}

// switched serves one that can be ended as it was begun.
func switched(do func(Roles, context.Context, Change) error) func(*Port, http.ResponseWriter, *http.Request) error {
	return serveChange(do, takes{version: true, on: true})
}

// serveChange answers with the versions of the model and what they are for now, as GET /v2/repository/versions lists them.
func serveChange(do func(Roles, context.Context, Change) error, has takes) func(*Port, http.ResponseWriter, *http.Request) error {
	return func(p *Port, w http.ResponseWriter, r *http.Request) error {
		if p.opt.Roles == nil {
			return fault.New(fault.NotFound, "Not Found")
		}
		c, err := change(w, r, has)
		if err != nil {
			return err
		}
		err = do(p.opt.Roles, r.Context(), c)
		p.opt.Log.Info("model control", zap.String("request_id", w.Header().Get(requestID)), zap.String("path", r.URL.Path),
			zap.String("who", c.Who), zap.String("model", c.Model), zap.String("version", c.Version), zap.Float64("share", c.Share), zap.String("reason", c.Reason), zap.Error(err))
		if other := elsewhere(nil); errors.As(err, &other) && other.AdminAddress() != "" {
			w.Header().Set(headerHolder, other.AdminAddress())
		}
		if err != nil {
			return err
		}
		others := func(v Version) bool { return v.Model != c.Model }
		return answer(w, slices.DeleteFunc(p.opt.Roles.Versions(), others))
	}
}

// change reads what is asked for.
func change(w http.ResponseWriter, r *http.Request, has takes) (c Change, err error) {
	name, f := wire.ModelName(nil, []byte(r.PathValue("model")))
	if f != nil {
		return c, f
	}
	body, err := controlBody(w, r)
	if err != nil {
		return c, err
	}
	var asked struct {
		Version *string  `json:"version"`
		Reason  string   `json:"reason"`
		Share   *float64 `json:"share"`
		On      *bool    `json:"on"`
	}
	if err := decode(body, &asked); err != nil {
		return c, fault.New(fault.InvalidRequest, `the body is not one object such as {"version": "3", "share": 0.05, "reason": "a sentence"}, with what the change takes of these`)
	}
	c = Change{Model: string(name), Reason: asked.Reason, Key: r.Header.Get(headerKey)}
	if asked.Version != nil {
		c.Version = *asked.Version
	}
	if asked.Share != nil {
		c.Share = *asked.Share
	}
	c.On = asked.On == nil || *asked.On
	switch {
	case !has.on && asked.On != nil:
		return c, fault.New(fault.InvalidRequest, "the body says whether it is on, which only a shadow has")
	case has.share && asked.Share == nil:
		return c, fault.New(fault.InvalidRequest, `the body has no share, such as {"version": "3", "share": 0.05}; 0 ends the canary`)
	case !has.share && asked.Share != nil:
		return c, fault.New(fault.InvalidRequest, "the body has a share, which only a canary has")
	case !has.version && asked.Version != nil:
		return c, fault.New(fault.InvalidRequest, "the body has a version, and this change is of the model: it takes no version")
	case has.version && c.Version == "" && !(has.share && c.Share == 0):
		return c, fault.New(fault.InvalidRequest, `the body has no version, such as {"version": "3"}`)
	case len(r.Header.Values(headerKey)) > 1:
		return c, fault.New(fault.InvalidRequest, "the request has several Idempotency-Keys; send one")
	case strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return c, fault.New(fault.InvalidRequest, "an Idempotency-Key is of visible ASCII characters, without spaces")
	}
	for _, limit := range []struct {
		what, text string
		most       int
	}{{"Idempotency-Key", c.Key, maxKey}, {"version", c.Version, maxVersion}, {"reason", c.Reason, 8 * maxKey}} {
		if len(limit.text) > limit.most {
			return c, fault.Newf(fault.InvalidRequest, "the %s has %d bytes; the limit is %d", limit.what, len(limit.text), limit.most)
		}
	}
	c.Who, _ = r.Context().Value(whoKey{}).(string)
	return c, nil
}

// decode reads a body of one object, of which nothing but blanks follows. An empty body is an empty object.
func decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

func (p *Port) versions(w http.ResponseWriter, _ *http.Request) error {
	if p.opt.Roles == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	return answer(w, p.opt.Roles.Versions())
}

func (p *Port) plan(w http.ResponseWriter, r *http.Request) error {
	if p.opt.Roles == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	name, f := wire.ModelName(nil, []byte(r.PathValue("model")))
	if f != nil {
		return f
	}
	found, err := p.opt.Roles.Plan(string(name))
	if err != nil {
		return err
	}
	return answer(w, found)
}

func (p *Port) history(w http.ResponseWriter, r *http.Request) error {
	if p.opt.Roles == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	most := someHistory
	if text := r.URL.Query().Get("most"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxHistory {
			return fault.Newf(fault.InvalidParameter, "most is from 1 to %d", maxHistory)
		}
		most = n
	}
	all, err := p.opt.Roles.History(r.URL.Query().Get("model"), most)
	if err != nil {
		return err
	}
	return answer(w, all)
}
