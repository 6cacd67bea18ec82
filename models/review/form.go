package review

// Diff is what one version of a model changes against another one. Lists have what differs alone, but for Devices. Its JSON
// form is public.
type Diff struct {
	Model string `json:"model"`
	From  Side   `json:"from"`
	To    Side   `json:"to"`
	// Files are those that are new, gone or changed, by name.
	Files  []FileChange `json:"files"`
	Schema SchemaChange `json:"schema"`
	// Limits are the most rows and lengths, and what rows take of memory, by the names of the load gates' report.
	Limits []Change `json:"limits"`
	// Batching is how rows share runs; nil if that is the same.
	Batching *Change `json:"batching,omitempty"`
	// Graph is the producer, "opset DOMAIN" and the operators of the model file; Operators counts nodes.
	Graph     []Change      `json:"graph"`
	Operators []CountChange `json:"operators"`
	Settings  []Setting     `json:"settings"`
	Devices   []Device      `json:"devices"`
	Gates     []Gate        `json:"gates"`
	Golden    Golden        `json:"golden"`
	// LeftOut says, a sentence each, what could not be compared.
	LeftOut []string `json:"left_out"`
}

// Side is one of the two versions.
type Side struct {
	Version string `json:"version"`
	State   string `json:"state"`
	Role    string `json:"role,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Bytes   int64  `json:"bytes"` // of all its files
	// Reason says why it is not ready.
	Reason string `json:"reason,omitempty"`
}

// Change is a value that differs. One that a version has not is empty.
type Change struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// CountChange is a number that differs.
type CountChange struct {
	Name string `json:"name"`
	From int    `json:"from"`
	To   int    `json:"to"`
}

// FileChange is a file that differs; nil stands for one that is not there.
type FileChange struct {
	Name string `json:"name"`
	From *File  `json:"from"`
	To   *File  `json:"to"`
}

// File is a file of a bundle.
type File struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// SchemaChange is what a client sees of the two schemas.
type SchemaChange struct {
	// Client is "equal", "unknown", or what a client can tell apart, in sentences.
	Client string `json:"client"`
	// From and To are the schemas in a line each; empty if they are not known.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// The words for schemas that are not told apart.
const (
	SchemaEqual   = "equal"
	SchemaUnknown = "unknown"
)

// Setting is a setting that has another value, or that From sets and To leaves to the default.
type Setting struct {
	Key  string `json:"key"`
	From Value  `json:"from"`
	To   Value  `json:"to"`
	// FallsBack is set if To has the default of what From sets.
	FallsBack bool `json:"falls_back,omitempty"`
}

// Value is a setting's value as model.yaml has it, empty if there is none, and where it comes from: model.yaml,
// ../model.yaml (the model's), config.pbtxt, default or measured.
type Value struct {
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// Device is a device that either version may use.
type Device struct {
	Device string      `json:"device"`
	From   *DeviceSide `json:"from"`
	To     *DeviceSide `json:"to"`
	// Costs are those of batches that both versions were measured with there; empty if one of them was not.
	Costs []Cost `json:"costs,omitempty"`
}

// DeviceSide is how a device stands to one version, see gates.DeviceReport.
type DeviceSide struct {
	State             string `json:"state"`
	Reason            string `json:"reason,omitempty"`
	MemoryBytes       int64  `json:"memory_bytes,omitempty"`
	DeviceMemoryBytes int64  `json:"device_memory_bytes,omitempty"`
}

// Cost is the median time of a batch, in microseconds.
type Cost struct {
	Rows  int     `json:"rows"`
	From  float64 `json:"from_us"`
	To    float64 `json:"to_us"`
	Ratio float64 `json:"ratio"` // To over From
}

// Gate is a load gate that ended in another way; nil stands for one that did not run.
type Gate struct {
	Gate string   `json:"gate"`
	From *Verdict `json:"from"`
	To   *Verdict `json:"to"`
}

// Verdict is how a gate ended.
type Verdict struct {
	Outcome string `json:"outcome"`
	Text    string `json:"text"`
}
