// Package bundle owns what lies on disk of a model's version, and what it says: finding bundles,
// copying and hashing their files, model.yaml, config.pbtxt, and what the model file shows.
//
// A bundle is one version of one model: the folder DIR/<name>/<version> with
// model.onnx and, optionally, model.yaml, golden.jsonl and external data files. A model of
// one version may do without that folder, or be a file, DIR/<name>.onnx. Its identity is the
// SHA-256 over the names and contents of its files.
//
// The files are copied to a private folder while they are hashed, and loaded from there (Copies).
// The gateway parses none of them but config.pbtxt, which says where versions are, and golden rows,
// within narrow limits. A trial process parses the rest (Bundle.Describe), and what it says is not
// believed further than it can be checked (DecodeDescription).
//
// Beside a model's versions may lie a second model.yaml, whose settings they inherit (Sources). It is part of no
// version's identity, and ModelPrint tells when it changes.
//
// There may also lie Triton's config.pbtxt and the labels that it names. Each
// version's identity has them too. TritonFields says what becomes of each field; what the
// file says of shapes is held against the model file before anything is derived from that.
//
// A Graph is what the model file says under the bundle's settings. Rows of several requests share
// runs only where something shows that they may (Batching): the graph proves it (Independence), or
// tests that the load gates make later. What outputs are is learned from runs (Observation) and not
// believed from the file. Graph.Settle joins all of it to the schema that is served.
//
// Lengths. What a row takes of memory grows with its free axes. A quadratic through what rows of
// rising length took (Weighing) bounds each axis so that one row takes an eighth of the memory
// ceiling at most; model.yaml may say otherwise. tensor.Lengths has the bounds.
//
// The package holds no state beside Copies, which one process opens once. It is called by the
// packages above it in models, and by commands that look at bundles. A Bundle belongs to one
// goroutine until it is open, and does not change after that.
package bundle
