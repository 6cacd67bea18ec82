package httpfront

import "sluice/gateway"

// Class says what a route is for. Every route has one. Nothing on this port changes the server.
type Class uint8

// The classes of routes.
const (
	Public Class = iota + 1 // health and descriptions
	Infer                   // predictions: refused once the drain deadline has passed
)

// Route is one line of the port's table. In a pattern {model} and {version} stand for one
// path segment; "{model}:verb" splits the segment at its last colon.
type Route struct {
	Method, Pattern string
	Class           Class
	serve           func(*Server, *call) (gateway.Step, error)
}

// predictRoutes is everything that the predict port serves.
var predictRoutes = []Route{
	{"POST", "/v2/models/{model}/infer", Infer, (*Server).predict},
	{"POST", "/v2/models/{model}/versions/{version}/infer", Infer, (*Server).predict},
	{"POST", "/v1/models/{model}:predict", Infer, (*Server).predictV1},
	{"POST", "/v1/models/{model}/versions/{version}:predict", Infer, (*Server).predictV1},

	{"GET", "/", Public, ends((*Server).alive)},
	{"GET", "/openapi.json", Public, ends((*Server).openAPI)},
	{"GET", "/v2", Public, ends((*Server).serverMetadata)},
	{"GET", "/v2/", Public, ends((*Server).serverMetadata)},
	{"GET", "/v2/health/live", Public, ends((*Server).live)},
	{"GET", "/v2/health/ready", Public, ends((*Server).ready)},
	{"GET", "/v2/models", Public, ends((*Server).modelList)},
	{"GET", "/v2/models/stats", Public, ends((*Server).allStatistics)},
	{"GET", "/v2/models/{model}", Public, ends((*Server).modelMetadata)},
	{"GET", "/v2/models/{model}/versions/{version}", Public, ends((*Server).modelMetadata)},
	{"GET", "/v2/models/{model}/ready", Public, ends((*Server).modelReady)},
	{"GET", "/v2/models/{model}/versions/{version}/ready", Public, ends((*Server).modelReady)},
	{"GET", "/v2/models/{model}/config", Public, ends((*Server).modelConfig)},
	{"GET", "/v2/models/{model}/versions/{version}/config", Public, ends((*Server).modelConfig)},
	{"GET", "/v2/models/{model}/stats", Public, ends((*Server).statistics)},
	{"GET", "/v2/models/{model}/versions/{version}/stats", Public, ends((*Server).statistics)},
	{"POST", "/v2/repository/index", Public, ends((*Server).repositoryIndex)},
	{"GET", "/v1/models", Public, ends((*Server).modelList)},
	{"GET", "/v1/models/{model}", Public, ends((*Server).modelStatusV1)},
	{"GET", "/v1/models/{model}/versions/{version}", Public, ends((*Server).modelStatusV1)},
}

// ends is a handler that answers before it returns.
func ends(serve func(*Server, *call) error) func(*Server, *call) (gateway.Step, error) {
	return func(s *Server, c *call) (gateway.Step, error) { return gateway.Ends, serve(s, c) }
}

// PredictRoutes returns the table of the predict port, for documentation and tests.
func PredictRoutes() []Route { return append([]Route(nil), predictRoutes...) }
