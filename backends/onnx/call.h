// What one lane passes to C, kept in C memory so that no call checks or pins Go pointers.
#ifndef SLUICE_CALL_H
#define SLUICE_CALL_H

#include "clib.h"

#define SLUICE_MAX_OUTPUTS 64
#define SLUICE_MAX_RANK 64

typedef struct sluice_call {
  OrtRunOptions *options;
  int inputs, outputs, optional;
  int given;  // optional inputs of the next run: their names and values follow those of the others
  char **input_names, **output_names, **optional_names;
  OrtValue **in;  // all set before a run, those of optional inputs as far as given
  OrtValue *out[SLUICE_MAX_OUTPUTS];  // NULL: ONNX Runtime allocates it
  // Scratch for the calls below.
  int64_t dims[SLUICE_MAX_RANK];
  size_t rank, count;
  int element;
  void *data;
  OrtValue *made;
} sluice_call;

int sluice_linked(void);
// Takes the functions of the library's interface: the first three make a status, and give its
// code and its text. NULL if it has none.
void sluice_use(const void *const *api);
// The code of a status, -1 if the library's interface is not there.
int sluice_error_code(OrtStatus *status);
OrtStatus *sluice_run(OrtSession *session, sluice_call *c, uint64_t wanted);
// Describes a tensor: element type, dims and rank, and its data unless it holds strings.
OrtStatus *sluice_describe(sluice_call *c, OrtValue *tensor);
// Sets rank to 1 if the value is a sequence, and count to the number of its items.
OrtStatus *sluice_sequence(sluice_call *c, OrtValue *value);
// Sets count to 1 if the session has an output of the name at index, and rank to 1 if it is a sequence.
OrtStatus *sluice_output(sluice_call *c, OrtSession *session, int index);

// Lists the parts of a session's graph by the provider that runs them, if it was opened to record them.
OrtStatus *sluice_parts(OrtSession *session, const void *const **parts, size_t *count);
// Names the provider of a part, and lists its nodes.
OrtStatus *sluice_part(const void *part, const char **provider, const void *const **nodes, size_t *count);
// Names a node's operator.
OrtStatus *sluice_operator(const void *node, const char **name);

#endif
