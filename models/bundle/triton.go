package bundle

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"sluice/internal/pbtxt"
	"sluice/internal/tensor"
)

// TritonFile is the settings file that Triton keeps beside a model's versions. It is read where
// model.yaml is silent, see TritonFields.
const TritonFile = "config.pbtxt"

// Triton is what config.pbtxt says, without what is ignored.
type Triton struct {
	// Keep is how many of the newest versions stay loaded; 0 leaves it to the settings. Only are
	// the versions that may be; nil means all.
	Keep int
	Only []string
	// File is the model file's name.
	File string
	// Batch is max_batch_size; -1 if it is not set and 0 if nothing but whole requests run.
	Batch           int64
	Inputs, Outputs []TritonTensor
	Ignored         []string

	// Lead is set if the batch axis stands before the dims. It is known once the model file is.
	Lead bool
}

// TritonTensor is one input or output of config.pbtxt.
type TritonTensor struct {
	Name, Kind, Format string
	// Dims is the shape in requests and answers, nil if it is not given; Own is the model's, nil if
	// it is the same.
	Dims, Own []int64
	Optional  bool
	// LabelFile names the file beside config.pbtxt that holds the labels.
	LabelFile string
	Labels    []string
}

// maxRefusals is how many faults of a file are told at once.
const maxRefusals = 20

// decodeTriton reads config.pbtxt. Every fault names the line or the field. An empty name is not
// compared with that of the file.
func decodeTriton(text []byte, model string) (*Triton, error) {
	m, err := pbtxt.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TritonFile, err)
	}
	t := &Triton{Batch: -1, File: m.Text("default_model_filename")}
	ignored, refusals := sift(m, "", "")
	t.Ignored, refusals = ignored, refusals[:min(len(refusals), maxRefusals)]
	fail := func(format string, args ...any) {
		if len(refusals) < maxRefusals {
			refusals = append(refusals, fmt.Sprintf(format, args...))
		}
	}
	if name := m.Text("name"); name != "" && model != "" && name != model {
		fail("name is %.64q and the model's folder is %q: they must be the same", name, model)
	}
	if p := m.Text("platform"); p != "" && p != "onnxruntime_onnx" {
		fail("platform is %.64q: only onnxruntime_onnx is served", p)
	}
	if b := m.Text("backend"); b != "" && b != "onnxruntime" {
		fail("backend is %.64q: only onnxruntime is served", b)
	}
	if m.Has("max_batch_size") {
		if t.Batch = m.Int("max_batch_size"); t.Batch < 0 {
			fail("max_batch_size is %d; it must be from 1 on, or 0 to run requests whole", t.Batch)
		}
	}
	if t.File != "" && !plainName(t.File) {
		fail("default_model_filename is %.64q; it must be the name of a file in the version's folder", t.File)
	}
	t.versions(m.Message("version_policy"), fail)
	t.Inputs = tensors("input", m.Messages("input"), fail)
	t.Outputs = tensors("output", m.Messages("output"), fail)
	if len(refusals) > 0 {
		return t, errors.New(TritonFile + ": " + strings.Join(refusals, "; "))
	}
	return t, nil
}

// plainName tells whether a name stays in its folder, is not hidden, and can be shown.
func plainName(name string) bool {
	return !strings.ContainsFunc(name, unicode.IsControl) && filepath.Base(name) == name && !strings.HasPrefix(name, ".") && !strings.ContainsRune(name, '/')
}

func (t *Triton) versions(policy pbtxt.Message, fail func(string, ...any)) {
	switch {
	case policy.Has("latest"):
		latest := policy.Message("latest")
		if t.Keep = int(min(latest.Int("num_versions"), math.MaxInt32)); t.Keep == 0 {
			t.Keep = 1
			if latest.Has("num_versions") {
				fail("version_policy.latest.num_versions is 0; it must be from 1 on")
			}
		}
	case policy.Has("all"):
		t.Keep = math.MaxInt
	case policy.Has("specific"):
		t.Keep, t.Only = math.MaxInt, []string{}
		for _, v := range policy.Message("specific").Ints("versions") {
			if v < 1 {
				fail("version_policy.specific names version %d; versions are from 1 on", v)
			}
			t.Only = append(t.Only, strconv.FormatInt(v, 10))
		}
		if len(t.Only) == 0 {
			fail("version_policy.specific names no version")
		}
	}
}

