package tensor

// Spec describes one input or output of a model.
type Spec struct {
	Name string
	Type DataType
	// Shape has -1 for free dimensions. In a batchable model axis 0 is the batch
	// and is -1 here, also when the file itself fixes it.
	Shape []int64
	// Wire is the shape in requests and answers where it differs from the model's own, which all
	// other fields are about; nil where they are the same.
	Wire *Wire
	// Format is the layout of a picture, such as FORMAT_NCHW; it is shown and not read.
	Format string
	// Labels names the classes of an output for the classification extension.
	Labels []string
	// Once is set, in a batchable model, for an input that a request gives once for all its
	// rows: as one row, or as one row for each of its rows. Runs see the row once for each row of
	// the request, or once alone where Shape[0] is 1; then only requests with equal bytes share
	// a batch. An output that is Once has one row a request.
	Once bool
	// Part is what an input is for where inputs are filled from stores; see Schema.Fills.
	Part Part
	// Dynamic is set for an output whose form only a run tells, its rank included: Shape is
	// what could be learned of it. No memory is laid out for it before a run.
	Dynamic bool
}

// Part is what an input is for in the schema that clients see of a model whose inputs are filled from stores.
type Part uint8

// The parts. A request may leave out each Filled input and each Given one; if it has all that are Filled, those that are
// Named too.
const (
	Sent   Part = iota // the model's own input, which every request has
	Keyed              // the same, by which filled inputs are found, too
	Filled             // the model's own input, which is filled unless a request has it
	Named              // what filled inputs are found by, or made of
	Given              // what takes the place of a stored value
)

// String says how such an input comes.
func (p Part) String() string {
	return [...]string{"with each request", "with each request, as an entity", "filled", "as an entity or a value of the request", "in the place of a stored value"}[p]
}

// Spreads reports whether one row of the input may stand for all rows of a request.
func (s *Spec) Spreads() bool { return s.Part == Keyed || s.Part == Named || s.Part == Given }

// MayMiss reports whether a request may leave the input out although the model takes it, or something in its place.
func (s *Spec) MayMiss() bool { return s.Part == Filled || s.Part == Given }

// Schema describes what a model takes and gives.
type Schema struct {
	Inputs  []Spec
	Outputs []Spec
	// Optional are the inputs that the file has a value for and that a request may give all
	// the same. Their shapes are whole. A request that gives one shares no run.
	Optional []Spec
	// MaxBatch is the most rows of one run. 0 means that the model cannot batch:
	// shapes are whole, and each request runs alone.
	MaxBatch int
	// MaxRows is the most rows of one request (the protocol's max_batch_size); more
	// than MaxBatch are split over several runs. 0 if the model cannot batch.
	MaxRows int
	// Fills is set in the schema that clients see of a model whose inputs are filled: Inputs has more than the model takes,
	// and a request may leave some of them out, by their Part.
	Fills bool
	// Reshaped is set if an input or output has a Wire.
	Reshaped bool
	// Padding lets rows of different length share a batch; nil when free axes
	// other than the batch must agree exactly.
	Padding *Padding
	// Lengths bounds the free axes besides the batch; nil if there are none.
	Lengths *Lengths
	// MaxText is the most that the strings of one request may come to, and so those of one run about; see
	// TextBytes. 0 means no limit.
	MaxText int64

	// names leads from the names of a wide model's inputs to their numbers (see Find); nil for
	// other models. What it says is checked against the fields above.
	names map[string]int
}

// scanned is up to how many inputs comparing every name is as fast as an index.
const scanned = 32

// Indexed returns a schema that finds its inputs by name at once, which a model with thousands
// of them needs: s itself if it has few, else a copy. It is made once per model.
func (s *Schema) Indexed() *Schema {
	if len(s.Inputs)+len(s.Optional) <= scanned {
		return s
	}
	indexed := *s
	indexed.names = make(map[string]int, len(s.Inputs)+len(s.Optional))
	for i := range len(s.Inputs) + len(s.Optional) {
		indexed.names[s.Given(i).Name] = i
	}
	return &indexed
}

// Given is input i of those that a request may give: the inputs, then the optional ones.
func (s *Schema) Given(i int) *Spec {
	if i < len(s.Inputs) {
		return &s.Inputs[i]
	}
	return &s.Optional[i-len(s.Inputs)]
}

// Find finds an input that a request may give by name, without allocating. It tries guess
// first. What it returns is for Given; -1 if there is none.
func (s *Schema) Find(name []byte, guess int) int {
	all := len(s.Inputs) + len(s.Optional)
	if guess < all && s.Given(guess).Name == string(name) {
		return guess
	}
	if i, ok := s.names[string(name)]; ok && i < all && s.Given(i).Name == string(name) {
		return i
	}
	if i := s.Input(name); i >= 0 {
		return i
	}
	if i := s.OptionalInput(name); i >= 0 {
		return len(s.Inputs) + i
	}
	return -1
}

// Padding describes one free axis whose rows may be padded to a common length.
type Padding struct {
	// InputAxis[i] is the padded axis of input i, OutputAxis likewise; -1 for none.
	InputAxis, OutputAxis []int
	// Buckets are the lengths that batches are padded to, ascending.
	Buckets []int
	// Values[i] is the bytes of one element that pads input i.
	Values [][]byte
}

// Bucket returns the smallest bucket that holds length, or length itself when it is
// longer than every bucket.
func (p *Padding) Bucket(length int) int {
	for _, b := range p.Buckets {
		if length <= b {
			return b
		}
	}
	return length
}

// Batchable reports whether rows of several requests may share a run.
func (s *Schema) Batchable() bool { return s.MaxBatch > 0 }

// RowShape is a spec's shape without the batch.
func (s *Schema) RowShape(spec *Spec) []int64 {
	if s.Batchable() {
		return spec.Shape[1:]
	}
	return spec.Shape
}

// Input finds an input by name without allocating; -1 if there is none.
func (s *Schema) Input(name []byte) int { return find(s.Inputs, name) }

// OptionalInput finds an optional input by name without allocating; -1 if there is none.
func (s *Schema) OptionalInput(name []byte) int { return find(s.Optional, name) }

// Output finds an output by name without allocating; -1 if there is none.
func (s *Schema) Output(name []byte) int { return find(s.Outputs, name) }

func find(specs []Spec, name []byte) int {
	for i := range specs {
		if specs[i].Name == string(name) {
			return i
		}
	}
	return -1
}
