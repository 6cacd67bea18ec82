package provider

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sluice/internal/device"
	"sluice/internal/tensor"
)

var (
	cuda1  = device.Name{Kind: device.CUDA, Index: 1}
	trt0   = device.Name{Kind: device.TensorRT}
	webGPU = device.Name{Kind: device.WebGPU}
)

func TestProviderRefusals(t *testing.T) {
	f := func(p Provider, want string) {
		t.Helper()
		if err := p.Check(); err == nil || err.Error() != want {
			t.Errorf("%+v:\n got %v\nwant %s", p, err, want)
		}
	}
	f(Provider{Device: device.Name{Kind: device.Fake}}, "device fake is not one of ONNX Runtime's")
	f(Provider{Device: device.Name{Kind: device.WebGPU, Index: 1}}, "WebGPU takes no GPU's number: start one process per GPU, and choose its GPU with VK_DRIVER_FILES")
	f(Provider{Device: cuda1, MemoryLimit: 1 << 20}, "device cuda:1 has a memory limit of 1048576 bytes, too small for any model: give it 67108864 or more, or 0 for no limit")
	f(Provider{Device: cuda1, MemoryLimit: -1}, "device cuda:1 has a memory limit of -1 bytes, too small for any model: give it 67108864 or more, or 0 for no limit")
	f(Provider{Device: webGPU, MemoryLimit: 1 << 30}, "device webgpu has a memory limit, which only CUDA's arena keeps to: leave it out")
	f(Provider{CUDA: CUDAOptions{ConvSearch: "EXHAUSTIVE"}}, `the search for convolution algorithms is "EXHAUSTIVE"; it must be one of heuristic, default, exhaustive`)
	f(Provider{WebGPU: WebGPUOptions{Validation: "all"}}, `WebGPU's validation is "all"; it must be one of disabled, wgpuOnly, basic, full`)
	f(Provider{WebGPU: WebGPUOptions{BufferCache: "none"}}, `WebGPU's buffer cache is "none"; it must be one of disabled, lazyRelease, simple, bucket`)
	f(Provider{WebGPU: WebGPUOptions{Layout: "nhwc"}}, `WebGPU's layout is "nhwc"; it must be one of NHWC, NCHW`)
	f(Provider{WebGPU: WebGPUOptions{Power: "low"}}, `WebGPU's power preference is "low"; it must be one of high-performance, low-power`)
	f(Provider{WebGPU: WebGPUOptions{MaxPendingDispatches: 4097}}, "WebGPU's most pending dispatches is 4097; it must be from 0 to 4096")
	f(Provider{TensorRT: TensorRTOptions{BuilderLevel: 6}}, "TensorRT's builder level is 6; it must be from 0 to 5")
	if err := (&Provider{}).Check(); err != nil {
		t.Errorf("the CPU is refused: %v", err)
	}
}

