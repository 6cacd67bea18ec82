#include "call.h"

#include <string.h>

#define STRING_ELEMENT 8

int sluice_linked(void) {
  return RunOrtSessionWithOptions != 0 && GetStringTensorContent != 0;
}

static int (*error_code)(const OrtStatus *);

// Where the library's interface has them. Their places are fixed for good, from 1.24 on.
enum { GRAPH_PARTS = 407, PART_PROVIDER = 408, PART_NODES = 409, NODE_OPERATOR = 412 };

static OrtStatus *(*graph_parts)(const OrtSession *, const void *const **, size_t *);
static OrtStatus *(*part_provider)(const void *, const char **);
static OrtStatus *(*part_nodes)(const void *, const void *const **, size_t *);
static OrtStatus *(*node_operator)(const void *, const char **);

void sluice_use(const void *const *api) {
  error_code = api ? (int (*)(const OrtStatus *))api[1] : 0;
  if (!api) return;
  graph_parts = (OrtStatus *(*)(const OrtSession *, const void *const **, size_t *))api[GRAPH_PARTS];
  part_provider = (OrtStatus *(*)(const void *, const char **))api[PART_PROVIDER];
  part_nodes = (OrtStatus *(*)(const void *, const void *const **, size_t *))api[PART_NODES];
  node_operator = (OrtStatus *(*)(const void *, const char **))api[NODE_OPERATOR];
}

OrtStatus *sluice_parts(OrtSession *session, const void *const **parts, size_t *count) {
  *count = 0;
  return graph_parts ? graph_parts(session, parts, count) : 0;
}

OrtStatus *sluice_part(const void *part, const char **provider, const void *const **nodes, size_t *count) {
  OrtStatus *status = part_provider(part, provider);
  return status ? status : part_nodes(part, nodes, count);
}

OrtStatus *sluice_operator(const void *node, const char **name) { return node_operator(node, name); }

int sluice_error_code(OrtStatus *status) { return error_code ? error_code(status) : -1; }

OrtStatus *sluice_run(OrtSession *session, sluice_call *c, uint64_t wanted) {
  OrtValue *values[SLUICE_MAX_OUTPUTS];
  char *names[SLUICE_MAX_OUTPUTS];
  int n = 0;
  for (int k = 0; k < c->outputs; k++) {
    if (!(wanted >> k & 1)) continue;
    values[n] = c->out[k];
    names[n++] = c->output_names[k];
  }
  OrtStatus *status = RunOrtSessionWithOptions(session, c->in, c->input_names, c->inputs + c->given, values, names, n, c->options);
  if (status) return status;
  n = 0;
  for (int k = 0; k < c->outputs; k++) {
    if (wanted >> k & 1) c->out[k] = values[n++];
  }
  return 0;
}

static OrtStatus *describe(sluice_call *c, OrtTensorTypeAndShapeInfo *info) {
  enum ONNXTensorElementDataType element;
  OrtStatus *status = GetTensorElementType(info, &element);
  if (status) return status;
  c->element = (int)element;
  status = GetDimensionsCount(info, &c->rank);
  if (status || c->rank == 0 || c->rank > SLUICE_MAX_RANK) return status;
  return GetDimensions(info, c->dims, c->rank);
}

OrtStatus *sluice_describe(sluice_call *c, OrtValue *tensor) {
  OrtTensorTypeAndShapeInfo *info = 0;
  c->data = 0;
  OrtStatus *status = GetTensorTypeAndShape(tensor, &info);
  if (status) return status;
  status = describe(c, info);
  ReleaseTensorTypeAndShapeInfo(info);
  if (status || c->element == STRING_ELEMENT) return status;
  return GetTensorMutableData(tensor, &c->data);
}

OrtStatus *sluice_sequence(sluice_call *c, OrtValue *value) {
  enum ONNXType type;
  OrtStatus *status = GetValueType(value, &type);
  if (status) return status;
  c->rank = type == SLUICE_SEQUENCE;
  c->count = 0;
  return c->rank ? GetValueCount(value, &c->count) : 0;
}

static OrtStatus *is_sequence(sluice_call *c, OrtSession *session, size_t i) {
  OrtTypeInfo *info = 0;
  enum ONNXType type;
  OrtStatus *status = SessionGetOutputTypeInfo(session, i, &info);
  if (status) return status;
  status = GetONNXTypeFromTypeInfo(info, &type);
  ReleaseTypeInfo(info);
  c->rank = !status && type == SLUICE_SEQUENCE;
  return status;
}

OrtStatus *sluice_output(sluice_call *c, OrtSession *session, int index) {
  size_t n = 0;
  c->count = c->rank = 0;
  OrtStatus *status = SessionGetOutputCount(session, &n);
  for (size_t i = 0; !status && !c->count && i < n; i++) {
    char *name = 0;
    status = SessionGetOutputName(session, i, &name);
    if (status) return status;
    c->count = strcmp(name, c->output_names[index]) == 0;
    status = FreeWithDefaultORTAllocator(name);
    if (!status && c->count) status = is_sequence(c, session, i);
  }
  return status;
}
