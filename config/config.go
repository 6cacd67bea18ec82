package config

import "time"

// Config is the whole of the settings. The zero value is not valid: start from Default.
type Config struct {
	// Listen is the address of the predict port, host:port; port 0 takes a free one.
	// Default 127.0.0.1:8080. Nothing on this port can change the server.
	Listen string `yaml:"listen"`
	// Admin is the address of the admin port: metrics, model control, profiles. Default
	// 127.0.0.1:8081. Whoever reaches it can load and unload models, so an address that others reach
	// needs admin_token_file; empty closes the port.
	Admin string `yaml:"admin"`
	// AdminHosts are the names and addresses by which the admin port may be called, besides localhost
	// and the address that it listens on. Default none. It keeps out a browser that was led here by a
	// name that somebody else owns, so name only what is yours.
	AdminHosts []string `yaml:"admin_hosts"`
	// AdminTokenFile is a file with a token that each admin request but health must bring, as
	// `Authorization: Bearer`. Default empty: whoever reaches the port may use it, which is for
	// loopback alone.
	AdminTokenFile string `yaml:"admin_token_file"`
	// AdminTokensFile is a file with a token for each of those who use the admin port, a line each: a name,
	// the role read or operate, and the token, with spaces between. read may look, operate may also change; the
	// history of a model's versions has the name. Default empty. A token of admin_token_file beside it
	// belongs to admin, who operates.
	AdminTokensFile string `yaml:"admin_tokens_file"`
	// AdminInsecure opens the admin port without a token on an address that others reach, all but
	// profiles. Default false. Whoever reaches the port can then unload every model.
	AdminInsecure bool `yaml:"admin_insecure"`
	// MetricsListen is the address of a port that serves metrics and health, and nothing else, to
	// whoever reaches it. Default empty: metrics are on the admin port alone.
	MetricsListen string `yaml:"metrics_listen"`
	// BasePath is a prefix that is cut from every path of the predict port, such as /models-eu, for
	// a proxy that forwards paths as they are. Default empty.
	BasePath string `yaml:"base_path"`
	// Models is the folder of models, <name>/<version>/model.onnx or <name>.onnx; it is watched, and
	// what comes is loaded. Default models, if that folder holds any: without models the server does
	// not start. A folder that is named may be empty; the server is not ready until a model comes.
	Models string `yaml:"models"`
	// Require says which models the server must have: while one of them has no ready version, the
	// server is not ready, and a roll-out waits. all is every model in the folder. Default none: a
	// model that is refused blocks no other, and the server is ready with any model. Too few: a
	// roll-out replaces good servers by ones that lack a model; too many: one broken model takes
	// every server out of service.
	Require []string `yaml:"require" word:"all"`
	// State is a folder that keeps over restarts which version of each model is live, what was rejected, and the
	// history of that, and also what live answers have refuted: the bundles that must not be batched or
	// padded; and the usual share of defaults of each feature. Servers of the same models may share it: one of them
	// changes roles, the others follow. none keeps nothing. Default empty: a folder of the models folder's own in
	// $XDG_STATE_HOME/sluice, or ~/.local/state/sluice; where it cannot be written the server says so and forgets at its end.
	State string `yaml:"state" word:"none"`
	// Copies is a folder for private copies of the models' files: they are hashed while they are copied
	// and loaded from there, so that later writes to models change nothing. The copies of a version go
	// with it, those of a server that was killed with the next start. It needs the space of all models
	// that are loaded, and in a file system of memory it takes that memory. Default empty: the folder
	// that state names, else the system's for temporary files, else /dev/shm.
	Copies string `yaml:"copies"`

	Log           Log           `yaml:"log"`
	Limits        Limits        `yaml:"limits"`
	Queue         Queue         `yaml:"queue"`
	Scheduler     Scheduler     `yaml:"scheduler"`
	Drain         Drain         `yaml:"drain"`
	AccessLog     AccessLog     `yaml:"access_log"`
	Record        Record        `yaml:"record"`
	PredictionLog PredictionLog `yaml:"prediction_log"`
	Shadow        Shadow        `yaml:"shadow"`
	ONNXRuntime   ONNXRuntime   `yaml:"onnxruntime"`
	ModelDefaults ModelDefaults `yaml:"model_defaults"`
	Webhooks      Webhooks      `yaml:"webhooks"`

	// Devices are where models may run, the preferred first. Default none: the GPUs that are there and
	// usable, then cpu; what `sluice devices` shows. As a flag or in the environment it is a
	// list of names: cuda:0,cpu.
	Devices []Device `yaml:"devices"`

	// FeatureStores are the stores that inputs of models are filled from, a mapping for each. Default none. They are set in a
	// file alone.
	FeatureStores []FeatureStore `yaml:"feature_stores"`

	// sources says where a path was set: file:line, an environment name or a flag.
	sources map[string]string
}

