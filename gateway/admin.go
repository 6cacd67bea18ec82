package gateway

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/internal/oip"
)

// AdminOptions are what the admin port needs.
type AdminOptions struct {
	// Models and Control are required.
	Models  Models
	Control Control
	// Metrics serves /metrics; nil leaves the route out.
	Metrics http.Handler
	// Reopen has a device try again that has stopped trying. The error names a device that is not
	// there, or says why it cannot. nil means there is none.
	Reopen func(device string) error
	// Server is the predict port, whose readiness /v2/health/ready tells; required.
	Server *Server
	// Hosts are the names by which the port may be called, besides loopback names and IP
	// addresses. A browser that was led here by a name that somebody else owns is refused.
	Hosts []string
	// Token, if set, must come as "Authorization: Bearer TOKEN" on every route but health.
	Token string
	// Log takes one line per change that was asked for; default none.
	Log *zap.Logger
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
	{"GET", "/metrics", AdminOnly, (*Admin).metrics},
	{"GET", "/debug/pprof/", AdminOnly, plain(pprof.Index)},
	{"GET", "/debug/pprof/cmdline", AdminOnly, plain(pprof.Cmdline)},
	{"GET", "/debug/pprof/profile", AdminOnly, plain(pprof.Profile)},
	{"GET", "/debug/pprof/symbol", AdminOnly, plain(pprof.Symbol)},
	{"GET", "/debug/pprof/trace", AdminOnly, plain(pprof.Trace)},
}

// AdminRoutes returns the table of the admin port, for documentation and tests.
func AdminRoutes() []AdminRoute { return append([]AdminRoute(nil), adminRoutes...) }

func plain(h http.HandlerFunc) func(*Admin, http.ResponseWriter, *http.Request) error {
	return func(_ *Admin, w http.ResponseWriter, r *http.Request) error {
		h(w, r)
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
	for _, route := range adminRoutes {
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

// Serve accepts connections until Shutdown.
func (a *Admin) Serve(ln net.Listener) error {
	if err := a.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the admin port: %w", err)
	}
	return nil
}

// Shutdown ends the port; what ctx does not leave time for is cut.
func (a *Admin) Shutdown(ctx context.Context) error {
	if err := a.server.Shutdown(ctx); err != nil {
		return errors.Join(err, a.server.Close())
	}
	return nil
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

// allowed refuses browsers that act for another page, and strangers. IP addresses are
// good as Host: a page can only make a browser send the name of its own site.
func (a *Admin) allowed(r *http.Request, class Class) error {
	if !a.hostAllowed(r.Host) {
		return fault.New(fault.Forbidden, "the Host header is not one of the admin port's names; admin_hosts names others")
	}
	if r.Header.Get("Origin") != "" {
		return fault.New(fault.Forbidden, "the admin port does not answer requests with an Origin header")
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return fault.New(fault.Forbidden, "the admin port does not answer requests of other sites")
	}
	if class == Public || a.opt.Token == "" {
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(token), []byte(a.opt.Token)) != 1 {
		return fault.New(fault.Unauthenticated, "the admin port needs its token: Authorization: Bearer TOKEN")
	}
	return nil
}

func (a *Admin) hostAllowed(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil {
		return true
	}
	for _, name := range a.opt.Hosts {
		if strings.EqualFold(name, host) {
			return true
		}
	}
	return false
}

// missing answers what no route takes, in the same words as the predict port.
func (a *Admin) missing(w http.ResponseWriter, r *http.Request) {
	identify(w, r)
	if err := a.allowed(r, AdminOnly); err != nil {
		refuseAdmin(w, fault.Of(err))
		return
	}
	for _, route := range adminRoutes {
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
	if seconds := retryAfter(f); seconds > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(status(f.Kind))
	_, _ = w.Write(oip.AppendError(nil, f.Text, f.Kind.Code()))
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
