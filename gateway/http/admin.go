package httpfront

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/oip"
)

// AdminOptions are what the admin port needs.
type AdminOptions struct {
	// Models and Control are required.
	Models  gateway.Models
	Control Control
	// Metrics serves /metrics; nil leaves the route out.
	Metrics http.Handler
	// Reopen has a device try again that has stopped trying. The error names a device that is not
	// there, or says why it cannot. nil means there is none.
	Reopen func(device string) error
	// Server is the predict port, whose readiness /v2/health/ready tells; required.
	Server *Server
	// MetricsOnly makes it the port that serves metrics and health and nothing else, to whoever
	// reaches it by whatever name.
	MetricsOnly bool
	// Hosts are the names by which the port may be called, besides localhost and the address that it
	// was reached at. A browser that was led here by a name that somebody else owns is refused.
	Hosts []string
	// Token, if set, must come as "Authorization: Bearer TOKEN" on every route but health.
	Token string
	// Log takes one line per change that was asked for; default none.
	Log *zap.Logger
}

// Control changes which models are served. Only the admin port reaches it; both
// calls block until the change is complete.
type Control interface {
	Load(ctx context.Context, name string) error
	Unload(ctx context.Context, name string) error
}

// Admin serves the admin port: metrics, profiles, and loading and unloading of models.
// It is net/http: nothing here is fast, and pprof and Prometheus come as its handlers.
type Admin struct {
	opt    AdminOptions
	server http.Server
}

// AdminRoute is one line of the admin port's table.
type AdminRoute struct {
	Method, Pattern string // as http.ServeMux takes them
	Class           Class
	serve           func(*Admin, http.ResponseWriter, *http.Request) error
}

var adminRoutes = []AdminRoute{
	{"GET", "/v2/health/live", Public, (*Admin).live},
	{"GET", "/v2/health/ready", Public, (*Admin).ready},
	{"POST", "/v2/repository/index", AdminOnly, (*Admin).index},
	{"POST", "/v2/repository/models/{model}/load", AdminOnly, (*Admin).load},
	{"POST", "/v2/repository/models/{model}/unload", AdminOnly, (*Admin).unload},
	{"POST", "/v2/devices/{device}/reopen", AdminOnly, (*Admin).reopen},
	{"GET", "/metrics", Scrape, (*Admin).metrics},
	{"GET", "/debug/pprof/", Profile, profile(pprof.Index)},
	{"GET", "/debug/pprof/cmdline", Profile, profile(pprof.Cmdline)},
	{"GET", "/debug/pprof/profile", Profile, profile(pprof.Profile)},
	{"GET", "/debug/pprof/symbol", Profile, profile(pprof.Symbol)},
	{"GET", "/debug/pprof/trace", Profile, profile(pprof.Trace)},
}

// AdminRoutes returns the table of the admin port, for documentation and tests.
func AdminRoutes() []AdminRoute { return append([]AdminRoute(nil), adminRoutes...) }

// profile takes no profile for a HEAD, which asks for headers alone.
func profile(h http.HandlerFunc) func(*Admin, http.ResponseWriter, *http.Request) error {
	return func(_ *Admin, w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodHead {
			h(w, r)
		}
		return nil
	}
}

// NewAdmin makes the admin port; Serve starts it.
func NewAdmin(opt AdminOptions) (*Admin, error) {
	if opt.Models == nil || opt.Control == nil || opt.Server == nil {
		return nil, errors.New("cannot make the admin port without Models, Control and Server")
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
	a := &Admin{opt: opt}
	mux := http.NewServeMux()
	for _, route := range a.routes() {
		mux.Handle(route.Method+" "+route.Pattern, a.guard(route))
	}
	mux.HandleFunc("/", a.missing)
	a.server = http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          zap.NewStdLog(opt.Log),
	}
	return a, nil
}

// routes are those that this port serves.
func (a *Admin) routes() []AdminRoute {
	if !a.opt.MetricsOnly {
		return adminRoutes
	}
	return slices.DeleteFunc(AdminRoutes(), func(r AdminRoute) bool { return r.Class != Public && r.Class != Scrape })
}

// Serve accepts connections until Shutdown.
func (a *Admin) Serve(ln net.Listener) error {
	b := &bounded{Listener: ln}
	a.server.ConnState = b.changed
	if err := a.server.Serve(b); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the admin port: %w", err)
	}
	return nil
}

// Shutdown ends the port; what ctx does not leave time for is cut, such as a profile that somebody
// takes. That is no fault: whoever stops the server must not read it as one.
func (a *Admin) Shutdown(ctx context.Context) error {
	err := a.server.Shutdown(ctx)
	if err != nil && ctx.Err() != nil {
		return a.server.Close()
	}
	return err
}

// guard lets a route be called by who may call it.
func (a *Admin) guard(route AdminRoute) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identify(w, r)
		err := a.allowed(r, route.Class)
		if err == nil {
			err = route.serve(a, w, r)
		}
		if err != nil {
			refuseAdmin(w, fault.Of(err))
		}
	})
}

// missing answers what no route takes, in the same words as the predict port.
func (a *Admin) missing(w http.ResponseWriter, r *http.Request) {
	identify(w, r)
	if err := a.allowed(r, AdminOnly); err != nil {
		refuseAdmin(w, fault.Of(err))
		return
	}
	for _, route := range a.routes() {
		if route.at(r.URL.Path) {
			w.Header().Set("Allow", allowList(route.Method))
			refuseAdmin(w, fault.New(fault.MethodNotAllowed, "Method Not Allowed"))
			return
		}
	}
	refuseAdmin(w, fault.New(fault.NotFound, "Not Found"))
}

// identify gives the answer the request's id.
func identify(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(requestIDHeader, string(appendRequestID(nil, []byte(r.Header.Get(requestIDHeader)))))
}

// at reports whether a path is the route's, whatever the method.
func (r *AdminRoute) at(path string) bool {
	before, after, parameter := strings.Cut(r.Pattern, "{")
	if !parameter {
		return path == r.Pattern
	}
	_, after, _ = strings.Cut(after, "}")
	name, ok := strings.CutPrefix(path, before)
	if !ok {
		return false
	}
	name, ok = strings.CutSuffix(name, after)
	return ok && name != "" && !strings.Contains(name, "/")
}

func refuseAdmin(w http.ResponseWriter, f *fault.Error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if f.Kind == fault.Unauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if seconds := retryAfter(f); seconds > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(status(f.Kind))
	_, _ = w.Write(oip.AppendError(nil, f.Text, f.Kind.Code(), 0))
}

func writeAdmin(w http.ResponseWriter, document any) error {
	body, err := oip.AppendJSON(nil, document)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a client that left needs no answer
	return nil
}