// Log is what is written to standard error.
type Log struct {
	// Level is the least severe line that is written: debug, info, warn or error. Default
	// info, one line per state change; error hides that a model was refused.
	Level string `yaml:"level"`
	// Format is the form of the lines: json, for machines, console, for people, or auto: console where
	// standard error is a terminal, else json. Default auto.
	Format string `yaml:"format"`
}

// Queue bounds what waits for a device, for each model version. It is a backstop:
// requests that would miss their deadline are refused long before.
type Queue struct {
	// MaxRows is the most rows that wait. Default 32768. Too low sheds bursts that a device would
	// have caught up with; too high is no danger while max_bytes holds.
	MaxRows int `yaml:"max_rows"`
	// MaxBytes is the most bytes of tensors that wait for one model. Default 256MiB: or
	// limits.max_inputs_bytes, which holds for all models together, if that is less. Too low sheds bursts
	// of large tensors; too high lets one model's queue take what the others need.
	MaxBytes Bytes `yaml:"max_bytes"`
}

// Scheduler is how requests become batches.
type Scheduler struct {
	// Budget is the time from arrival to answer for a request and a model that name none.
	// Default 0: automatic, for each model the larger of 100ms and five times what one of its rows
	// was measured to take on its preferred device, rounded up in steps of 1, 2 and 5 and at most
	// limits.max_budget. Too low sheds what could have been served; too high lets queues grow.
	Budget time.Duration `yaml:"budget"`
	// CPULanes is how many batches run on the CPU at once, over all models. Default 0: one for
	// each core that the process may use; HTTP goes before them. Too low leaves cores idle; too high,
	// above the cores, makes every batch slower and p99 much worse.
	CPULanes int `yaml:"cpu_lanes"`
	// HangLimit is how long one run may take before it is terminated and its device
	// counted as stuck. Default 10s. Too low kills slow models under load; too high leaves a device
	// that hangs in use for so long.
	HangLimit time.Duration `yaml:"hang_limit"`
	// FallbackShare is the part of the CPU's lanes, from 0 to 1, that models which prefer a GPU
	// may take when it is late or lost. Default 0.8. Too low refuses what a lost GPU leaves behind;
	// too high lets models that live on the CPU suffer with it. 1 sets no bound.
	FallbackShare float64 `yaml:"fallback_share"`
	// Prefer says which of a model's devices a request goes to where several would be in time: order, the
	// first in the model's list, or cheapest-in-budget, the one on which its rows cost least by
	// scheduler.prices. Default order. model.yaml can say otherwise for a model.
	Prefer string `yaml:"prefer"`
	// Prices is a file with what an hour of each device costs, for cheapest-in-budget; docs/compare.md has its
	// form. It must have a price for each device of the server. Default empty: an hour of each device counts
	// as equal.
	Prices string `yaml:"prices"`
}

// Drain is how the server stops after SIGTERM.
type Drain struct {
	// Delay is how long the server is unready and still accepts, so that balancers see it
	// and turn away. Default 1s. Too low, below the interval at which a balancer polls, loses
	// requests; too high makes every roll-out slower.
	Delay time.Duration `yaml:"delay"`
	// Deadline is how long, after the delay, accepted requests may finish; the rest are
	// answered 503. Default 20s. Too low refuses accepted requests; too high, with the delay above the
	// time after which the supervisor kills the process (30s with Kubernetes), loses them.
	Deadline time.Duration `yaml:"deadline"`
}

