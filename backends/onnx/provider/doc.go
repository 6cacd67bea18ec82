// Package provider says where a session of ONNX Runtime runs: the execution providers for CUDA, TensorRT
// and WebGPU, their options, the libraries that they need, what a machine lacks for them, and what
// their errors mean. A Provider has a field for each option that is worth setting; what returns
// wrong answers cannot be set.
//
// backends/onnx calls it to open and run sessions; fleet and serve fill in options and ask for the
// machine's state. It holds no session. The library is loaded by backends/onnx, whose
// path callers pass on.
//
// Invariants, since breaking one ends the process:
//   - No two calls into WebGPU overlap, whatever the sessions (Place).
//   - The signal handlers that CUDA's libraries replace are put back after a session is opened and
//     after its first run (Place).
//   - What is opened with OpenFolders stays open.
//
// Missing opens libraries: it is for child processes.
package provider
