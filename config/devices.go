package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Device is a place where models may run, and how it is used. The sections of other kinds
// of device must be left alone.
type Device struct {
	// Name is the device: cpu, cuda:N, tensorrt:N, webgpu or fake; N is the GPU's number, as
	// nvidia-smi counts. Each device may be listed once.
	Name string `yaml:"name"`
	// Lanes is how many batches may be on the device at once. Default 0: scheduler.cpu_lanes for cpu,
	// and 2 for a GPU, of which one runs and one is being filled. Too low lets the device wait for the
	// next batch; too high makes a GPU's memory larger and its batches smaller.
	Lanes int `yaml:"lanes"`
	// Isolation is where the device's sessions live: process, a worker process for the device alone, or
	// none, the gateway's own process. Default empty: process for a GPU, none for cpu. With none a
	// crashing driver takes the gateway along.
	Isolation string `yaml:"isolation"`
	// MemoryLimit is the most that the arena of a session on cuda:N or tensorrt:N takes from
	// the GPU's memory. Default 0: no limit. Workspaces and the driver's own come on top, and with
	// cuda.session_per_size there is an arena for each batch size. Too low fails large batches; too high
	// leaves nothing for the other models there.
	MemoryLimit Bytes `yaml:"memory_limit"`
	// LibraryFolders are where the device's libraries lie off the loader's path: CUDA's, cuDNN's,
	// TensorRT's, the Vulkan loader. Default none. A folder of folders such as PyPI's nvidia does too.
	LibraryFolders []string `yaml:"library_folders"`
	// Env is variables that are set in the device's process before its libraries are loaded, such
	// as VK_DRIVER_FILES and CUDA_VISIBLE_DEVICES. Default none.
	Env map[string]string `yaml:"env"`
	// WholeGraph refuses a model of which ONNX Runtime would run a part on the CPU. Default
	// false: most models have shape arithmetic that belongs there.
	WholeGraph bool `yaml:"whole_graph"`

	CUDA     CUDA     `yaml:"cuda"`
	TensorRT TensorRT `yaml:"tensorrt"`
	WebGPU   WebGPU   `yaml:"webgpu"`
	Fake     Fake     `yaml:"fake"`
}

// Fake is for fake, which runs models on the CPU and takes as long as it is told: for drills
// and demonstrations on a machine without a GPU.
type Fake struct {
	// Cost is what batches cost by their rows, as 1:2.1ms,8:3.9ms,32:11.2ms; what is between is
	// interpolated. Default empty: what the CPU takes.
	Cost string `yaml:"cost"`
	// Orders is a JSON file of faults to show, looked at before each run: {"slow": 10},
	// {"fail": true}, {"memory_rows": 8}, {"fail_open": true}, {"hang": true}, {"leak": 1000000}. Default none.
	Orders string `yaml:"orders"`
}

// CUDA is for cuda:N, and for what tensorrt:N leaves to it.
type CUDA struct {
	// ArenaPowerOfTwo makes the arena grow to the next power of two. Default false: by what
	// is asked for. True reserves up to twice what is needed.
	ArenaPowerOfTwo bool `yaml:"arena_power_of_two"`
	// ConvSearch is how cuDNN's algorithms are chosen: heuristic, default or exhaustive. Default
	// heuristic. Exhaustive measures every new shape inside a request.
	ConvSearch string `yaml:"conv_search"`
	// SmallConvWorkspace bounds cuDNN's workspace. Default false; true saves memory and slows
	// FP16 convolutions.
	SmallConvWorkspace bool `yaml:"small_conv_workspace"`
	// TF32 lets FP32 matrix products use tensor cores at 10 bits of mantissa. Default false:
	// answers agree with the CPU's. True is faster and may fail the parity gate.
	TF32 bool `yaml:"tf32"`
	// NHWC prefers channels-last kernels. Default false; true helps FP16 convolutional networks.
	NHWC bool `yaml:"nhwc"`
	// UnifiedStream runs all of a session on one stream. Default false.
	UnifiedStream bool `yaml:"unified_stream"`
	// SessionPerSize gives each batch size of a model with convolutions a session of its own, since
	// ONNX Runtime plans every convolution anew, for milliseconds, whenever the size changes. Default
	// false: one session, and late answers wherever batches of two sizes alternate. True needs
	// the GPU memory of as many copies of the weights as there are sizes; no GPU has measured it yet.
	SessionPerSize bool `yaml:"session_per_size"`
}

