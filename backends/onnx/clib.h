// The C functions of onnxruntime_go that this package calls. They are linked with that
// module; weak, so that cgo can check this package alone. A test compares each
// declaration with the module's own header.
#ifndef SLUICE_CLIB_H
#define SLUICE_CLIB_H

#include <stddef.h>
#include <stdint.h>

typedef struct OrtStatus OrtStatus;
typedef struct OrtSession OrtSession;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef enum ONNXTensorElementDataType { SLUICE_UNDEFINED_ELEMENT } ONNXTensorElementDataType;
typedef enum ONNXType { SLUICE_UNKNOWN_TYPE, SLUICE_TENSOR, SLUICE_SEQUENCE, SLUICE_MAP } ONNXType;

#pragma weak RunOrtSessionWithOptions
#pragma weak GetErrorMessage
#pragma weak ReleaseOrtStatus
#pragma weak CreateRunOptions
#pragma weak ReleaseRunOptions
#pragma weak RunOptionsSetTerminate
#pragma weak RunOptionsUnsetTerminate
#pragma weak ReleaseOrtValue
#pragma weak CreateOrtTensorWithShape
#pragma weak CreateTensorAsOrtValue
#pragma weak GetTensorTypeAndShape
#pragma weak GetDimensionsCount
#pragma weak GetDimensions
#pragma weak GetTensorElementType
#pragma weak ReleaseTensorTypeAndShapeInfo
#pragma weak GetTensorMutableData
#pragma weak GetValue
#pragma weak GetValueType
#pragma weak GetValueCount
#pragma weak FillStringTensor
#pragma weak GetStringTensorDataLength
#pragma weak GetStringTensorContent
#pragma weak SessionGetOutputCount
#pragma weak SessionGetOutputName
#pragma weak FreeWithDefaultORTAllocator
#pragma weak SessionGetOutputTypeInfo
#pragma weak GetONNXTypeFromTypeInfo
#pragma weak ReleaseTypeInfo

OrtStatus *RunOrtSessionWithOptions(OrtSession *session, OrtValue **inputs, char **input_names, int input_count,
    OrtValue **outputs, char **output_names, int output_count, OrtRunOptions *run_options);
const char *GetErrorMessage(OrtStatus *status);
void ReleaseOrtStatus(OrtStatus *status);
OrtStatus *CreateRunOptions(OrtRunOptions **o);
void ReleaseRunOptions(OrtRunOptions *o);
OrtStatus *RunOptionsSetTerminate(OrtRunOptions *o);
OrtStatus *RunOptionsUnsetTerminate(OrtRunOptions *o);
void ReleaseOrtValue(OrtValue *value);
OrtStatus *CreateOrtTensorWithShape(void *data, size_t data_size, int64_t *shape, int64_t shape_size,
    OrtMemoryInfo *mem_info, ONNXTensorElementDataType dtype, OrtValue **out);
OrtStatus *CreateTensorAsOrtValue(int64_t *shape, int64_t shape_size, ONNXTensorElementDataType dtype, OrtValue **out);
OrtStatus *GetTensorTypeAndShape(const OrtValue *value, OrtTensorTypeAndShapeInfo **out);
OrtStatus *GetDimensionsCount(const OrtTensorTypeAndShapeInfo *info, size_t *out);
OrtStatus *GetDimensions(const OrtTensorTypeAndShapeInfo *info, int64_t *dim_values, size_t dim_values_length);
OrtStatus *GetTensorElementType(const OrtTensorTypeAndShapeInfo *info, enum ONNXTensorElementDataType *out);
void ReleaseTensorTypeAndShapeInfo(OrtTensorTypeAndShapeInfo *input);
OrtStatus *GetTensorMutableData(OrtValue *value, void **out);
OrtStatus *GetValue(OrtValue *container, int index, OrtValue **dst);
OrtStatus *GetValueType(OrtValue *v, enum ONNXType *out);
OrtStatus *GetValueCount(OrtValue *v, size_t *out);
OrtStatus *FillStringTensor(OrtValue *v, char **strings, size_t num_strings);
OrtStatus *GetStringTensorDataLength(OrtValue *v, size_t *length);
OrtStatus *GetStringTensorContent(OrtValue *v, void *data_buffer, size_t data_size, size_t *offsets_buffer,
    size_t offsets_length);
OrtStatus *SessionGetOutputCount(OrtSession *session, size_t *result);
OrtStatus *SessionGetOutputName(OrtSession *session, size_t i, char **name);
OrtStatus *FreeWithDefaultORTAllocator(void *to_free);
OrtStatus *SessionGetOutputTypeInfo(OrtSession *session, size_t i, OrtTypeInfo **out);
OrtStatus *GetONNXTypeFromTypeInfo(OrtTypeInfo *info, enum ONNXType *out);
void ReleaseTypeInfo(OrtTypeInfo *o);

#endif