// tensors reads a list of inputs or outputs.
func tensors(list string, entries []pbtxt.Message, fail func(string, ...any)) []TritonTensor {
	var all []TritonTensor
	for i, m := range entries {
		e := TritonTensor{Name: m.Text("name")}
		at := fmt.Sprintf("%s[%d]", list, i)
		if e.Name == "" {
			fail("%s has no name", at)
		} else if slices.ContainsFunc(all, func(other TritonTensor) bool { return other.Name == e.Name }) {
			fail("%s has the name %.64q, which another %s has", at, e.Name, list)
		}
		if e.Kind = m.Text("data_type"); e.Kind == "TYPE_INVALID" {
			e.Kind = ""
		}
		if m.Len("dims") > 0 {
			e.Dims = m.Ints("dims")
			checkDims(at+".dims", e.Dims, fail)
		}
		if m.Has("reshape") {
			e.Own = m.Message("reshape").Ints("shape")
			checkDims(at+".reshape", e.Own, fail)
			if text := unlike(e.Dims, e.Own); text != "" {
				fail("%s has dims %s and reshape %s: %s", at, tensor.ShapeText(e.Dims), tensor.ShapeText(e.Own), text)
			}
		}
		if list == "input" {
			e.Optional, e.Format = m.Bool("optional"), m.Text("format")
			if e.Optional && e.Own != nil {
				fail("%s is optional and has a reshape: an optional input keeps the model's shape", at)
			}
		} else if e.LabelFile = m.Text("label_filename"); e.LabelFile != "" && !plainName(e.LabelFile) {
			fail("%s.label_filename is %.64q; it must be the name of a file beside %s", at, e.LabelFile, TritonFile)
		}
		all = append(all, e)
	}
	return all
}

func checkDims(at string, dims []int64, fail func(string, ...any)) {
	if len(dims) > maxObservedRank {
		fail("%s has %d dimensions; the limit is %d", at, len(dims), maxObservedRank)
	}
	for _, d := range dims {
		if d < 1 && d != -1 {
			fail("%s has the size %d; it must be from 1 on, or -1 where it is free", at, d)
			return
		}
	}
}

// unlike says why one shape is not another shape of the same elements; "" if it is. Sizes between
// the free dimensions must have equal products, so that each free one stands for its counterpart.
func unlike(dims, own []int64) string {
	a, b := products(dims), products(own)
	switch {
	case dims == nil:
		return "a reshape needs dims"
	case len(a) != len(b):
		return fmt.Sprintf("they have %d and %d free dimensions", len(a)-1, len(b)-1)
	case !slices.EqualFunc(a, b, func(x, y float64) bool { return x == y }):
		return "they do not hold the same number of elements"
	}
	return ""
}

// products multiplies the sizes between free dimensions. Floats are exact far beyond what memory
// holds, and do not wrap.
func products(dims []int64) []float64 {
	all := []float64{1}
	for _, d := range dims {
		if d < 0 {
			all = append(all, 1)
		} else {
			all[len(all)-1] *= float64(d)
		}
	}
	return all
}

// over puts what the file says in the place of the server's defaults.
func (t *Triton) over(d Defaults) Defaults {
	switch {
	case t == nil:
	case t.Batch > 0:
		d.MaxBatch, d.MaxRows, d.Rows = int(min(t.Batch, maxBatchLimit)), 0, int(min(t.Batch, maxRowsLimit))
	case t.whole():
		d.MaxBatch, d.MaxRows = 0, 0
	}
	return d
}

// whole tells whether requests run whole. Triton takes a file that describes every tensor and no
// batch for one that says so.
func (t *Triton) whole() bool {
	silent := func(e TritonTensor) bool { return e.Dims == nil }
	return t.Batch == 0 || t.Batch < 0 && len(t.Inputs) > 0 && len(t.Outputs) > 0 &&
		!slices.ContainsFunc(t.Inputs, silent) && !slices.ContainsFunc(t.Outputs, silent)
}

// settings completes what model.yaml says.
func (t *Triton) settings(c *Config) {
	if t == nil {
		return
	}
	c.Triton = t
	if t.Batch > 0 || t.whole() {
		c.comes(OriginTriton, "max_batch", "max_rows")
	}
	if c.Optional == nil {
		for i := range t.Inputs {
			if t.Inputs[i].Optional {
				c.Optional = append(c.Optional, t.Inputs[i].Name)
				c.comes(OriginTriton, "optional")
			}
		}
	}
}