// AccessLog writes a line of JSON for some of the requests that the predict port has answered: a
// share of all of them, and those that were refused, failed, late or slow.
type AccessLog struct {
	// File is where lines go: a path, or stdout or stderr. Default empty: there is no access log, and it
	// costs nothing. A file that is moved or removed is made again within a second, and at once
	// on SIGHUP, so that it can be rotated; nothing else bounds its size.
	File string `yaml:"file"`
	// Sample is the share of requests, from 0 to 1, that are written by chance. Default 0.01. Too low
	// leaves too few lines to count anything with; too high costs some microseconds of CPU and some
	// 400 bytes for each line. 1 writes every request.
	Sample float64 `yaml:"sample"`
	// Slow is the share of its budget, from 0.01 to 1, above which a request is written without being
	// sampled. Default 0.8. Too low fills max_per_second with the lines of requests that are well; too
	// high misses those that were nearly late. 1 leaves those that are late.
	Slow float64 `yaml:"slow"`
	// MaxPerSecond is the most lines in a second of each reason but chance: refused, failed, late,
	// slow. Default 100. Lines beyond it are counted, in the next line and in the metrics. Too low
	// hides which clients are refused; too high lets a storm of refusals fill the disk.
	MaxPerSecond int `yaml:"max_per_second"`
}

// Record writes arrivals to a trace, for `sluice loadtest replay` and `sluice plan`.
type Record struct {
	// File is the trace, compressed if its name ends in .gz. Default empty: nothing is recorded,
	// and it costs nothing. A file that is there is kept beside it as previous-NAME.
	File string `yaml:"file" flag:"record"`
	// MaxBytes is the most that the trace and its payloads take together, before compression; recording
	// ends there. Default 1GiB, about eight million arrivals without payloads. Too low ends before the
	// traffic of interest; too high fills the disk.
	MaxBytes Bytes `yaml:"max_bytes"`
	// MaxAge is how long is recorded, from the first request. Default 1h. Too low ends before the
	// traffic of interest; too high records what nobody reads.
	MaxAge time.Duration `yaml:"max_age"`
	// Payloads keeps the requests' bodies too, each distinct one once, in FILE.payloads. Default
	// false. Bodies may hold personal data: whoever reads the file reads what clients sent.
	Payloads bool `yaml:"payloads"`
}

// ONNXRuntime is the library that runs the models.
type ONNXRuntime struct {
	// Library is the path of libonnxruntime.so. Default empty: beside the binary, in ../lib and in
	// ../.deps/onnxruntime.
	Library string `yaml:"library" env:"SLUICE_ONNXRUNTIME"`
}

// ModelDefaults hold for a model whose own model.yaml, or config.pbtxt where that is silent, does
// not say otherwise; its budget is scheduler.budget.
type ModelDefaults struct {
	// MaxBatch is the most rows of one run. Default 64. The scheduler takes fewer where more rows
	// would not be faster. Too low wastes a device that large batches would fill; too high makes warm-up
	// long and memory large.
	MaxBatch int `yaml:"max_batch"`
	// MaxRows is the most rows of one request, which is split where it is more than a
	// batch. Default 0: the larger of max_batch and 1024. Too low refuses long lists (400); too high
	// lets one request hold the device for many batches.
	MaxRows int `yaml:"max_rows"`
	// Unproven says what becomes of a model if neither its graph nor a test shows that its rows keep
	// apart: batch, under the watch of live comparisons, or single. Default batch. single is slower
	// and sure.
	Unproven string `yaml:"unproven"`
	// FairRows leaves room in the queue for long requests where short ones would crowd them out, and for
	// short budgets where long ones would. Default true. false answers more of the short requests and of
	// the long budgets in overload, and far fewer of the others.
	FairRows bool `yaml:"fair_rows"`
	// Promote says what becomes of a version that has passed the load gates and is newer than the live one: with
	// newest it becomes live at once, with manual it waits for sluice models promote, with plan it is tried step
	// by step. Default newest. newest lets a wrong model serve that its golden rows, if it has any, do not
	// show.
	Promote string `yaml:"promote"`
	// KeepPrevious keeps the version that was live before loaded, so that sluice models rollback needs no load.
	// Default true. false saves its memory and makes a way back wait for the load.
	KeepPrevious bool `yaml:"keep_previous"`
	// KeepVersions is how many of a model's newest versions stay loaded, unless version_policy of its
	// config.pbtxt says. Default 1. Too low makes rolling back wait for a load; too high costs the
	// memory of all of them.
	KeepVersions int `yaml:"keep_versions"`
	// Warmup is the time that warm-up spends on measuring a model when it is loaded. Default 400ms.
	// Too low makes the first cost estimates poor; too high makes loading slow.
	Warmup time.Duration `yaml:"warmup"`
	// Tolerance is how far an answer may be from the golden row's, or from the answer
	// of the same row in another batch.
	Tolerance Tolerance `yaml:"tolerance"`
}

