package onnx

/*
#include "call.h"
*/
import "C"

import "unsafe"

// Nodes counts the operators of the graph's nodes by the provider that runs them, such as
// CPUExecutionProvider. The session must have been opened with RecordNodes. The nodes are those
// after ONNX Runtime's basic optimisations: some of the file's are gone, and later ones are fused.
func (s *Session) Nodes() (map[string]map[string]int, error) {
	if !s.use.Enter() {
		return nil, errClosed
	}
	defer s.use.Leave()
	var parts *unsafe.Pointer
	var count C.size_t
	if err := failure(C.sluice_parts(s.engines[0].handle, &parts, &count)); err != nil {
		return nil, err
	}
	providers := map[string]map[string]int{}
	for _, part := range unsafe.Slice(parts, count) {
		var provider *C.char
		var nodes *unsafe.Pointer
		var n C.size_t
		if err := failure(C.sluice_part(part, &provider, &nodes, &n)); err != nil {
			return nil, err
		}
		name := C.GoString(provider)
		if providers[name] == nil {
			providers[name] = map[string]int{}
		}
		for _, node := range unsafe.Slice(nodes, n) {
			var operator *C.char
			if err := failure(C.sluice_operator(node, &operator)); err != nil {
				return nil, err
			}
			providers[name][C.GoString(operator)]++
		}
	}
	return providers, nil
}
