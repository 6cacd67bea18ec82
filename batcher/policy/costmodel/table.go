package costmodel

// learnNew takes a run of a size nothing is known of as it is; it reports false if so.
// Sizes beyond the largest known one are taken to cost the same until they are tried,
// because a guess that they are dear would never be put to the test.
func (c *Model) learnNew(r run) bool {
	i := int(c.segment[r.rows])
	if c.known[i] {
		return true
	}
	c.table[i], c.known[i] = r.took, true
	last := -1
	for k, known := range c.known {
		if !known {
			continue
		}
		for j := last + 1; j < k; j++ {
			c.table[j] = c.table[k]
			if last >= 0 {
				part := float64(c.rows[j]-c.rows[last]) / float64(c.rows[k]-c.rows[last])
				c.table[j] = c.table[last] + (c.table[k]-c.table[last])*part
			}
		}
		last = k
	}
	for j := last + 1; j < len(c.table); j++ {
		c.table[j] = c.table[last]
	}
	c.pushAside(i)
	c.fill(1)
	return false
}

// adjust moves the table's entries beside a run towards it.
func (c *Model) adjust(r run, ratio float64) {
	step := learnRate * min(ratio-1, 1)
	i := int(c.segment[r.rows])
	if c.rows[i] == r.rows || c.stepped || i == 0 {
		c.table[i] *= 1 + step
		c.pushAside(i)
		return
	}
	part := float64(r.rows-c.rows[i-1]) / float64(c.rows[i]-c.rows[i-1])
	c.table[i-1] *= 1 + step*(1-part)
	c.table[i] *= 1 + step*part
	c.pushAside(i - 1)
	c.pushAside(i)
}

// pushAside keeps the table from falling: the entry just measured is right, and its
// neighbours give way. (The sweep's entries are all equally fresh: there neighbours
// are averaged, see cost.Curve.Monotone.)
func (c *Model) pushAside(i int) {
	for k := i + 1; k < len(c.table) && c.table[k] < c.table[i]; k++ {
		c.table[k] = c.table[i]
	}
	for k := i - 1; k >= 0 && c.table[k] > c.table[i]; k-- {
		c.table[k] = c.table[i]
	}
}
