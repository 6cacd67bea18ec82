package compare

// pair is one observation: two sides that are to be compared.
type pair [2]side

// pairs are those of a run, in order of time: of A and B, and of each target with itself.
type pairs struct {
	tested   []pair
	whole    pair // all that are tested, pooled
	controls [2][]pair
}

// quadPairs are those of block mode. The control is the quads that were set aside for it and, as
// they are few, the middle of each other quad: two blocks of the same target, neighbours as
// those of any pair are. Their order turns from one such quad to the next.
func quadPairs(cells []cell, cpu []CPU) (p pairs) {
	turn := false
	for q := 0; q+3 < len(cells); q += 4 {
		var sides [4]side
		var target, part [4]int
		for i := range sides {
			sides[i], target[i], part[i] = cells[q+i].only()
			if q+i < len(cpu) {
				sides[i].cpu = [2]float64{cpu[q+i].A, cpu[q+i].B}[target[i]]
			}
		}
		for i := 0; i < 4; i += 2 {
			ordered := pair{sides[i], sides[i+1]}
			if target[i] == 1 || part[i] == labelTwo {
				ordered = pair{sides[i+1], sides[i]}
			}
			if part[i] == tested {
				p.tested = ordered.addTo(p.tested)
			} else {
				p.controls[0] = ordered.addTo(p.controls[0])
			}
		}
		if part[1] == tested && target[1] == target[2] {
			middle := pair{sides[1], sides[2]}
			if turn {
				middle = pair{sides[2], sides[1]}
			}
			turn = !turn
			p.controls[target[1]] = middle.addTo(p.controls[target[1]])
		}
	}
	return p
}

// mixedPairs are those of the other modes: both sides of each block, and both labels of each target.
func mixedPairs(cells []cell) (p pairs) {
	for i := range cells {
		c := &cells[i]
		p.tested = pair{c[0][tested], c[1][tested]}.addTo(p.tested)
		for t := range c {
			p.controls[t] = pair{c[t][labelOne], c[t][labelTwo]}.addTo(p.controls[t])
		}
	}
	return p
}

// mixedCPU are pairs for the CPU where both targets are asked at once. A request of the control
// shares its process with all others, so the control is each target of one block against
// itself in the next, the order turning each time.
func mixedCPU(cells []cell, cpu []CPU) (p pairs) {
	n := min(len(cells), len(cpu))
	of := func(b, target int) side {
		s := side{cpu: [2]float64{cpu[b].A, cpu[b].B}[target]}
		for _, part := range cells[b][target] {
			s.good += part.good
			s.sent += part.sent
		}
		return s
	}
	for b := range n {
		p.tested = pair{of(b, 0), of(b, 1)}.addTo(p.tested)
		for t := range p.controls {
			switch {
			case b%4 == 1:
				p.controls[t] = pair{of(b-1, t), of(b, t)}.addTo(p.controls[t])
			case b%4 == 3:
				p.controls[t] = pair{of(b, t), of(b-1, t)}.addTo(p.controls[t])
			}
		}
	}
	return p
}

// addTo appends a pair, unless a side of it has nothing to compare.
func (p pair) addTo(all []pair) []pair {
	if p[0].sent == 0 || p[1].sent == 0 {
		return all
	}
	return append(all, p)
}

// joined pools pairs. One alone is returned as it is.
func joined(all []pair) (whole pair) {
	if len(all) == 1 {
		return all[0]
	}
	for s := range whole {
		w := &whole[s]
		for i := range all {
			p := &all[i][s]
			w.latencies = append(w.latencies, p.latencies...)
			w.sent += p.sent
			w.failed += p.failed
			w.good += p.good
			w.cpu += p.cpu
		}
	}
	return whole
}

// pooled joins neighbouring pairs until each has enough; what is left over at the end joins the
// last that has.
func pooled(all []pair, enough func(side) bool) (groups []pair) {
	from, last := 0, 0 // where the open group begins, and the last closed one
	for i := range all {
		open := joined(all[from : i+1])
		if enough(open[0]) && enough(open[1]) {
			groups = append(groups, open)
			from, last = i+1, from
		}
	}
	if n := len(groups); n > 0 && from < len(all) {
		groups[n-1] = joined(all[last:])
	}
	return groups
}
