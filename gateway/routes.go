package gateway

// Class says who may call a route. Every route has one.
type Class uint8

// The classes. The predict port serves Public and Infer routes only, the metrics port Public and
// Scrape; the others exist on the admin port alone.
const (
	Public    Class = iota + 1 // health and descriptions
	Infer                      // predictions
	AdminOnly                  // whatever changes the server or shows its inside
	Scrape                     // metrics: as AdminOnly on the admin port, and open on the port of their own
	Profile                    // as AdminOnly, and beyond loopback for a token alone
)

// Route is one line of a port's table. In a pattern {model} and {version} stand for one
// path segment; "{model}:verb" splits the segment at its last colon.
type Route struct {
	Method, Pattern string
	Class           Class
	serve           func(*Server, *call) error
}

// predictRoutes is everything that the predict port serves.
var predictRoutes = []Route{
	{"POST", "/v2/models/{model}/infer", Infer, (*Server).predict},
	{"POST", "/v2/models/{model}/versions/{version}/infer", Infer, (*Server).predict},
	{"POST", "/v1/models/{model}:predict", Infer, (*Server).predictV1},
	{"POST", "/v1/models/{model}/versions/{version}:predict", Infer, (*Server).predictV1},

	{"GET", "/", Public, (*Server).alive},
	{"GET", "/openapi.json", Public, (*Server).openAPI},
	{"GET", "/v2", Public, (*Server).serverMetadata},
	{"GET", "/v2/", Public, (*Server).serverMetadata},
	{"GET", "/v2/health/live", Public, (*Server).live},
	{"GET", "/v2/health/ready", Public, (*Server).ready},
	{"GET", "/v2/models", Public, (*Server).modelList},
	{"GET", "/v2/models/stats", Public, (*Server).allStatistics},
	{"GET", "/v2/models/{model}", Public, (*Server).modelMetadata},
	{"GET", "/v2/models/{model}/versions/{version}", Public, (*Server).modelMetadata},
	{"GET", "/v2/models/{model}/ready", Public, (*Server).modelReady},
	{"GET", "/v2/models/{model}/versions/{version}/ready", Public, (*Server).modelReady},
	{"GET", "/v2/models/{model}/config", Public, (*Server).modelConfig},
	{"GET", "/v2/models/{model}/versions/{version}/config", Public, (*Server).modelConfig},
	{"GET", "/v2/models/{model}/stats", Public, (*Server).statistics},
	{"GET", "/v2/models/{model}/versions/{version}/stats", Public, (*Server).statistics},
	{"POST", "/v2/repository/index", Public, (*Server).repositoryIndex},
	{"GET", "/v1/models", Public, (*Server).modelList},
	{"GET", "/v1/models/{model}", Public, (*Server).modelStatusV1},
	{"GET", "/v1/models/{model}/versions/{version}", Public, (*Server).modelStatusV1},
}

// PredictRoutes returns the table of the predict port, for documentation and tests.
func PredictRoutes() []Route { return append([]Route(nil), predictRoutes...) }
