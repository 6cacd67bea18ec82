package onnx

/*
#include <stdlib.h>
#include "call.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"sluice/internal/complaint"
	"sluice/internal/tensor"
)

// value is an OrtValue; nil means none.
type value = *C.OrtValue

// ONNX's numbers of element types, by ours.
var elementTypes = [...]C.ONNXTensorElementDataType{
	tensor.FP32: 1, tensor.Uint8: 2, tensor.Int8: 3, tensor.Uint16: 4, tensor.Int16: 5, tensor.Int32: 6, tensor.Int64: 7,
	tensor.Bytes: 8, tensor.Bool: 9, tensor.FP16: 10, tensor.FP64: 11, tensor.Uint32: 12, tensor.Uint64: 13, tensor.BF16: 16,
}

// call is a lane's C side: everything that crosses the border lies in its memory.
type call struct {
	c  *C.sluice_call
	in []value // view of c.in
}

func newCall(s *tensor.Schema) (*call, error) {
	c := (*C.sluice_call)(C.calloc(1, C.sizeof_sluice_call))
	c.inputs, c.optional, c.outputs = C.int(len(s.Inputs)), C.int(len(s.Optional)), C.int(len(s.Outputs))
	most := len(s.Inputs) + len(s.Optional)
	c.input_names, c.optional_names, c.output_names = cNames(s.Inputs, most), cNames(s.Optional, len(s.Optional)), cNames(s.Outputs, len(s.Outputs))
	c.in = (**C.OrtValue)(C.calloc(C.size_t(most), C.size_t(unsafe.Sizeof(value(nil)))))
	k := &call{c: c, in: unsafe.Slice(c.in, most)}
	if err := failure(C.CreateRunOptions(&c.options)); err != nil {
		k.free()
		return nil, err
	}
	return k, nil
}

// cNames makes a list of names with room for most.
func cNames(specs []tensor.Spec, most int) **C.char {
	names := (**C.char)(C.calloc(C.size_t(max(most, 1)), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	all := unsafe.Slice(names, len(specs))
	for i := range specs {
		all[i] = C.CString(specs[i].Name)
	}
	return names
}

func freeNames(names **C.char, n C.int) {
	for _, name := range unsafe.Slice(names, int(n)) {
		C.free(unsafe.Pointer(name))
	}
	C.free(unsafe.Pointer(names))
}

// free releases the call's own memory; the values belong to the lane's ports.
func (k *call) free() {
	if k.c.options != nil {
		C.ReleaseRunOptions(k.c.options)
	}
	freeNames(k.c.input_names, k.c.inputs)
	freeNames(k.c.optional_names, k.c.optional)
	freeNames(k.c.output_names, k.c.outputs)
	C.free(unsafe.Pointer(k.c.in))
	C.free(unsafe.Pointer(k.c))
	k.c, k.in = nil, nil
}

// run is the one C call of a batch. Outputs that were nil and are wanted hold values
// of ONNX Runtime's afterwards.
func (k *call) run(session *C.OrtSession, wanted uint64) error {
	return failure(C.sluice_run(session, k.c, C.uint64_t(wanted)))
}

// give adds an optional input to the next run.
func (k *call) give(i int, v value) {
	at := k.c.inputs + k.c.given
	unsafe.Slice(k.c.input_names, at+1)[at] = unsafe.Slice(k.c.optional_names, i+1)[i]
	k.in[at] = v
	k.c.given++
}

// terminate makes the running call return soon; it sticks until unset.
func (k *call) terminate() { C.ReleaseOrtStatus(C.RunOptionsSetTerminate(k.c.options)) }

func (k *call) unsetTerminate() { C.ReleaseOrtStatus(C.RunOptionsUnsetTerminate(k.c.options)) }

func (k *call) setDims(dims []int64) error {
	if len(dims) > C.SLUICE_MAX_RANK {
		return fmt.Errorf("a tensor has %d dimensions; %d are the most", len(dims), C.SLUICE_MAX_RANK)
	}
	for i, d := range dims {
		k.c.dims[i] = C.int64_t(d)
	}
	return nil
}

// tensor makes a value over memory that outlives it.
func (k *call) tensor(dims []int64, element tensor.DataType, memory unsafe.Pointer, size int) (value, error) {
	if err := k.setDims(dims); err != nil {
		return nil, err
	}
	k.c.made = nil
	err := failure(C.CreateOrtTensorWithShape(memory, C.size_t(size), &k.c.dims[0], C.int64_t(len(dims)),
		(*C.OrtMemoryInfo)(library.memory), elementTypes[element], &k.c.made))
	return k.c.made, err
}

// strings makes a tensor of the C strings that the n pointers at table point to.
func (k *call) strings(dims []int64, table unsafe.Pointer, n int) (value, error) {
	if err := k.setDims(dims); err != nil {
		return nil, err
	}
	k.c.made = nil
	if err := failure(C.CreateTensorAsOrtValue(&k.c.dims[0], C.int64_t(len(dims)), elementTypes[tensor.Bytes], &k.c.made)); err != nil {
		return nil, err
	}
	if n > 0 {
		if err := failure(C.FillStringTensor(k.c.made, (**C.char)(table), C.size_t(n))); err != nil {
			release(k.c.made)
			return nil, err
		}
	}
	return k.c.made, nil
}

// described is a tensor of ONNX Runtime's, read in place. dims and data are valid
// until the call's next use and the value's release.
type described struct {
	dims    []int64
	element C.ONNXTensorElementDataType
	data    unsafe.Pointer
}

func (k *call) describe(v value) (d described, err error) {
	if err := failure(C.sluice_describe(k.c, v)); err != nil {
		return d, err
	}
	if k.c.rank > C.SLUICE_MAX_RANK {
		return d, fmt.Errorf("a tensor has %d dimensions; %d are the most", k.c.rank, C.SLUICE_MAX_RANK)
	}
	d.dims = unsafe.Slice((*int64)(unsafe.Pointer(&k.c.dims[0])), int(k.c.rank))
	d.element, d.data = C.ONNXTensorElementDataType(k.c.element), k.c.data
	return d, nil
}

// is reports whether the elements are of that type.
func (d described) is(t tensor.DataType) bool { return d.element == elementTypes[t] }

// typeName names the elements' type, by ONNX's number where we have no name for it.
func (d described) typeName() string {
	for t, element := range elementTypes {
		if element == d.element && element != 0 {
			return tensor.DataType(t).String()
		}
	}
	return fmt.Sprintf("ONNX %d", d.element)
}

// bytes is the content of a tensor of a type with fixed size.
func (d described) bytes(t tensor.DataType) []byte {
	n, _ := tensor.Elements(d.dims)
	return unsafe.Slice((*byte)(d.data), int(n)*t.Size())
}

// stringBytes is the size of all strings of a tensor together.
func (k *call) stringBytes(v value) (int, error) {
	err := failure(C.GetStringTensorDataLength(v, &k.c.count))
	return int(k.c.count), err
}

// stringContent copies all strings of a tensor to text, one after another, and where
// each starts to the n words at offsets.
func (k *call) stringContent(v value, text unsafe.Pointer, size int, offsets unsafe.Pointer, n int) error {
	return failure(C.GetStringTensorContent(v, text, C.size_t(size), (*C.size_t)(offsets), C.size_t(n)))
}

// sequence returns how many items a value has; isSequence is false for anything else.
func (k *call) sequence(v value) (items int, isSequence bool, err error) {
	err = failure(C.sluice_sequence(k.c, v))
	return int(k.c.count), k.c.rank == 1, err
}

// item returns a part of a sequence, or the keys (0) or values (1) of a map. The
// caller releases it.
func (k *call) item(v value, i int) (value, error) {
	k.c.made = nil
	err := failure(C.GetValue(v, C.int(i), &k.c.made))
	return k.c.made, err
}

// outputIsSequence looks an output up in the session.
func (k *call) outputIsSequence(session *C.OrtSession, i int) (bool, error) {
	if err := failure(C.sluice_output(k.c, session, C.int(i))); err != nil {
		return false, err
	}
	if k.c.count == 0 {
		return false, errors.New("the file has no such output")
	}
	return k.c.rank == 1, nil
}

func (k *call) output(i int) value       { return k.c.out[i] }
func (k *call) setOutput(i int, v value) { k.c.out[i] = v }

func release(v value) {
	if v != nil {
		C.ReleaseOrtValue(v)
	}
}

// failure turns a status into a complaint and releases it; no status is nil.
func failure(status *C.OrtStatus) error {
	if status == nil {
		return nil
	}
	code, text := complaint.Code(C.sluice_error_code(status)), C.GoString(C.GetErrorMessage(status))
	C.ReleaseOrtStatus(status)
	return complaint.Parse(code, text)
}
