package stats

import (
	"fmt"
	"strconv"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// counts is all that is counted of a window's requests.
type counts struct {
	ledger result.Ledger
	batch  []int64 // by rows
	device [256]int64
	names  []string
}

func newCounts(devices []string) *counts {
	return &counts{names: devices, ledger: result.Ledger{Status: map[string]int64{}}}
}

func (c *counts) add(m *sample.Sample) {
	l := &c.ledger
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

func (c *counts) devices() []result.Count {
	var all []result.Count
	for i, n := range c.device {
		if i == 0 || n == 0 {
			continue
		}
		name := fmt.Sprintf("device %d", i)
		if i < len(c.names) && c.names[i] != "" {
			name = c.names[i]
		}
		all = append(all, result.Count{Name: name, N: n})
	}
	return all
}
