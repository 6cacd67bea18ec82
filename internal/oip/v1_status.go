package oip

// V1 states of a model version.
const (
	V1Loading   = "LOADING"
	V1Available = "AVAILABLE"
	V1Unloading = "UNLOADING"
	V1End       = "END"
)

// V1Models is the answer of GET /v1/models.
type V1Models struct {
	Models []string `json:"models"`
}

// V1Model is the answer of GET /v1/models/M: the keys of both families of clients.
type V1Model struct {
	Name     string      `json:"name"`
	Ready    bool        `json:"ready"`
	Versions []V1Version `json:"model_version_status"`
}

// V1Version is the state of one version.
type V1Version struct {
	Version string   `json:"version"`
	State   string   `json:"state"`
	Status  V1Status `json:"status"`
}

// V1Status is why a version is in its state; "OK" and no message if all is well.
type V1Status struct {
	ErrorCode    string `json:"error_code"`
	ErrorMessage string `json:"error_message"`
}
