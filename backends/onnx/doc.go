// Package onnx runs models on ONNX Runtime: on the CPU, or on a GPU through CUDA, TensorRT
// or WebGPU. It is the only package that imports onnxruntime_go.
//
// A Session is one model version, loaded once and shared by its lanes. A lane is the
// right to run one batch: it owns C memory for each input and output, tensors over
// that memory for each batch size it has seen, and run options of its own. Calls with
// different lanes may overlap; calls with one lane must not. In steady state a run
// allocates nothing in Go: Run copies rows into the lane's memory and makes one C
// call, Scatter copies rows out.
//
// An output whose row shape the file fixes is written by the model straight into the
// lane's memory. One of free shape, of strings, or a sequence of maps is allocated by
// ONNX Runtime, read in place by Scatter, and released when the lane runs again.
//
// Devices. A Provider says where a session's nodes run and has a field for each option that is
// worth setting; what returns wrong answers cannot be set. On a GPU batches are filled to a
// ladder of sizes (device.Sizes). Two rules hold inside this package, since breaking one ends
// the process: no two calls into WebGPU overlap, whatever the sessions, and the signal handlers
// that CUDA's libraries replace are put back after the first session is opened and has run.
// Sines and cosines of a model on WebGPU run on the CPU: a Vulkan driver may be off by 2^-11
// there, and SwiftShader is. Probe and Missing tell whether a device works and what it lacks;
// they are for child processes.
//
// A session of a worker process views memory that it shares with the gateway, which has put
// the rows there: Options.Memory gives it, RunGathered runs what lies in it.
//
// States of a session: open, closing (no call may start, running ones end), closed.
//
// The C layer. onnxruntime_go loads the library and owns the environment, the session
// options and the session. Its Go calls for running allocate four times a run, copy
// outputs that it allocates, cannot represent some of them (FP16, scalars), and its
// allocation-free way to run ignores the options that can cut a run short. So this
// package calls the same module's C functions for values and runs directly: clib.h
// declares those used, and a test holds the declarations against the module's header.
package onnx
