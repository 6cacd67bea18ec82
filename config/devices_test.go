package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestAcceptedDevices: the accepted file sets every setting of a device, so one that is read into the
// wrong field shows in the golden file.
func TestAcceptedDevices(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "accepted.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := mustParse(t, string(text))
	set := map[string]bool{}
	for i := range c.Devices {
		plain := DefaultDevice("")
		differing("", reflect.ValueOf(c.Devices[i]), reflect.ValueOf(plain), set)
	}
	for path, differs := range set {
		if !differs {
			t.Errorf("no device sets %s", path)
		}
	}
	if len(set) < 30 {
		t.Errorf("only %d settings of a device were compared", len(set))
	}
}

// differing notes for each setting whether it differs from the default, now or before.
func differing(prefix string, value, plain reflect.Value, set map[string]bool) {
	for i := range value.NumField() {
		path := prefix + value.Type().Field(i).Tag.Get("yaml")
		if value.Field(i).Kind() == reflect.Struct {
			differing(path+".", value.Field(i), plain.Field(i), set)
			continue
		}
		set[path] = set[path] || !reflect.DeepEqual(value.Field(i).Interface(), plain.Field(i).Interface())
	}
}

func TestRejectedDevices(t *testing.T) {
	// In the file: what cannot be read, and options that are refused.
	unread := func(device, want string) {
		t.Helper()
		_, err := Parse("sluice.yaml", []byte("devices:\n  - cpu\n  - "+device+"\n"))
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", device, err, want)
		}
	}
	unread("{name: cuda:0, lans: 2}", "sluice.yaml:3: there is no setting devices[1].lans (did you mean lanes?): devices[1] may have lanes, name, isolation, memory_limit, library_folders, env, whole_graph, cuda, tensorrt, webgpu, fake")
	unread("[cuda:0]", "sluice.yaml:3: devices[1] must be a mapping of settings, not a list")
	unread("{name: cuda:0, env: [A]}", "sluice.yaml:3: devices[1].env must be a mapping of names to values, not a list")
	unread("{name: cuda:0, env: {A: [b]}}", "sluice.yaml:3: devices[1].env.A must be a single value, not a list")
	unread("{name: cuda:0, whole_graph: 1}", `sluice.yaml:3: devices[1].whole_graph: "1" is neither true nor false`)
	unread("{name: cuda:0, memory_limit: 4 GB}", `sluice.yaml:3: devices[1].memory_limit: "4 GB" is not a size: write bytes, or a whole number of KiB, MiB or GiB`)
	graph := "a graph replays the addresses of its first run, so later answers are old or missing, without an error"
	unread("{name: cuda:0, cuda: {enable_cuda_graph: 1}}", "sluice.yaml:3: devices[1].cuda.enable_cuda_graph is refused: "+graph)
	unread("{name: tensorrt:0, tensorrt: {trt_cuda_graph_enable: 1}}", "sluice.yaml:3: devices[1].tensorrt.trt_cuda_graph_enable is refused: "+graph)
	unread("{name: webgpu, webgpu: {enableGraphCapture: 1}}", "sluice.yaml:3: devices[1].webgpu.enableGraphCapture is refused: a captured graph never writes its answers to host memory, without an error")
	unread("{name: webgpu, webgpu: {deviceId: 1}}", "sluice.yaml:3: devices[1].webgpu.deviceId is refused: it is not a GPU's number, and any but 0 fails: start one process per GPU, and choose its GPU with VK_DRIVER_FILES in the device's env")
	unread("{name: cuda:0, cuda: {user_compute_stream: 1}}", "sluice.yaml:3: devices[1].cuda.user_compute_stream is refused: a stream belongs to the process that made it, and none can be passed from a file")
	unread("{name: cuda:0, cuda: {tunable_op_enable: 1}}", "sluice.yaml:3: devices[1].cuda.tunable_op_enable is refused: it measures kernels inside requests")
	unread("{name: tensorrt:0, tensorrt: {trt_profile_min_shapes: x}}", "sluice.yaml:3: devices[1].tensorrt.trt_profile_min_shapes is refused: it is always set, from the model's shapes and batch sizes")

	// By Validate: what is read and wrong.
	wrong := func(device, want string) {
		t.Helper()
		err := mustParse(t, "devices:\n  - cpu\n  - "+device+"\n").Validate()
		if err == nil || err.Error() != "sluice.yaml:3: devices[1]"+want {
			t.Errorf("%s:\n got %v\nwant sluice.yaml:3: devices[1]%s", device, err, want)
		}
	}
	wrong("cpu", `.name: "cpu" is the name of devices[0] too: list each device once`)
	wrong("{name: cuda:0, lanes: -1}", ".lanes: -1 must be from 0 to 1024")
	wrong("{name: cuda:0, isolation: thread}", `.isolation: "thread" must be one of process, none`)
	wrong("{name: cuda:0, memory_limit: 1MiB}", ".memory_limit: 1MiB is too small for any model or larger than any GPU: give 64MiB or more, or 0 for no limit")
	wrong("{name: webgpu, memory_limit: 1GiB}", ".memory_limit: 1GiB is of no use for webgpu, which cannot be limited: leave it out")
	wrong("{name: cuda:0, library_folders: [/opt/cuda, lib]}", `.library_folders[1]: "lib" must be a whole path, from the root`)
	wrong("{name: webgpu, env: {'A=B': c}}", `.env: "A=B" must be the name of an environment variable`)
	wrong("{name: webgpu, cuda: {tf32: true}}", ".cuda: it is of no use for webgpu: leave the section out")
	wrong("{name: cuda:0, tensorrt: {fp16: true}}", ".tensorrt: it is of no use for cuda:0: leave the section out")
	wrong("{name: cuda:0, webgpu: {cpu_nodes: [a]}}", ".webgpu: it is of no use for cuda:0: leave the section out")
	wrong("{name: cuda:0, fake: {cost: '1:2ms'}}", ".fake: it is of no use for cuda:0: leave the section out")
	wrong("{name: cuda:0, cuda: {conv_search: HEURISTIC}}", `.cuda.conv_search: "HEURISTIC" must be one of heuristic, default, exhaustive (did you mean heuristic?)`)
	wrong("{name: tensorrt:0, tensorrt: {workspace: 2000GiB}}", ".tensorrt.workspace: 2000GiB must be from 0 to 1024GiB")
	wrong("{name: tensorrt:0, tensorrt: {builder_level: 0}}", ".tensorrt.builder_level: 0 must be from 1 to 5")
	wrong("{name: tensorrt:0, tensorrt: {optimal_batch: 5000}}", ".tensorrt.optimal_batch: 5000 must be from 0 to 4096")
	wrong("{name: webgpu, webgpu: {validation: all}}", `.webgpu.validation: "all" must be one of disabled, wgpuOnly, basic, full`)
	wrong("{name: webgpu, webgpu: {buffer_cache: none}}", `.webgpu.buffer_cache: "none" must be one of disabled, lazyRelease, simple, bucket`)
	wrong("{name: webgpu, webgpu: {layout: nhwc}}", `.webgpu.layout: "nhwc" must be one of NHWC, NCHW (did you mean NHWC?)`)
	wrong("{name: webgpu, webgpu: {power: low}}", `.webgpu.power: "low" must be one of high-performance, low-power`)
	wrong("{name: webgpu, webgpu: {max_storage_binding: -1}}", ".webgpu.max_storage_binding: -1 must be from 0 to 1024GiB")
	wrong("{name: webgpu, webgpu: {max_pending_dispatches: 5000}}", ".webgpu.max_pending_dispatches: 5000 must be from 0 to 4096")
}

