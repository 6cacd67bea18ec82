package config

import (
	"fmt"
	"strings"
)

// leastMemory is the smallest ceiling: the server alone takes some 60 MiB.
const leastMemory = 128 * mebibyte

// connectionBytes is what a connection takes: its goroutine, its buffers, and what of its request is
// too small to be counted.
const connectionBytes = 64 * kibibyte

// share is the part of the memory that each budget has if nobody sets it.
const share = 8

// Budget is a setting that bounds memory, and how much of it.
type Budget struct {
	Path  string
	Bytes Bytes
}

// Budgets are what requests may hold together.
func (c *Config) Budgets() []Budget {
	l := &c.Limits
	return []Budget{
		{"limits.max_bodies_bytes", l.MaxBodiesBytes},
		{"limits.max_inputs_bytes", l.MaxInputsBytes},
		{"limits.max_answers_bytes", l.MaxAnswersBytes},
		{"limits.max_connections", Bytes(l.MaxConnections) * connectionBytes},
	}
}

// Budgeted is the sum of the budgets.
func (c *Config) Budgeted() (sum Bytes) {
	for _, b := range c.Budgets() {
		sum += b.Bytes
	}
	return sum
}

// most is how much of the memory the budgets may add up to: the models need memory too, and Go some
// more than what is in use.
func most(memory Bytes) Bytes { return memory / 3 * 2 }

// Fit makes the budgets fit into the memory that there is, which source tells. Those that nobody has
// set are lowered; those that are set must fit. It comes after Validate, and what it leaves is valid.
func (c *Config) Fit(memory Bytes, source string) error {
	l := &c.Limits
	switch {
	case l.Memory == 0:
		l.Memory = memory
	case l.Memory > memory:
		return c.Fault("limits.memory", fmt.Errorf("%s is more than the %s that there is (%s)", l.Memory, memory, source))
	default:
		source = "limits.memory"
	}
	if l.Memory < leastMemory {
		return fmt.Errorf("there are %s of memory (%s); the server needs %s at least", l.Memory, source, leastMemory)
	}
	c.lowerBudgets()
	if sum := c.Budgeted(); sum > most(l.Memory) {
		parts := make([]string, 0, 4)
		for _, b := range c.Budgets() {
			parts = append(parts, fmt.Sprintf("%s %s", b.Path, rounded(b.Bytes)))
		}
		return fmt.Errorf("requests may hold %s together (%s; a connection counts %s), more than two thirds of the memory, %s (%s): lower them, or let the server have more",
			rounded(sum), strings.Join(parts, ", "), connectionBytes, rounded(l.Memory), source)
	}
	return nil
}

// lowerBudgets lowers what nobody has set: each budget to its share, or to an equal part of what those
// that are set leave, and each limit of one request to what its budget holds.
func (c *Config) lowerBudgets() {
	l := &c.Limits
	left, unset := most(l.Memory), Bytes(0)
	for _, b := range c.Budgets() {
		if c.IsSet(b.Path) {
			left -= b.Bytes
		} else {
			unset++
		}
	}
	part := l.Memory / share
	if unset > 0 {
		part = min(part, max(left, 0)/unset) / mebibyte * mebibyte
	}
	lower := func(path string, value *Bytes, to Bytes) {
		if !c.IsSet(path) {
			*value = max(min(*value, to), kibibyte)
		}
	}
	set := func(path string, value Bytes) Bytes { // what a setting needs of its budget
		if c.IsSet(path) {
			return value
		}
		return 0
	}
	lower("limits.max_bodies_bytes", &l.MaxBodiesBytes, max(part, set("limits.max_body_bytes", l.MaxBodyBytes)))
	lower("limits.max_inputs_bytes", &l.MaxInputsBytes, part)
	lower("limits.max_answers_bytes", &l.MaxAnswersBytes, part)
	if !c.IsSet("limits.max_connections") {
		l.MaxConnections = max(min(l.MaxConnections, int(part/connectionBytes)), 16)
	}
	lower("limits.max_body_bytes", &l.MaxBodyBytes, l.MaxBodiesBytes/2)
	lower("limits.max_decompressed_bytes", &l.MaxDecompressedBytes, min(l.MaxBodiesBytes/2, max(set("queue.max_bytes", c.Queue.MaxBytes), l.MaxInputsBytes)))
	lower("limits.max_answer_bytes", &l.MaxAnswerBytes, l.MaxAnswersBytes/2)
	lower("queue.max_bytes", &c.Queue.MaxBytes, max(l.MaxInputsBytes, set("limits.max_decompressed_bytes", l.MaxDecompressedBytes)))
}

// rounded is a size for people, in the unit that leaves it four digits at most.
func rounded(b Bytes) Bytes {
	for _, unit := range sizeUnits {
		if b >= 10*unit.size {
			return b / unit.size * unit.size
		}
	}
	return b
}
