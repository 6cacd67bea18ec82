package main

import "os"

// What is wrong with the library, the devices, and the gateway that a command asks.

var deviceMistakes = []mistake{
	{
		name: "the library is not there", env: "SLUICE_ONNXRUNTIME=/nowhere/libonnxruntime.so", args: "serve good", status: 1,
		says: "SLUICE_ONNXRUNTIME: onnxruntime.library: cannot load ONNX Runtime from /nowhere/libonnxruntime.so: no such file or directory; name a libonnxruntime.so of versions 1... to 1..., as scripts/onnxruntime.sh fetches",
	},
	{
		name: "no library is named", env: "SLUICE_ONNXRUNTIME=", args: "check good", status: 1,
		says: "...onnxruntime.library: cannot load ONNX Runtime: no library is named, and none was found beside the binary: set SLUICE_ONNXRUNTIME to the path of libonnxruntime.so, which make run fetches in a clone of Sluice",
	},
	{
		name: "a text in place of the library", put: written("lib.so", "text"), env: "SLUICE_ONNXRUNTIME=HERE/lib.so", args: "serve good", status: 1,
		says: "SLUICE_ONNXRUNTIME: onnxruntime.library: cannot load ONNX Runtime from HERE/lib.so: file too short; name a libonnxruntime.so of versions 1... to 1..., as scripts/onnxruntime.sh fetches",
	},
	{
		name: "a folder in place of the library", env: "SLUICE_ONNXRUNTIME=HERE/good", args: "check good", status: 1,
		says: "SLUICE_ONNXRUNTIME: onnxruntime.library: cannot load ONNX Runtime from HERE/good: cannot read file data: Is a directory; name a libonnxruntime.so of versions 1... to 1..., as scripts/onnxruntime.sh fetches",
	},
	{
		name: "another library", put: func(m machine) { library(m, "int unrelated(void) { return 1; }") }, env: "SLUICE_ONNXRUNTIME=HERE/lib.so", args: "serve good", status: 1,
		says: "SLUICE_ONNXRUNTIME: onnxruntime.library: cannot load ONNX Runtime from HERE/lib.so: it is another library: it has no OrtGetApiBase; name a libonnxruntime.so of versions 1... to 1..., as scripts/onnxruntime.sh fetches",
	},
	{
		name: "an old library", put: func(m machine) { library(m, oldRuntime) }, env: "SLUICE_ONNXRUNTIME=HERE/lib.so", args: "serve good", status: 1,
		says: "SLUICE_ONNXRUNTIME: onnxruntime.library: cannot use HERE/lib.so: it is ONNX Runtime 1.4.0; versions 1... to 1... are supported: name one of them, as scripts/onnxruntime.sh fetches",
	},
	{
		name: "an unknown kind of device", args: "serve good --devices gpu", status: 1,
		says: `--devices: devices[0].name: device "gpu" is unknown: the possible names are cpu, cuda:N, tensorrt:N, webgpu and fake, with N the GPU's number from 0`,
	},
	{
		name: "a device without its number", args: "serve good --devices cuda,cpu", status: 1,
		says: `--devices: devices[0].name: device "cuda" lacks the GPU's number: write cuda:0 for the first`,
	},
	{
		name: "a device twice", args: "serve good --devices cpu,cpu", status: 1,
		says: `--devices: devices[1].name: "cpu" is the name of devices[0] too: list each device once`,
	},
	{
		name: "a GPU and a library for CPUs", cpu: true, args: "serve good --devices cuda:0 --drain-delay 0s", status: 1,
		says: "none of the devices can be used; add cpu to the setting devices, or see to what they lack: cuda:0: this build of ONNX Runtime lacks the provider: libonnxruntime_providers_shared.so does not lie beside LIBRARY; set onnxruntime.library to a build for CUDA (scripts/onnxruntime.sh --cuda fetches one)",
	},
	{
		name: "a GPU beside the CPU, and a library for CPUs", cpu: true, args: "check good --devices cuda:0,cpu", status: 1, prints: "double/1  served, with a note: not served on cuda:0, which is down (this build of ONNX Runtime lacks the provider: ",
		says: "--devices: devices[0]: cuda:0 is not usable: this build of ONNX Runtime lacks the provider: libonnxruntime_providers_shared.so does not lie beside LIBRARY; set onnxruntime.library to a build for CUDA (scripts/onnxruntime.sh --cuda fetches one)",
	},
	{
		name: "health of a gateway that does not run", args: "health --listen 127.0.0.1:FREE", status: 1,
		says: "cannot reach the gateway at http://127.0.0.1:FREE/v2/health/ready: connection refused; is it running, and does it listen there? health follows --config, SLUICE_LISTEN, SLUICE_BASE_PATH and their flags",
	},
	{
		name: "health of something that does not answer", args: "health --listen 127.0.0.1:TAKEN", status: 1,
		says: "http://127.0.0.1:TAKEN/v2/health/ready gave no answer within 2s: something listens there, and it hangs or is overloaded",
	},
	{
		name: "a sample of a gateway that does not run", args: "sample eta --listen 127.0.0.1:FREE", status: 1,
		says: "cannot reach a gateway at http://127.0.0.1:FREE: connection refused; start one with sluice serve, or name its address with --listen",
	},
	{
		name: "a load test of nobody", args: "loadtest run 127.0.0.1:FREE", status: 3,
		says: "cannot reach the target: dial tcp 127.0.0.1:FREE: connect: connection refused; is it running, and is that its address?",
	},
	{
		name: "a load test of a host that is not known", args: "loadtest run nowhere.invalid:8080", status: 3,
		says: `cannot find the host "nowhere.invalid": ...; correct the target's URL`,
	},
	{name: "a load test without a target", args: "loadtest run", status: 2, says: "sluice loadtest run needs URL; --help says more"},
	{name: "a load that is none", args: "loadtest run 127.0.0.1:FREE --load fast", status: 2, says: `cannot read the load "fast": there is no kind "fast"; use poisson:RATE, ...`},
	{
		name: "a study that is not there", args: "plan nowhere.yaml", status: 1,
		says: "cannot read the study nowhere.yaml: no such file or directory: create it, or correct the path",
	},
	{name: "a study that is none", put: written("study.yaml", "words"), args: "plan study.yaml", status: 1, says: "study.yaml:1: the study must be a mapping"},
}

// oldRuntime has an ONNX Runtime's one symbol, with the version of long ago.
const oldRuntime = `
static const char *version(void) { return "1.4.0"; }
static const void *api(unsigned v) { return 0; }
static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = {api, version};
const void *OrtGetApiBase(void) { return &base; }
`

// library builds lib.so.
func library(m machine, source string) {
	m.t.Helper()
	built, err := os.ReadFile(sharedLibrary(m.t, "lib.so", source))
	if err != nil {
		m.t.Fatal(err)
	}
	m.write("lib.so", string(built))
}
