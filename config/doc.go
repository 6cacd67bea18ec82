// Package config is the schema of Sluice's settings: plain structs, defaults, strict
// decoding and one Validate that reports every fault with its path and the place
// where the value was set.
//
// A setting has one path (`limits.max_body_bytes`), which the file, the environment
// (SLUICE_LIMITS_MAX_BODY_BYTES) and the flags (--limits-max-body-bytes) share. The
// order is Default, then the file (Parse), then the environment (ApplyEnv), then the
// flags (Set), then Validate; a value that is wrong is refused and never repaired.
//
// Only package serve and commands import this package, and it imports no other package of the module
// but internal/near and internal/prescan: each package takes its own small Options, which serve fills from here.
//
// A field's comment is also its help text and its line in docs/settings.md. It says, in this
// order: what the field is, "Default X." or "Default X: why.", and what breaks where it is too low
// or too high.
package config

//go:generate go test -count=1 -run ^TestTexts$ . -update
//go:generate go test -count=1 -run ^TestSettingsPage$ . -update
