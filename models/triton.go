package models

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
)

// TritonFile is the settings file that Triton keeps beside a model's versions. It is read where
// model.yaml is silent, see TritonFields.
const TritonFile = "config.pbtxt"

// triton is what config.pbtxt says, without what is ignored.
type triton struct {
	// keep is how many of the newest versions stay loaded; 0 leaves it to the settings. only are
	// the versions that may be; nil means all.
	keep int
	only []string
	// file is the model file's name.
	file string
	// batch is max_batch_size; -1 if it is not set and 0 if nothing but whole requests run.
	batch           int64
	inputs, outputs []tritonTensor
	ignored         []string

	// lead is set if the batch axis stands before the dims. It is known once the model file is.
	lead bool
}

// tritonTensor is one input or output of config.pbtxt.
type tritonTensor struct {
	name, kind, format string
	// dims is the shape in requests and answers, nil if it is not given; own is the model's, nil if
	// it is the same.
	dims, own []int64
	optional  bool
	// labelFile names the file beside config.pbtxt that holds the labels.
	labelFile string
	labels    []string
}

// maxRefusals is how many faults of a file are told at once.
const maxRefusals = 20

// decodeTriton reads config.pbtxt. Every fault names the line or the field. An empty name is not
// compared with that of the file.
func decodeTriton(text []byte, model string) (*triton, error) {
	m, err := pbtxt.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TritonFile, err)
	}
	t := &triton{batch: -1, file: m.Text("default_model_filename")}
	ignored, refusals := sift(m, "", "")
	t.ignored, refusals = ignored, refusals[:min(len(refusals), maxRefusals)]
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
		if t.batch = m.Int("max_batch_size"); t.batch < 0 {
			fail("max_batch_size is %d; it must be from 1 on, or 0 to run requests whole", t.batch)
		}
	}
	if t.file != "" && !plainName(t.file) {
		fail("default_model_filename is %.64q; it must be the name of a file in the version's folder", t.file)
	}
	t.versions(m.Message("version_policy"), fail)
	t.inputs = tensors("input", m.Messages("input"), fail)
	t.outputs = tensors("output", m.Messages("output"), fail)
	if len(refusals) > 0 {
		return t, errors.New(TritonFile + ": " + strings.Join(refusals, "; "))
	}
	return t, nil
}

// plainName tells whether a name stays in its folder, is not hidden, and can be shown.
func plainName(name string) bool {
	return !strings.ContainsFunc(name, unicode.IsControl) && filepath.Base(name) == name && !strings.HasPrefix(name, ".") && !strings.ContainsRune(name, '/')
}

func (t *triton) versions(policy pbtxt.Message, fail func(string, ...any)) {
	switch {
	case policy.Has("latest"):
		latest := policy.Message("latest")
		if t.keep = int(min(latest.Int("num_versions"), math.MaxInt32)); t.keep == 0 {
			t.keep = 1
			if latest.Has("num_versions") {
				fail("version_policy.latest.num_versions is 0; it must be from 1 on")
			}
		}
	case policy.Has("all"):
		t.keep = math.MaxInt
	case policy.Has("specific"):
		t.keep, t.only = math.MaxInt, []string{}
		for _, v := range policy.Message("specific").Ints("versions") {
			if v < 1 {
				fail("version_policy.specific names version %d; versions are from 1 on", v)
			}
			t.only = append(t.only, strconv.FormatInt(v, 10))
		}
		if len(t.only) == 0 {
			fail("version_policy.specific names no version")
		}
	}
}

// tensors reads a list of inputs or outputs.
func tensors(list string, entries []pbtxt.Message, fail func(string, ...any)) []tritonTensor {
	var all []tritonTensor
	for i, m := range entries {
		e := tritonTensor{name: m.Text("name")}
		at := fmt.Sprintf("%s[%d]", list, i)
		if e.name == "" {
			fail("%s has no name", at)
		} else if slices.ContainsFunc(all, func(other tritonTensor) bool { return other.name == e.name }) {
			fail("%s has the name %.64q, which another %s has", at, e.name, list)
		}
		if e.kind = m.Text("data_type"); e.kind == "TYPE_INVALID" {
			e.kind = ""
		}
		if m.Len("dims") > 0 {
			e.dims = m.Ints("dims")
			checkDims(at+".dims", e.dims, fail)
		}
		if m.Has("reshape") {
			e.own = m.Message("reshape").Ints("shape")
			checkDims(at+".reshape", e.own, fail)
			if text := unlike(e.dims, e.own); text != "" {
				fail("%s has dims %s and reshape %s: %s", at, showDims(e.dims), showDims(e.own), text)
			}
		}
		if list == "input" {
			e.optional, e.format = m.Bool("optional"), m.Text("format")
			if e.optional && e.own != nil {
				fail("%s is optional and has a reshape: an optional input keeps the model's shape", at)
			}
		} else if e.labelFile = m.Text("label_filename"); e.labelFile != "" && !plainName(e.labelFile) {
			fail("%s.label_filename is %.64q; it must be the name of a file beside %s", at, e.labelFile, TritonFile)
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

func showDims(dims []int64) string { return strings.ReplaceAll(fmt.Sprint(dims), " ", ",") }

// over puts what the file says in the place of the server's defaults.
func (t *triton) over(d Defaults) Defaults {
	switch {
	case t == nil:
	case t.batch > 0:
		d.MaxBatch, d.MaxRows, d.rows = int(min(t.batch, maxBatchLimit)), 0, int(min(t.batch, maxRowsLimit))
	case t.whole():
		d.MaxBatch, d.MaxRows = 0, 0
	}
	return d
}

// whole tells whether requests run whole. Triton takes a file that describes every tensor and no
// batch for one that says so.
func (t *triton) whole() bool {
	silent := func(e tritonTensor) bool { return e.dims == nil }
	return t.batch == 0 || t.batch < 0 && len(t.inputs) > 0 && len(t.outputs) > 0 &&
		!slices.ContainsFunc(t.inputs, silent) && !slices.ContainsFunc(t.outputs, silent)
}

// settings completes what model.yaml says.
func (t *triton) settings(c *Config) {
	if t == nil {
		return
	}
	c.triton = t
	if c.Optional == nil {
		for i := range t.inputs {
			if t.inputs[i].optional {
				c.Optional = append(c.Optional, t.inputs[i].name)
			}
		}
	}
}
