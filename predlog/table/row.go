package table

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// SchemaVersion is the version of the columns. It grows when a column changes its meaning or goes away.
const SchemaVersion = 1

// Row is one request.
type Row struct {
	ID      string    `parquet:"id"`
	Time    time.Time `parquet:"time,timestamp(microsecond)"`
	Model   string    `parquet:"model,dict"`
	Version string    `parquet:"version,dict"`
	Digest  string    `parquet:"digest,dict"`
	// UnitHash is the hash of whom the request was about, null where nothing says that. Exposure is how the version was
	// chosen while the model had a canary, such as bucket=417;share=0.05. Role is what the version was for, live or
	// canary: null if the request named the version.
	UnitHash *uint64 `parquet:"unit_hash,optional"`
	Exposure *string `parquet:"exposure,optional,dict"`
	Role     *string `parquet:"role,optional,dict"`
	// Device ran it, Reason says why it was not the preferred one, Batch is the rows of its run. They are
	// empty where it did not get that far.
	Device string `parquet:"device,dict"`
	Reason string `parquet:"reason,dict"`
	Batch  int32  `parquet:"batch"`
	Rows   int32  `parquet:"rows"`
	// Status is OK, or the code of the fault.
	Status string `parquet:"status,dict"`
	Late   bool   `parquet:"late"`

	BudgetNS int64 `parquet:"budget_ns"`
	DecodeNS int64 `parquet:"decode_ns"`
	QueueNS  int64 `parquet:"queue_ns"`
	InputNS  int64 `parquet:"input_ns"`
	RunNS    int64 `parquet:"run_ns"`
	OutputNS int64 `parquet:"output_ns"`
	EncodeNS int64 `parquet:"encode_ns"`
	TotalNS  int64 `parquet:"total_ns"`

	// Weight is 1/p if the base sample drew the request, else 0.
	Weight float64 `parquet:"weight"`
	// KeptFor is the kind for which it was kept besides the sample; empty if for none.
	KeptFor string `parquet:"kept_for,dict"`
	// Tensors says whether inputs and outputs are here, and why not: TensorsKept and the like.
	Tensors string `parquet:"tensors,dict"`
	// Replayable says that the inputs are whole and as they came.
	Replayable bool     `parquet:"replayable"`
	Inputs     []Tensor `parquet:"inputs,list"`
	Outputs    []Tensor `parquet:"outputs,list"`
	// Features are where the values of filled inputs come from.
	Features []Feature `parquet:"features,list"`
}

// The values of Row.Tensors.
const (
	TensorsKept       = "kept"
	TensorsNotSampled = "not_sampled"
	TensorsCapped     = "capped"    // of a kind of which the second had its share
	TensorsTooLarge   = "too_large" // for one record
)

// Tensor is one input or output as the protocol has it.
type Tensor struct {
	Name     string  `parquet:"name,dict"`
	Datatype string  `parquet:"datatype,dict"`
	Shape    []int64 `parquet:"shape,list"`
	Raw      []byte  `parquet:"raw"`
}

// Feature is a column of a filled input: one number or a list of each row. It is an element for each row of the request.
type Feature struct {
	// Input is the name of the tensor, Name the feature as GROUP:FEATURE, or the request's input that has the values.
	Input string `parquet:"input,dict"`
	Name  string `parquet:"feature,dict"`
	// Statuses are words of package origin.
	Statuses []string `parquet:"statuses,list" parquet-element:",dict"`
	// AgesMS are milliseconds since the store's values became true, begun ones too, when they were read or taken from the cache. 0,
	// which is null in the file, is where that is not known, and where the value is not the store's.
	AgesMS []int64 `parquet:"ages_ms,list" parquet-element:",optional,dict"`
}

// HashType is the datatype of an input whose values were replaced by keyed hashes: its rows of HashSize
// bytes are the last axis of its shape.
const (
	HashType = "HMAC-SHA256"
	HashSize = 32
)

// Numbers are counts that go with a file, by their names.
type Numbers map[string]uint64

// metadataPrefix is how the keys of all that is written into a file's metadata begin.
const metadataPrefix = "sluice."

const schemaKey = metadataPrefix + "schema"

// metadata visits the numbers as keys and values.
func (n Numbers) metadata(visit func(key, value string)) {
	names := make([]string, 0, len(n))
	for name := range n {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		visit(metadataPrefix+name, strconv.FormatUint(n[name], 10))
	}
}

// checkSchema refuses a version that this program does not know.
func checkSchema(text string, there bool) error {
	version, err := strconv.Atoi(text)
	switch {
	case !there:
		return fmt.Errorf("it is no file of a prediction log: its metadata has no %s", schemaKey)
	case err != nil || version < 1:
		return fmt.Errorf("its metadata has %s %q, which is no version", schemaKey, text)
	case version > SchemaVersion:
		return fmt.Errorf("its schema has version %d and this program reads up to %d: use a newer one", version, SchemaVersion)
	}
	return nil
}
