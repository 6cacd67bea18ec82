// Package memory tells how much memory this process may take, and how much it and its children do:
// the ceiling that the machine or a control group sets, and the proportional share of a tree of
// processes. It reads files below /proc and /sys and owns no state. Any package may call it.
package memory
