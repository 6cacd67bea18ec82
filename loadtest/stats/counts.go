package stats

import (
	"fmt"
	"strconv"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// counts are answers by what they say of themselves.
type counts struct {
	batch  []int64 // by rows
	device [256]int64
}

// add counts a request in the ledger, and its answer.
func (c *counts) add(m *sample.Sample, l *result.Ledger) {
	l.Scheduled++
	if n := l.Of(m.Outcome); n != nil {
		*n++
	}
	if m.Status > 0 && m.Answered() {
		l.Status[strconv.Itoa(int(m.Status))]++
	}
	if m.Outcome != sample.OK && m.Outcome != sample.Wrong {
		return
	}
	if k := int(m.Batch); k > 0 {
		if k >= len(c.batch) {
			c.batch = append(c.batch, make([]int64, k+1-len(c.batch))...)
		}
		c.batch[k]++
	}
	c.device[m.Device]++
}

func (c *counts) batches() []result.Count {
	var all []result.Count
	for rows, n := range c.batch {
		if n > 0 {
			all = append(all, result.Count{Name: strconv.Itoa(rows), N: n})
		}
	}
	return all
}

func (c *counts) devices(names []string) []result.Count {
	var all []result.Count
	for i, n := range c.device {
		if i == 0 || n == 0 {
			continue
		}
		name := fmt.Sprintf("device %d", i)
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		all = append(all, result.Count{Name: name, N: n})
	}
	return all
}