// TensorRT is for tensorrt:N. Shapes and caches are set from the model.
type TensorRT struct {
	// FP16 lets layers run in half precision. Default false; true may fail the parity gate.
	FP16 bool `yaml:"fp16"`
	// BF16 is the same with bfloat16. Default false.
	BF16 bool `yaml:"bf16"`
	// CacheDir keeps built engines. Default empty: sluice/tensorrt in the user's cache folder.
	// Whoever can write there can run code in the device's process.
	CacheDir string `yaml:"cache_dir"`
	// Workspace is the most GPU memory for one layer's scratch. Default 0: TensorRT's own. Too low
	// rules out fast kernels; too high takes memory from other models.
	Workspace Bytes `yaml:"workspace"`
	// BuilderLevel is how hard the builder searches for fast engines. Default 3. Too low makes engines
	// slower; too high makes building them longer.
	BuilderLevel int `yaml:"builder_level"`
	// ShareContextMemory lets a model's engines share their scratch. Default false.
	ShareContextMemory bool `yaml:"share_context_memory"`
	// OptimalBatch is the batch size that engines are fastest at. Default 0: the largest. Too low makes
	// full batches slower; too high makes single rows slower.
	OptimalBatch int `yaml:"optimal_batch"`
}

// WebGPU is for webgpu.
type WebGPU struct {
	// Validation is how much of each call is checked: disabled, wgpuOnly, basic or full.
	// Default basic.
	Validation string `yaml:"validation"`
	// BufferCache is how storage buffers are kept: disabled, lazyRelease, simple or bucket.
	// Default bucket, which suits the few shapes that batches have.
	BufferCache string `yaml:"buffer_cache"`
	// Layout is NHWC or NCHW. Default NHWC.
	Layout string `yaml:"layout"`
	// Power is high-performance or low-power. Default high-performance.
	Power string `yaml:"power"`
	// PreserveDevice keeps the device open between sessions. Default false: one that was
	// lost is then not kept.
	PreserveDevice bool `yaml:"preserve_device"`
	// Int64 runs operators on 64-bit integers on the GPU. Default false: on the CPU.
	Int64 bool `yaml:"int64"`
	// FastTrigonometry leaves sines and cosines to the GPU. Default false: drivers may be off by
	// 2^-11, which fails the parity gate, so they run on the CPU.
	FastTrigonometry bool `yaml:"fast_trigonometry"`
	// CPUNodes are names of nodes to run on the CPU. Default none.
	CPUNodes []string `yaml:"cpu_nodes"`
	// MaxStorageBinding is the largest buffer binding. Default 0: the driver's own. Too low fails large
	// tensors; too high fails in drivers that promise more than they hold.
	MaxStorageBinding Bytes `yaml:"max_storage_binding"`
	// MaxPendingDispatches is how many kernels are recorded before they are submitted; it needs ONNX
	// Runtime 1.30. Default 0: ONNX Runtime's own. Too low costs a submission for each few kernels; too
	// high lets the GPU wait for the first.
	MaxPendingDispatches int `yaml:"max_pending_dispatches"`
}

// DefaultDevice is a device that is only named.
func DefaultDevice(name string) Device {
	return Device{
		Name:     name,
		CUDA:     CUDA{ConvSearch: "heuristic"},
		TensorRT: TensorRT{BuilderLevel: 3},
		WebGPU:   WebGPU{Validation: "basic", BufferCache: "bucket", Layout: "NHWC", Power: "high-performance"},
	}
}

// kind is the name without the GPU's number.
func (d *Device) kind() string {
	kind, _, _ := strings.Cut(d.Name, ":")
	return kind
}

// minMemoryLimit is less than what any provider needs before the first model.
const minMemoryLimit = 64 * mebibyte

