// Package nvml watches the GPUs of this machine through NVIDIA's management library:
// what they are, how busy, how warm, how fast their clocks run and why not faster, and
// the errors (Xids) that their driver reports. It is the only importer of go-nvml; it
// runs nothing on a GPU and holds no CUDA context.
//
// The library is loaded when Open is called, never before: a program that holds this
// package starts and works on a machine without it, and Open then fails with ErrAbsent,
// which its caller says once. go-nvml leaves its symbols to be bound when they are first
// called, so the program must not be linked with -bindnow nor started with LD_BIND_NOW
// set: it would not start. And because the call of a symbol that an older driver lacks
// would end the process, Open looks each of them up first and leaves out what is missing.
//
// A Monitor owns two goroutines. One samples all GPUs once a period and publishes an
// immutable Sample behind an atomic pointer. The other polls the driver's event queue;
// it never blocks in the library, because a blocking C call holds a Go processor until
// the runtime takes it back, and because Close could not cut it short. Callbacks are
// called from these goroutines: OnThrottle and OnLost from the first, OnXid from the
// second, each goroutine one call at a time.
//
// States of a Monitor: open, closed. States of a GPU: reachable, lost, and back again
// where the driver recovers it.
//
// Cost. A sample is about sixteen short calls for each GPU, most of which are system
// calls into the driver that may wait for the GPU's firmware. What they took together is
// in each Sample, so that the figure is the machine's own and not ours; go-nvml and this
// package add about a microsecond and ten allocations for a chip without GPM
// (BenchmarkSample). A poll for events is one call that returns at once. Nothing of it is
// on a request's way.
package nvml
