package admin

import (
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
)

// Class says who may call a route. Every route has one.
type Class uint8

// The classes. The metrics port has Public and Scrape routes alone.
const (
	Public  Class = iota + 1 // health
	Closed                   // what shows the server's inside: for every token
	Operate                  // what changes the server: for a token that may
	Scrape                   // metrics: as Closed on the admin port, and open on the metrics port
	Profile                  // as Operate, and beyond loopback for a token alone
)

// Route is one line of the port's table.
type Route struct {
	Method, Pattern string // as http.ServeMux takes them
	Class           Class
	serve           func(*Port, http.ResponseWriter, *http.Request) error
}

var routes = []Route{
	{"GET", "/v2/health/live", Public, (*Port).live},
	{"GET", "/v2/health/ready", Public, (*Port).ready},
	{"POST", "/v2/repository/index", Closed, (*Port).index},
	{"GET", "/v2/repository/versions", Closed, (*Port).versions},
	{"GET", "/v2/repository/history", Closed, (*Port).history},
	{"GET", "/v2/repository/models/{model}/plan", Closed, (*Port).plan},
	{"GET", "/v2/repository/models/{model}/score", Closed, (*Port).score},
	{"GET", "/v2/repository/models/{model}/diff", Closed, (*Port).diff},
	{"POST", "/v2/repository/models/{model}/verify", Operate, (*Port).verify},
	{"POST", "/v2/repository/models/{model}/load", Operate, (*Port).load},
	{"POST", "/v2/repository/models/{model}/unload", Operate, (*Port).unload},
	{"POST", "/v2/repository/models/{model}/promote", Operate, needsVersion(Roles.Promote)},
	{"POST", "/v2/repository/models/{model}/canary", Operate, sharedRole(Roles.Canary)},
	{"POST", "/v2/repository/models/{model}/shadow", Operate, switched(Roles.Shadow)},
	{"POST", "/v2/repository/models/{model}/rollback", Operate, ofModel(Roles.Rollback)},
	{"POST", "/v2/repository/models/{model}/hold", Operate, ofModel(Roles.Hold)},
	{"POST", "/v2/repository/models/{model}/release", Operate, ofModel(Roles.Release)},
	{"POST", "/v2/repository/models/{model}/reject", Operate, needsVersion(Roles.Reject)},
	{"GET", "/v2/models/{model}/shadow", Closed, (*Port).shadows},
	{"POST", "/v2/shadow/pause", Operate, (*Port).pause},
	{"GET", "/v2/features", Closed, (*Port).features},
	{"POST", "/v2/devices/{device}/reopen", Operate, (*Port).reopen},
	{"GET", "/metrics", Scrape, (*Port).metrics},
	{"GET", "/debug/pprof/", Profile, profile(pprof.Index)},
	{"GET", "/debug/pprof/cmdline", Profile, profile(pprof.Cmdline)},
	{"GET", "/debug/pprof/profile", Profile, profile(pprof.Profile)},
	{"GET", "/debug/pprof/symbol", Profile, profile(pprof.Symbol)},
	{"GET", "/debug/pprof/trace", Profile, profile(pprof.Trace)},
}

// Routes returns the table of the admin port, for documentation and tests.
func Routes() []Route { return slices.Clone(routes) }

// profile takes no profile for a HEAD, which asks for headers alone.
func profile(h http.HandlerFunc) func(*Port, http.ResponseWriter, *http.Request) error {
	return func(_ *Port, w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodHead {
			h(w, r)
		}
		return nil
	}
}

// routes are those that this port serves.
func (p *Port) routes() []Route {
	if !p.opt.MetricsOnly {
		return routes
	}
	return slices.DeleteFunc(Routes(), func(r Route) bool { return r.Class != Public && r.Class != Scrape })
}

// at reports whether a path is the route's, whatever the method.
func (r *Route) at(path string) bool {
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
