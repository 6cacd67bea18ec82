package provider

/*
#include <signal.h>
#include <string.h>

// NSIG is of the kernel; glibc keeps a few of them to itself and refuses to name their actions.
static struct sigaction sluice_saved[65];
static char sluice_known[65];

static void sluice_save_signals(void) {
  memset(sluice_saved, 0, sizeof sluice_saved);
  for (int s = 1; s < 65; s++) sluice_known[s] = sigaction(s, 0, &sluice_saved[s]) == 0;
}

static int sluice_same(const struct sigaction *a, const struct sigaction *b) {
  if (a->sa_flags != b->sa_flags || a->sa_handler != b->sa_handler) return 0;
  for (int s = 1; s < 65; s++)
    if (sigismember(&a->sa_mask, s) != sigismember(&b->sa_mask, s)) return 0;
  return 1;
}

// Returns how many actions had been changed.
static int sluice_restore_signals(void) {
  int changed = 0;
  for (int s = 1; s < 65; s++) {
    struct sigaction now;
    memset(&now, 0, sizeof now);
    if (!sluice_known[s] || sigaction(s, 0, &now) != 0 || sluice_same(&now, &sluice_saved[s])) continue;
    if (sigaction(s, &sluice_saved[s], 0) == 0) changed++;
  }
  return changed;
}
*/
import "C"

import "sync"

var signals sync.Mutex

// keepSignals undoes what f does to the process's signal handlers. CUDA's libraries replace
// Go's by ones that do not run on the signal stack, and the next SIGTERM would then end the
// process with a crash. It returns how many were put back. Nobody may call signal.Notify or its
// like meanwhile: that would be undone too.
func keepSignals(f func() error) (restored int, err error) {
	signals.Lock()
	defer signals.Unlock()
	C.sluice_save_signals()
	err = f()
	return int(C.sluice_restore_signals()), err
}
