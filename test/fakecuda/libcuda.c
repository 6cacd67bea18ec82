/* A stand-in for NVIDIA's libcuda.so.1 on a machine without a GPU. CUDA's runtime loads it, asks it for the
 * driver's version and initialises it; it answers with the error that FAKE_CUDA_ERROR names (100, no device,
 * by default) and the version of FAKE_CUDA_DRIVER (13000 by default). No kernel ever runs on it: it drives
 * the paths of ONNX Runtime's CUDA provider on which something is wrong with the device.
 *
 *   cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o libcuda.so.1 libcuda.c
 */
#include <stdlib.h>
#include <string.h>

static int setting(const char *name, int otherwise) {
  const char *value = getenv(name);
  return value && *value ? atoi(value) : otherwise;
}

static int failure(void) { return setting("FAKE_CUDA_ERROR", 100); }

/* What the CUDA provider and the libraries below it link against. */
#define FAILS(name) \
  int name(void) { return failure(); }
FAILS(cuInit)
FAILS(cuDeviceGet)
FAILS(cuDeviceGetCount)
FAILS(cuDeviceGetAttribute)
FAILS(cuDevicePrimaryCtxRetain)
FAILS(cuCtxGetCurrent)
FAILS(cuCtxGetDevice)
FAILS(cuFuncSetAttribute)
FAILS(cuGetErrorName)
FAILS(cuGetErrorString)
FAILS(cuKernelGetFunction)
FAILS(cuLaunchKernel)
FAILS(cuLaunchKernelEx)
FAILS(cuLibraryGetKernel)
FAILS(cuLibraryLoadData)
FAILS(cuModuleGetFunction)
FAILS(cuModuleLoadData)
FAILS(cuModuleUnload)
FAILS(cuTensorMapEncodeIm2col)
FAILS(cuTensorMapEncodeTiled)

int cuDriverGetVersion(int *version) {
  *version = setting("FAKE_CUDA_DRIVER", 13000);
  return 0;
}

int cuGetExportTable(const void **table, const void *id) {
  (void)id;
  *table = 0;
  return failure();
}

/* The runtime looks up every other function here. */
int cuGetProcAddress_v2(const char *name, void **function, int version, unsigned long long flags, int *found) {
  (void)version;
  (void)flags;
  *function = !strcmp(name, "cuDriverGetVersion") ? (void *)cuDriverGetVersion : (void *)cuInit;
  if (found) *found = 0;
  return 0;
}

int cuGetProcAddress(const char *name, void **function, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, 0);
}
