// Package zoo holds the gateway against models that nobody made for it: files as converters
// write them, graphs whose rows are independent though they do not look it, and graphs whose
// rows depend on each other. Its tests run the real binary and compare every answer with the
// one that ONNX Runtime alone gives to the same request, as testdata/ holds it; make/ says how
// these files come about. Nothing imports this package.
package zoo
