package config

import "strings"

// refused are options of ONNX Runtime's providers that are not settings, with the reason. Their
// names are those that its documentation has, without underscores, without TensorRT's prefix
// and in lower case.
var refused = map[string]string{
	"cuda.enablecudagraph":       "a graph replays the addresses of its first run, so later answers are old or missing, without an error",
	"tensorrt.cudagraphenable":   "a graph replays the addresses of its first run, so later answers are old or missing, without an error",
	"webgpu.enablegraphcapture":  "a captured graph never writes its answers to host memory, without an error",
	"webgpu.deviceid":            "it is not a GPU's number, and any but 0 fails: start one process per GPU, and choose its GPU with VK_DRIVER_FILES in the device's env",
	"cuda.deviceid":              "the device's name has the GPU's number, as cuda:1",
	"tensorrt.deviceid":          "the device's name has the GPU's number, as tensorrt:1",
	"cuda.usercomputestream":     "a stream belongs to the process that made it, and none can be passed from a file",
	"tensorrt.usercomputestream": "a stream belongs to the process that made it, and none can be passed from a file",
	"cuda.tunableopenable":       "it measures kernels inside requests",
	"cuda.tunableoptuningenable": "it measures kernels inside requests",
	"cuda.docopyindefaultstream": "it is always on: copies on a stream of their own race with the run",
	"cuda.gpumemlimit":           "the device's memory_limit is this",
	"tensorrt.profileminshapes":  "it is always set, from the model's shapes and batch sizes",
	"tensorrt.profileoptshapes":  "it is always set, from the model's shapes and optimal_batch",
	"tensorrt.profilemaxshapes":  "it is always set, from the model's shapes and batch sizes",
	"tensorrt.enginecacheenable": "it is always on: without it each start builds the engines anew; cache_dir is the place",
	"tensorrt.timingcacheenable": "it is always on; cache_dir is the place",
}

// refusal is why a setting of this path is refused; empty if it is only unknown.
func refusal(path string) string {
	sections := strings.Split(strings.ToLower(path), ".")
	if len(sections) < 2 || !strings.HasPrefix(path, "devices[") {
		return ""
	}
	section, key := sections[len(sections)-2], sections[len(sections)-1]
	key = strings.ReplaceAll(strings.TrimPrefix(key, "trt_"), "_", "")
	return refused[section+"."+key]
}