// TestFaultNamesThePlace: the command's own faults name the closest place that the file has.
func TestFaultNamesThePlace(t *testing.T) {
	c := mustParse(t, "devices:\n  - cpu\n  - name: cuda:0\n    lanes: 2\n")
	f := func(path, want string) {
		t.Helper()
		if got := c.Fault(path, errors.New("is gone")).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("devices[1].lanes", "sluice.yaml:4: devices[1].lanes: is gone")
	f("devices[1].cuda.tf32", "sluice.yaml:3: devices[1].cuda.tf32: is gone")
	f("devices[0].name", "sluice.yaml:2: devices[0].name: is gone")
	f("devices[7].name", "sluice.yaml:2: devices[7].name: is gone")
	f("models", "models: is gone")
}

func TestDevicesByFlag(t *testing.T) {
	c := Default()
	if err := c.Set("devices", "cuda:0, cpu,", "--devices"); err != nil {
		t.Fatal(err)
	}
	if want := []Device{DefaultDevice("cuda:0"), DefaultDevice("cpu")}; !reflect.DeepEqual(c.Devices, want) {
		t.Errorf("got %v, want %v", c.Devices, want)
	}
	if err := c.Set("devices", "cpu,cpu", "--devices"); err != nil {
		t.Fatal(err)
	}
	want := `--devices: devices[1].name: "cpu" is the name of devices[0] too: list each device once`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
