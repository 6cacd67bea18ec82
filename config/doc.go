// Package config is the schema of Sluice's settings: plain structs, defaults, strict
// decoding and one Validate that reports every fault with its path and the place
// where the value was set.
//
// A setting has one path (`limits.max_body_bytes`), which the file, the environment
// (SLUICE_LIMITS_MAX_BODY_BYTES) and the flags (--limits-max-body-bytes) share. The
// order is Default, then the file (Parse), then the environment (ApplyEnv), then the
// flags (Set), then Validate; a value that is wrong is refused and never repaired.
//
// Only commands import this package, and it imports no other package of the module:
// each package takes its own small Options, which the command fills from here.
package config
