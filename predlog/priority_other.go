//go:build !linux

package predlog

// lowerPriority does nothing: a thread has no priority of its own here.
func lowerPriority() {}
