package v1

// States of a model version.
const (
	Loading   = "LOADING"
	Available = "AVAILABLE"
	Unloading = "UNLOADING"
	End       = "END"
)

// Models is the answer of GET /v1/models.
type Models struct {
	Models []string `json:"models"`
}

// Model is the answer of GET /v1/models/M: the keys of both families of clients.
type Model struct {
	Name     string    `json:"name"`
	Ready    bool      `json:"ready"`
	Versions []Version `json:"model_version_status"`
}

// Version is the state of one version.
type Version struct {
	Version string `json:"version"`
	State   string `json:"state"`
	Status  Status `json:"status"`
}

// Status is why a version is in its state; "OK" and no message if all is well.
type Status struct {
	ErrorCode    string `json:"error_code"`
	ErrorMessage string `json:"error_message"`
}
