package sim

func (w *world) cancels() bool {
	_, ok := w.policy.(Canceler)
	return ok
}

// split lets an arrival of more rows than a batch come as parts, all or none of which are admitted.
func (w *world) split(r *Request, most int) {
	all := &whole{}
	for from := 0; from < r.Whole; from += most {
		part := *r
		part.Rows, part.whole = min(most, r.Whole-from), all
		all.parts = append(all.parts, &part)
	}
	all.left = len(all.parts)
	woken := w.woken[:0]
	for i, part := range all.parts {
		admitted, wake := w.policy.Arrive(w.now, part)
		if !admitted {
			for _, other := range all.parts[i:] {
				w.end(other, Refuse)
			}
			w.withdraw(all, Refuse)
			break
		}
		w.observe(Decision{At: w.now, Action: Admit, Seq: part.Seq, Model: part.Model})
		if w.cfg.Audit {
			w.queue = append(w.queue, part)
		}
		woken = append(woken, wake)
	}
	for _, lane := range woken {
		w.wake(lane)
	}
	w.woken = woken
}

// withdraw takes back the parts of an arrival that wait, since it has failed.
func (w *world) withdraw(all *whole, how Action) {
	for _, part := range all.parts {
		if part.state == waiting && w.policy.(Canceler).Cancel(w.now, part) {
			w.end(part, how)
		}
	}
}

// fold adds a part's end to its arrival's. It reports the whole's once all parts have ended.
func (w *world) fold(all *whole, c Count) (Count, bool) {
	all.worst.add(c)
	if all.left--; all.left > 0 {
		return Count{}, false
	}
	switch worst := all.worst; {
	case worst.Refused > 0:
		return Count{Refused: 1}, true
	case worst.Dropped > 0:
		return Count{Dropped: 1}, true
	case worst.Late > 0:
		return Count{Late: 1}, true
	}
	return Count{OK: 1}, true
}