// TestProviderEntries: the keys as ONNX Runtime names them, since it ignores others silently; and
// what leaves answers unwritten is off.
func TestProviderEntries(t *testing.T) {
	f := func(got map[string]string, want ...string) {
		t.Helper()
		var lines []string
		for _, key := range slices.Sorted(maps.Keys(got)) {
			lines = append(lines, key+"="+got[key])
		}
		if !slices.Equal(lines, want) {
			t.Errorf("the entries are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
	}
	p := Provider{Device: cuda1}
	f(p.cudaEntries(), "arena_extend_strategy=kSameAsRequested", "cudnn_conv_algo_search=HEURISTIC", "cudnn_conv_use_max_workspace=1", "device_id=1",
		"do_copy_in_default_stream=1", "enable_cuda_graph=0", "prefer_nhwc=0", "tunable_op_enable=0", "use_ep_level_unified_stream=0", "use_tf32=0")
	p.MemoryLimit, p.CUDA = 1<<30, CUDAOptions{ArenaPowerOfTwo: true, ConvSearch: "default", SmallConvWorkspace: true, TF32: true, NHWC: true, UnifiedStream: true}
	f(p.cudaEntries(), "arena_extend_strategy=kNextPowerOfTwo", "cudnn_conv_algo_search=DEFAULT", "cudnn_conv_use_max_workspace=0", "device_id=1",
		"do_copy_in_default_stream=1", "enable_cuda_graph=0", "gpu_mem_limit=1073741824", "prefer_nhwc=1", "tunable_op_enable=0", "use_ep_level_unified_stream=1", "use_tf32=1")
	f((&WebGPUOptions{}).entries(), "enableGraphCapture=0", "enableInt64=0", "powerPreference=high-performance", "preferredLayout=NHWC", "preserveDevice=0",
		"storageBufferCacheMode=bucket", "validationMode=basic")
	w := WebGPUOptions{Validation: "full", BufferCache: "simple", Layout: "NCHW", Power: "low-power", PreserveDevice: true, Int64: true, CPUNodes: []string{"a", "b"}, MaxStorageBinding: 1 << 27, MaxPendingDispatches: 8}
	f(w.entries(), "enableGraphCapture=0", "enableInt64=1", "forceCpuNodeNames=a\nb", "maxNumPendingDispatches=8", "maxStorageBufferBindingSize=134217728",
		"powerPreference=low-power", "preferredLayout=NCHW", "preserveDevice=1", "storageBufferCacheMode=simple", "validationMode=full")

	o := &Model{Schema: &tensor.Schema{Inputs: []tensor.Spec{{Name: "x:0", Shape: []int64{-1, 3}}}, MaxBatch: 32}}
	p = Provider{Device: trt0, TensorRT: TensorRTOptions{FP16: true, Workspace: 1 << 30, OptimalBatch: 8}}
	got, err := p.tensorrtEntries(o, "/cache")
	if err != nil {
		t.Fatal(err)
	}
	f(got, "device_id=0", "trt_bf16_enable=0", "trt_builder_optimization_level=3", "trt_context_memory_sharing_enable=0", "trt_cuda_graph_enable=0",
		"trt_engine_cache_enable=1", "trt_engine_cache_path=/cache", "trt_fp16_enable=1", "trt_max_workspace_size=1073741824",
		"trt_profile_max_shapes=x:0:32x3", "trt_profile_min_shapes=x:0:1x3", "trt_profile_opt_shapes=x:0:8x3",
		"trt_timing_cache_enable=1", "trt_timing_cache_path=/cache")
}

func TestTensorRTProfiles(t *testing.T) {
	spec := func(name string, shape ...int64) tensor.Spec { return tensor.Spec{Name: name, Shape: shape} }
	f := func(what string, m Model, want string) {
		t.Helper()
		texts, err := (&TensorRTOptions{}).profiles(&m)
		got := strings.Join(texts[:], " ")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s\nwant %s", what, got, want)
		}
	}
	schema := func(most int, specs ...tensor.Spec) *tensor.Schema {
		return &tensor.Schema{Inputs: specs, MaxBatch: most}
	}
	f("rows of one size", Model{Schema: schema(8, spec("a", -1, 2, 3), spec("b", -1))}, "a:1x2x3,b:1 a:8x2x3,b:8 a:8x2x3,b:8")
	padded := schema(4, spec("a", -1, -1), spec("b", -1, 2))
	padded.Padding = &tensor.Padding{InputAxis: []int{1, -1}, Buckets: []int{16, 64}}
	f("padded rows", Model{Schema: padded}, "a:1x16,b:1x2 a:4x64,b:4x2 a:4x64,b:4x2")
	f("a batch that the file fixes", Model{Schema: schema(8, spec("a", -1, 2)), FixedBatch: 8}, "  ")
	f("whole tensors", Model{Schema: schema(0, spec("a", 2, 2))}, "  ")
	f("a free axis", Model{Schema: schema(8, spec("a", -1, 2, -1))}, `TensorRT needs the range of input "a"'s axis 2, which is free: give the model padding.buckets, or run it on cuda`)
	f("a comma", Model{Schema: schema(8, spec("a,b", -1))}, `TensorRT's profiles cannot name input "a,b", which has a comma in its name: rename it in the model`)
}

// TestEngineFolders: an engine is never taken for that of another model, version or GPU.
func TestEngineFolders(t *testing.T) {
	base := cacheKey{model: "sha256:00112233445566778899", runtime: "1.26.0", tensorrt: "10.9.0", gpu: "0H100"}
	seen := map[string]bool{}
	for _, k := range []cacheKey{
		base,
		{base.model + "a", base.runtime, base.tensorrt, base.gpu},
		{base.model, "1.25.0", base.tensorrt, base.gpu},
		{base.model, base.runtime, "10.8.0", base.gpu},
		{base.model, base.runtime, base.tensorrt, "0H200"},
	} {
		folder := k.folder()
		if seen[folder] || strings.ContainsAny(folder, "/:\x00") || len(folder) > 100 {
			t.Errorf("%+v has the folder %q", k, folder)
		}
		seen[folder] = true
	}
	if again := base.folder(); !seen[again] {
		t.Errorf("the same key has another folder: %q", again)
	}
	dir := t.TempDir()
	got, err := (&TensorRTOptions{CacheDir: dir}).cacheFor(base)
	if err != nil || !exists(got) || !strings.HasPrefix(got, dir+"/") {
		t.Errorf("the folder is %q, %v", got, err)
	}
}