// devices checks the list. Whether a name is a device's and whether the device is there, the command
// knows: see Fault.
func (v *validator) devices(devices []Device) {
	first := map[string]int{}
	for i := range devices {
		d := &devices[i]
		path := fmt.Sprintf("devices[%d]", i)
		if earlier, twice := first[d.Name]; twice {
			v.fault(path+".name", fmt.Sprintf("%q", d.Name), fmt.Sprintf("is the name of devices[%d] too: list each device once", earlier))
		} else {
			first[d.Name] = i
		}
		between(v, path+".lanes", d.Lanes, 0, 1024)
		if d.Isolation != "" {
			v.oneOf(path+".isolation", d.Isolation, "process", "none")
		}
		v.deviceMemory(path, d)
		for j, folder := range d.LibraryFolders {
			if !strings.HasPrefix(folder, "/") {
				v.fault(fmt.Sprintf("%s.library_folders[%d]", path, j), fmt.Sprintf("%q", folder), "must be a whole path, from the root")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(d.Env)) {
			if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(d.Env[name], 0) {
				v.fault(path+".env", fmt.Sprintf("%q", name), "must be the name of an environment variable")
			}
		}
		v.deviceSections(path, d)
	}
}

func (v *validator) deviceMemory(path string, d *Device) {
	v.rule(path+".memory_limit", fmt.Sprintf("0, or %s and more", minMemoryLimit))
	switch kind := d.kind(); {
	case d.MemoryLimit == 0:
	case kind != "cuda" && kind != "tensorrt":
		v.fault(path+".memory_limit", d.MemoryLimit, fmt.Sprintf("is of no use for %s, which cannot be limited: leave it out", d.Name))
	case d.MemoryLimit < minMemoryLimit || d.MemoryLimit > 1<<50:
		v.fault(path+".memory_limit", d.MemoryLimit, fmt.Sprintf("is too small for any model or larger than any GPU: give %s or more, or 0 for no limit", minMemoryLimit))
	}
}

// deviceSections checks the options of the device's kind, and that the others are left alone.
func (v *validator) deviceSections(path string, d *Device) {
	for field, section := range reflect.ValueOf(*d).Fields() {
		if key := field.Tag.Get("yaml"); section.Kind() == reflect.Struct && !d.uses(key) && d.isSet(field.Name) {
			v.fault(path+"."+key, "it", fmt.Sprintf("is of no use for %s: leave the section out", d.Name))
		}
	}
	v.oneOf(path+".cuda.conv_search", d.CUDA.ConvSearch, "heuristic", "default", "exhaustive")
	between(v, path+".tensorrt.workspace", d.TensorRT.Workspace, 0, 1<<40)
	between(v, path+".tensorrt.builder_level", d.TensorRT.BuilderLevel, 1, 5)
	between(v, path+".tensorrt.optimal_batch", d.TensorRT.OptimalBatch, 0, 4096)
	w := &d.WebGPU
	v.oneOf(path+".webgpu.validation", w.Validation, "disabled", "wgpuOnly", "basic", "full")
	v.oneOf(path+".webgpu.buffer_cache", w.BufferCache, "disabled", "lazyRelease", "simple", "bucket")
	v.oneOf(path+".webgpu.layout", w.Layout, "NHWC", "NCHW")
	v.oneOf(path+".webgpu.power", w.Power, "high-performance", "low-power")
	between(v, path+".webgpu.max_storage_binding", w.MaxStorageBinding, 0, 1<<40)
	between(v, path+".webgpu.max_pending_dispatches", w.MaxPendingDispatches, 0, 4096)
}

// uses tells whether a section is for the device's kind.
func (d *Device) uses(section string) bool {
	kind := d.kind()
	return kind == section || kind == "tensorrt" && section == "cuda"
}

// isSet tells whether a section, by its field, is not as that of a device that is only named.
func (d *Device) isSet(section string) bool {
	plain := DefaultDevice(d.Name)
	value := func(d *Device) any { return reflect.ValueOf(d).Elem().FieldByName(section).Interface() }
	return !reflect.DeepEqual(value(d), value(&plain))
}

// MarshalYAML leaves out the sections of other kinds of device.
func (d Device) MarshalYAML() (any, error) {
	var all yaml.MapSlice
	for field, value := range reflect.ValueOf(d).Fields() {
		key := field.Tag.Get("yaml")
		if value.Kind() != reflect.Struct || d.uses(key) || d.isSet(field.Name) {
			all = append(all, yaml.MapItem{Key: key, Value: value.Interface()})
		}
	}
	return all, nil
}