// Tolerance accepts a and b when |a-b| <= abs + rel*|b|.
type Tolerance struct {
	// Abs is the absolute part. Default 1e-4. Too low refuses good models: 0 with 0 demands equal
	// bits, which batches of different sizes seldom give; too high lets a wrong model pass its gates.
	Abs float64 `yaml:"abs"`
	// Rel is the relative part, of the expected value. Default 1e-3. Too low refuses good models; too
	// high lets a wrong model pass its gates.
	Rel float64 `yaml:"rel"`
}

// Default returns the settings of a server that is told nothing.
func Default() *Config {
	return &Config{
		Listen: "127.0.0.1:8080",
		Admin:  "127.0.0.1:8081",
		Models: "models",
		Log:    Log{Level: "info", Format: "auto"},
		Limits: Limits{
			MaxBodyBytes:         64 * mebibyte,
			MaxDecompressedBytes: 64 * mebibyte,
			MaxBodiesBytes:       gibibyte,
			MaxInputsBytes:       gibibyte,
			MaxAnswersBytes:      2 * gibibyte,
			MaxAnswerBytes:       gibibyte,
			MaxHeaderBytes:       8 * kibibyte,
			MaxHeaders:           100,
			MaxURIBytes:          2 * kibibyte,
			MaxConnections:       4096,
			MaxJSONDepth:         100,
			MaxElements:          64 << 20,
			MaxInputs:            64,
			MaxOutputs:           64,
			HeaderTimeout:        10 * time.Second,
			ReadTimeout:          30 * time.Second,
			WriteTimeout:         30 * time.Second,
			IdleTimeout:          75 * time.Second,
			MaxBudget:            10 * time.Minute,
		},
		Queue:     Queue{MaxRows: 32_768, MaxBytes: 256 * mebibyte},
		Scheduler: Scheduler{HangLimit: 10 * time.Second, FallbackShare: 0.8, Prefer: "order"},
		Drain:     Drain{Delay: time.Second, Deadline: 20 * time.Second},
		AccessLog: AccessLog{Sample: 0.01, Slow: 0.8, MaxPerSecond: 100},
		Record:    Record{MaxBytes: gibibyte, MaxAge: time.Hour},
		PredictionLog: PredictionLog{
			Sample: 0.01, Index: "chosen",
			Keep:     KeepRates{Failed: 10, Refused: 1, Late: 10, Degraded: 1, Worst: 1},
			MaxBytes: 10 * gibibyte, MaxAge: 30 * 24 * time.Hour,
		},
		Shadow: Shadow{
			Sample: 0.05, Again: 0.1, MaxRows: 4096, MaxBytes: 16 * mebibyte, Memory: gibibyte, InFlight: 1, Timeout: 10 * time.Second,
			Tax: ShadowTax{Measure: true, P99: 300 * time.Microsecond, CPU: 0.03},
		},
		ModelDefaults: ModelDefaults{
			Unproven:     "batch",
			FairRows:     true,
			MaxBatch:     64,
			Promote:      "newest",
			KeepPrevious: true,
			KeepVersions: 1,
			Warmup:       400 * time.Millisecond,
			Tolerance:    Tolerance{Abs: 1e-4, Rel: 1e-3},
		},
		Webhooks: Webhooks{Timeout: 10 * time.Second, Attempts: 12},
		sources:  map[string]string{},
	}
}
