// Package devices answers whether another device pays for a model: what was measured on two devices in, one report out.
//
// The figures are those of one model: what each device answers to the same rows (Equality), what batches cost there, cold and
// warm, the highest rate in rows/s at which one replica holds an objective, and what its GPU takes of energy. Compare joins
// them with prices (package price) into a verdict of one sentence, the reasons, and what would change it. Without prices it
// counts in device-seconds.
//
// It measures nothing, and depends on its arguments alone: no clock, no goroutine, no lock. The command that compares
// devices calls it.
package devices
