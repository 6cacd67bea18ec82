package bundle

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/pbtxt"
)

// Fate is what becomes of a field of config.pbtxt.
type Fate string

// The fates.
const (
	Used    Fate = "used"
	Refuses Fate = "refuses the model" // it changes answers, and is not done here
	Ignored Fate = "ignored"           // it changes speed alone; it is named once in the log
)

// TritonField is one field of config.pbtxt.
type TritonField struct {
	Name string
	Fate Fate
	// Note says how it is used, why it refuses, or what stands in its place.
	Note string
}

// TritonFields has every field of the file's message and of its inputs and outputs, and of other
// parts those that differ from the part.
var TritonFields = []TritonField{
	{"name", Used, "must be the name of the model's folder"},
	{"platform", Used, "`onnxruntime_onnx`; any other refuses the model"},
	{"backend", Used, "`onnxruntime`; any other refuses the model"},
	{"runtime", Ignored, "the server has one ONNX Runtime"},
	{"max_batch_size", Used, "`max_batch` and `max_rows`; 0 runs each request whole, in its full shape"},
	{"version_policy", Used, "which versions are loaded, in place of `model_defaults.keep_versions`"},
	{"input", Used, "must agree with the file; a size given for a free dimension holds for requests"},
	{"input.name", Used, "an input of the file"},
	{"input.data_type", Used, "must be the file's"},
	{"input.format", Used, "shown in the model's configuration; the data is passed on as it comes"},
	{"input.dims", Used, "the shape in requests, without the batch if `max_batch_size` is above 0"},
	{"input.reshape", Used, "the model's own shape where it differs from `dims`"},
	{"input.is_shape_tensor", Refuses, "it is for TensorRT plans"},
	{"input.allow_ragged_batch", Refuses, "rows of different length share a batch by `padding` in `model.yaml`"},
	{"input.optional", Used, "`optional`: the file must have a value for the input"},
	{"input.is_non_linear_format_io", Refuses, "it is for TensorRT plans"},
	{"output", Used, "must agree with the file; outputs that are left out are not served"},
	{"output.name", Used, "an output of the file"},
	{"output.data_type", Used, "must be the file's"},
	{"output.dims", Used, "the shape in answers, without the batch if `max_batch_size` is above 0"},
	{"output.reshape", Used, "the model's own shape where it differs from `dims`"},
	{"output.label_filename", Used, "a file beside config.pbtxt with a class on each line"},
	{"output.is_shape_tensor", Refuses, "it is for TensorRT plans"},
	{"output.is_non_linear_format_io", Refuses, "it is for TensorRT plans"},
	{"batch_input", Refuses, "no input is made up from the batch"},
	{"batch_output", Refuses, "outputs are split by rows alone"},
	{"optimization", Ignored, "all graph optimisations are on; devices are chosen by `devices`"},
	{"dynamic_batching", Ignored, "requests share batches without it; batch sizes follow the load, and nothing waits on a timer"},
	{"dynamic_batching.default_queue_policy", Ignored, "a request's time is bounded by its budget: `budget` in `model.yaml`, or the `timeout` parameter"},
	{"dynamic_batching.priority_queue_policy", Ignored, "the earliest deadline goes first"},
	{"sequence_batching", Refuses, "requests are independent: no state is kept between them"},
	{"ensemble_scheduling", Refuses, "a request runs one model"},
	{"instance_group", Ignored, "`devices` in `model.yaml` says where it runs; lanes are the server's `scheduler.cpu_lanes` and `devices`"},
	{"default_model_filename", Used, "the model file's name in each version's folder"},
	{"cc_model_filenames", Ignored, "one file serves all devices"},
	{"metric_tags", Ignored, "series have the labels model, version and device"},
	{"parameters", Ignored, "those of the ONNX Runtime backend change speed and memory"},
	{"model_warmup", Ignored, "every version is warmed up and measured when it is loaded"},
	{"model_operations", Refuses, "no library of operators is loaded"},
	{"model_transaction_policy", Used, "of no effect unless it says `decoupled`"},
	{"model_transaction_policy.decoupled", Refuses, "a request has one answer"},
	{"model_repository_agents", Refuses, "the files are taken as they lie"},
	{"response_cache", Ignored, "answers are computed"},
	{"model_metrics", Ignored, "the histograms' buckets are fixed"},
}

// fateOf finds a field by its path.
func fateOf(path string) (TritonField, bool) {
	at := slices.IndexFunc(TritonFields, func(f TritonField) bool { return f.Name == path })
	if at < 0 {
		return TritonField{}, false
	}
	return TritonFields[at], true
}

// sift walks the fields that are set: which are ignored, and which refuse the model. path is where
// the message is, for the table; shown is the same for people.
func sift(m pbtxt.Message, path, shown string) (ignored []string, refusals []string) {
	for _, name := range m.Fields() {
		field, listed := fateOf(path + name)
		switch {
		case !listed:
		case field.Fate == Refuses && m.Enabled(name):
			refusals = append(refusals, fmt.Sprintf("%s%s is not served here: %s", shown, name, strings.ReplaceAll(field.Note, "`", "")))
		case field.Fate == Ignored && m.IsMap(name):
			for _, key := range m.Keys(name) {
				ignored = append(ignored, fmt.Sprintf("%s%s[%.64s]", shown, name, key))
			}
		case field.Fate == Ignored:
			ignored = append(ignored, shown+name)
		}
		for i, part := range m.Parts(name) {
			in := shown + name + "."
			if m.IsList(name) {
				in = fmt.Sprintf("%s%s[%d].", shown, name, i)
			}
			more, worse := sift(part, path+name+".", in)
			ignored, refusals = append(ignored, more...), append(refusals, worse...)
		}
	}
	return ignored, refusals
}
