/* A management library with one GPU and few functions, as an old driver has: it lets the
 * tests go through go-nvml's loading, its symbol lookup and its C structs without a GPU.
 * The declarations repeat the ABI of nvml.h; functions that are not here must not be
 * called. */
#include <string.h>

typedef int ret;
enum { SUCCESS = 0, NOT_SUPPORTED = 3, TIMEOUT = 10 };

static int gpu; /* its address is the handle */
static int polls;

ret nvmlInit_v2(void) { return SUCCESS; }
ret nvmlShutdown(void) { polls = 0; return SUCCESS; }
const char *nvmlErrorString(ret r) { return r == NOT_SUPPORTED ? "Not Supported" : "Other"; }

static ret text(char *to, unsigned n, const char *from) {
  strncpy(to, from, n);
  return SUCCESS;
}
ret nvmlSystemGetDriverVersion(char *v, unsigned n) { return text(v, n, "470.1.2"); }
ret nvmlSystemGetNVMLVersion(char *v, unsigned n) { return text(v, n, "11.470.1.2"); }
ret nvmlSystemGetCudaDriverVersion(int *v) { *v = 11040; return SUCCESS; }

ret nvmlDeviceGetCount_v2(unsigned *n) { *n = 1; return SUCCESS; }
ret nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = &gpu; return i ? 2 : SUCCESS; }
ret nvmlDeviceGetUUID(void *d, char *v, unsigned n) { return text(v, n, "GPU-fake"); }
ret nvmlDeviceGetName(void *d, char *v, unsigned n) { return text(v, n, "Fake T4"); }

struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
ret nvmlDeviceGetPciInfo_v3(void *d, struct pci *p) { return text(p->bus_id, 32, "00000000:01:00.0"); }

struct memory { unsigned long long total, free, used; };
ret nvmlDeviceGetMemoryInfo(void *d, struct memory *m) {
  m->total = 16ull << 30, m->free = 12ull << 30, m->used = 4ull << 30;
  return SUCCESS;
}
struct utilization { unsigned gpu, memory; };
ret nvmlDeviceGetUtilizationRates(void *d, struct utilization *u) { u->gpu = 55, u->memory = 20; return SUCCESS; }
ret nvmlDeviceGetPowerUsage(void *d, unsigned *mw) { *mw = 60500; return SUCCESS; }
ret nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *mj) { return NOT_SUPPORTED; }
/* Of the two clocks 1 is that of the multiprocessors. */
ret nvmlDeviceGetClockInfo(void *d, int kind, unsigned *mhz) { *mhz = kind == 1 ? 1200 : 5000; return SUCCESS; }
ret nvmlDeviceGetMaxClockInfo(void *d, int kind, unsigned *mhz) { *mhz = kind == 1 ? 1590 : 5001; return SUCCESS; }
ret nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *r) { *r = 4; return SUCCESS; }

static int set;
ret nvmlEventSetCreate(void **s) { *s = &set; return SUCCESS; }
ret nvmlEventSetFree(void *s) { return SUCCESS; }
ret nvmlDeviceGetSupportedEventTypes(void *d, unsigned long long *t) { *t = 8; return SUCCESS; }
ret nvmlDeviceRegisterEvents(void *d, unsigned long long t, void *s) { return t == 8 && s == &set ? SUCCESS : 2; }

struct event { void *device; unsigned long long type, data; unsigned gi, ci; };
ret nvmlEventSetWait_v2(void *s, struct event *e, unsigned ms) {
  if (ms != 0 || ++polls != 2)
    return TIMEOUT;
  e->device = &gpu, e->type = 8, e->data = 79;
  return SUCCESS;
}
