package provider

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/internal/tensor"
)

// TensorRTOptions hold for TensorRT. An engine is built when a session opens, which takes
// minutes, and kept on disk.
type TensorRTOptions struct {
	// FP16 and BF16 let layers run in half precision. Default false: answers may then fail
	// the parity gate.
	FP16, BF16 bool
	// CacheDir keeps engines and timings, in a folder for each model, GPU and version of ONNX
	// Runtime and TensorRT. Default sluice/tensorrt in the user's cache folder. Who can
	// write there can run code in this process.
	CacheDir string
	// Workspace is the most bytes of GPU memory for a layer's scratch. Default 0: TensorRT's own.
	Workspace int64
	// BuilderLevel is how hard the builder searches, 1 to 5. Default 0, which means 3. Higher
	// builds longer.
	BuilderLevel int
	// ShareContextMemory lets the engines of a model share their scratch. Default false.
	ShareContextMemory bool
	// OptimalBatch is the batch size that the engine is built for to be fastest at. Default 0: the
	// largest.
	OptimalBatch int
}

func (t *TensorRTOptions) check() error {
	return errors.Join(
		inside("TensorRT's builder level", t.BuilderLevel, 0, 5),
		inside("TensorRT's optimal batch", t.OptimalBatch, 0, 1<<20),
		inside("TensorRT's workspace", t.Workspace, 0, 1<<40),
	)
}

func (p *Provider) attachTensorRT(so *ort.SessionOptions, m *Model, library string) error {
	if err := besideLibrary(library, tensorrtProvider); err != nil {
		return err
	}
	version := tensorrtVersion()
	if version == "" {
		if err := openLibrary("libnvinfer.so.10"); err != nil {
			return fmt.Errorf("TensorRT 10 is not here (%w): install libnvinfer10 or the PyPI package tensorrt-cu12, and name its folder in library_folders", err)
		}
		version = tensorrtVersion()
	}
	dir, err := p.TensorRT.cacheFor(cacheKey{model: m.digest(), runtime: ort.GetVersion(), tensorrt: version, gpu: gpuModel(p.Device.Index)})
	if err != nil {
		return err
	}
	entries, err := p.tensorrtEntries(m, dir)
	if err != nil {
		return err
	}
	return attach(ort.NewTensorRTProviderOptions, entries, so.AppendExecutionProviderTensorRT)
}

func (p *Provider) tensorrtEntries(m *Model, dir string) (map[string]string, error) {
	t := &p.TensorRT
	profiles, err := t.profiles(m)
	if err != nil {
		return nil, err
	}
	entries := map[string]string{
		"device_id":                         strconv.Itoa(p.Device.Index),
		"trt_fp16_enable":                   flag(t.FP16),
		"trt_bf16_enable":                   flag(t.BF16),
		"trt_engine_cache_enable":           "1",
		"trt_engine_cache_path":             dir,
		"trt_timing_cache_enable":           "1",
		"trt_timing_cache_path":             dir,
		"trt_builder_optimization_level":    strconv.Itoa(cmp.Or(t.BuilderLevel, 3)),
		"trt_context_memory_sharing_enable": flag(t.ShareContextMemory),
		"trt_cuda_graph_enable":             "0",
	}
	if t.Workspace > 0 {
		entries["trt_max_workspace_size"] = strconv.FormatInt(t.Workspace, 10)
	}
	for i, key := range []string{"trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes"} {
		if profiles[i] != "" {
			entries[key] = profiles[i]
		}
	}
	return entries, nil
}

// profiles are the least, best and greatest shapes of the inputs that have free dimensions.
// They are always given: without them TensorRT builds its engine anew for each larger batch,
// inside the request that brings it.
func (t *TensorRTOptions) profiles(m *Model) (texts [3]string, err error) {
	s := m.Schema
	best := s.MaxBatch
	if t.OptimalBatch > 0 {
		best = min(t.OptimalBatch, s.MaxBatch)
	}
	rows := [3]int{1, best, s.MaxBatch}
	var lists [3][]string
	for i, in := range s.Inputs {
		if !slices.Contains(in.Shape, -1) || m.FixedBatch > 0 && !slices.Contains(s.RowShape(&in), -1) {
			continue
		}
		if strings.Contains(in.Name, ",") {
			return texts, fmt.Errorf("TensorRT's profiles cannot name input %q, which has a comma in its name: rename it in the model", in.Name)
		}
		for k := range lists {
			shape, err := profileShape(s, i, rows[k], k)
			if err != nil {
				return texts, err
			}
			if m.FixedBatch > 0 {
				shape[0] = int64(m.FixedBatch)
			}
			lists[k] = append(lists[k], in.Name+":"+joined(shape))
		}
	}
	for k := range lists {
		texts[k] = strings.Join(lists[k], ",")
	}
	return texts, nil
}

// profileShape is input i's shape with the batch at rows, and other free axes at their least (k = 0) or
// greatest length.
func profileShape(s *tensor.Schema, i, rows, k int) ([]int64, error) {
	shape := slices.Clone(s.Inputs[i].Shape)
	for axis, d := range shape {
		switch {
		case d >= 0:
		case axis == 0 && s.Batchable():
			shape[0] = int64(rows)
		case s.Padding != nil && s.Padding.InputAxis[i] == axis && len(s.Padding.Buckets) > 0:
			lengths := s.Padding.Buckets
			shape[axis] = int64(lengths[len(lengths)-1])
			if k == 0 {
				shape[axis] = int64(lengths[0])
			}
		default:
			return nil, fmt.Errorf("TensorRT needs the range of input %q's axis %d, which is free: give the model padding.buckets, or run it on cuda", s.Inputs[i].Name, axis)
		}
	}
	return shape, nil
}

func joined(shape []int64) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = strconv.FormatInt(d, 10)
	}
	return strings.Join(parts, "x")
}

// cacheKey is all that an engine depends on.
type cacheKey struct{ model, runtime, tensorrt, gpu string }

// folder is the key as a file name.
func (k cacheKey) folder() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{k.model, k.runtime, k.tensorrt, k.gpu}, "\x00")))
	return fmt.Sprintf("%.12s-%s-%s-%s", plain(k.model), plain(k.runtime), plain(k.tensorrt), hex.EncodeToString(sum[:8]))
}

// plain keeps what is safe in a file name.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' {
			return r
		}
		return '_'
	}, text)
}

// cacheFor makes the folder of a key.
func (t *TensorRTOptions) cacheFor(k cacheKey) (string, error) {
	dir := t.CacheDir
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder for TensorRT's engines: %w; set the device's tensorrt.cache_dir", err)
		}
		dir = filepath.Join(base, "sluice", "tensorrt")
	}
	dir = filepath.Join(dir, k.folder())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot make a folder for TensorRT's engines: %w", err)
	}
	return dir, nil
}

func (m *Model) digest() string {
	if m.Digest != "" {
		return m.Digest
	}
	sum := sha256.Sum256(m.File)
	return hex.EncodeToString(sum[:])
}

// gpuModel tells GPUs apart for which an engine differs: the driver's name for the numbered
// one, and what hides GPUs from CUDA and so changes the numbers.
func gpuModel(index int) string {
	name := "unknown"
	if gpus := NVIDIA(); index < len(gpus.Models) {
		name = gpus.Models[index]
	}
	return fmt.Sprint(index, name, os.Getenv("CUDA_VISIBLE_DEVICES"))
}
