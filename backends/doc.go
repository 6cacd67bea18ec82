// Package backends says what a device and a session are; its children run models.
//
// A device is a place to run models, a session is a model version loaded on one, a
// lane (slot) is the right to run one batch on a session. A session runs batches as a
// task.Runner and knows nothing of queues, deadlines or HTTP. Whoever opened it closes
// it; Close waits for running calls.
//
// Package onnx has sessions of ONNX Runtime; package worker has sessions that live in a child
// process; package fake has deterministic ones with settable costs and faults, for tests and
// measurements; package nvml watches NVIDIA's GPUs and runs nothing. Package fleet has the devices of a
// server: which kinds there are, and whether each takes work.
package backends
