// Package admin serves the admin port, which tells of the server's inside and changes it: metrics, profiles, and
// loading and unloading of models. It owns the port's routes (routes.go), who may call them (guard.go), and how
// many connections there are (listener.go). It knows the predict port and the models through the interfaces Front
// and Control alone, and serves them with net/http: nothing here is fast, and pprof and Prometheus come as its
// handlers.
//
// A Port has the states of its http.Server: made (New) -> serving (Serve) -> shut (Shutdown). Only what joins the
// parts may import this package.
package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"sluice/gateway/http/wire"
	"sluice/internal/fault"
	"sluice/internal/oip"
)

// Options are what the admin port needs.
type Options struct {
	// Front and Control are required.
	Front   Front
	Control Control
	// Metrics serves /metrics; nil leaves the route out.
	Metrics http.Handler
	// Reopen has a device try again that has stopped trying. The error names a device that is not
	// there, or says why it cannot. nil means there is none.
	Reopen func(device string) error
	// MetricsOnly makes it the port that serves metrics and health and nothing else, to whoever
	// reaches it by whatever name.
	MetricsOnly bool
	// Hosts are the names by which the port may be called, besides localhost and the address that it
	// was reached at. A browser that was led here by a name that somebody else owns is refused.
	Hosts []string
	// Tokens, if there are any, are those of which one must come on every route but health.
	Tokens []Token
	// Roles changes what versions are for; nil leaves its routes without an answer but 404.
	Roles Roles
	// Review compares versions and verifies their files; nil leaves its routes without an answer but 404.
	Review Review
	// Shadows tells of comparisons with shadows; nil leaves its routes without an answer but 404.
	Shadows Shadows
	// Features tells of feature stores and of the keys that are asked for most, as JSON; nil leaves its route without an answer but 404.
	Features func() any
	// Log takes one line per change that was asked for; default none.
	Log *zap.Logger
}

// Front is the predict port, of which the admin port tells.
type Front interface {
	// Readiness is nil if the server is ready, or else says why it is not.
	Readiness() error
	// Degraded tells, a sentence each, what the server does without while it is ready.
	Degraded() []string
	// Index lists the versions that the body of an index request asks for.
	Index(body []byte) ([]oip.IndexEntry, error)
}

// Control changes which models are served. Only the admin port reaches it; both
// calls block until the change is complete.
type Control interface {
	Load(ctx context.Context, name string) error
	Unload(ctx context.Context, name string) error
}

// Port is the admin port, or the metrics port.
type Port struct {
	opt    Options
	server http.Server
}

// New makes the admin port; Serve starts it.
func New(opt Options) (*Port, error) {
	if opt.Front == nil || opt.Control == nil {
		return nil, errors.New("cannot make the admin port without Front and Control")
	}
	if opt.Log == nil {
		opt.Log = zap.NewNop()
	}
	if opt.Metrics == nil {
		opt.Metrics = http.NotFoundHandler()
	}
	if opt.Reopen == nil {
		opt.Reopen = func(name string) error { return fault.Newf(fault.NotFound, "there is no device '%s'", name) }
	}
	p := &Port{opt: opt}
	mux := http.NewServeMux()
	for _, route := range p.routes() {
		mux.Handle(route.Method+" "+route.Pattern, p.guard(route))
	}
	mux.HandleFunc("/", p.missing)
	p.server = http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          zap.NewStdLog(opt.Log),
	}
	return p, nil
}

// Serve accepts connections until Shutdown.
func (p *Port) Serve(ln net.Listener) error {
	b := &bounded{Listener: ln}
	p.server.ConnState = b.changed
	if err := p.server.Serve(b); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the admin port: %w", err)
	}
	return nil
}

// Shutdown ends the port. What has not ended when ctx does is cut, such as a profile that somebody takes; this is
// not an error.
func (p *Port) Shutdown(ctx context.Context) error {
	err := p.server.Shutdown(ctx)
	if err != nil && ctx.Err() != nil {
		return p.server.Close()
	}
	return err
}

// guard lets a route be called by who may call it.
func (p *Port) guard(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identify(w, r)
		who, err := p.allowed(r, route.Class)
		if err == nil {
			err = route.serve(p, w, r.WithContext(context.WithValue(r.Context(), whoKey{}, who)))
		}
		if err != nil {
			refuse(w, fault.Of(err))
		}
	})
}

// missing answers what no route takes, in the same words as the predict port.
func (p *Port) missing(w http.ResponseWriter, r *http.Request) {
	identify(w, r)
	if _, err := p.allowed(r, Closed); err != nil {
		refuse(w, fault.Of(err))
		return
	}
	for _, route := range p.routes() {
		if route.at(r.URL.Path) {
			w.Header().Set("Allow", wire.Allow(route.Method))
			refuse(w, fault.New(fault.MethodNotAllowed, "Method Not Allowed"))
			return
		}
	}
	refuse(w, fault.New(fault.NotFound, "Not Found"))
}

// whoKey finds who asks in a request's context.
type whoKey struct{}

const requestID = "X-Request-Id"

// identify gives the answer the request's id.
func identify(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(requestID, string(wire.AppendRequestID(nil, []byte(r.Header.Get(requestID)))))
}

func refuse(w http.ResponseWriter, f *fault.Error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if f.Kind == fault.Unauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if seconds := wire.RetryAfter(f); seconds > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(wire.Status(f.Kind))
	_, _ = w.Write(oip.AppendError(nil, f.Text, f.Kind.Code(), 0))
}

func answer(w http.ResponseWriter, document any) error {
	body, err := oip.AppendJSON(nil, document)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a client that left needs no answer
	return nil
}
