package dataflow

// cut is a slice of one axis.
type cut struct{ start, end, step expr }

func slice(c *call) []*value {
	v := c.arg(0)
	if bad := c.boundsOfRows(); bad != nil {
		return []*value{bad}
	}
	if !v.ranked {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	cuts, ok := c.cuts(v)
	if !ok {
		return []*value{c.sliceSomewhere(v)}
	}
	w := *v
	w.dims = append([]expr(nil), v.dims...)
	w.content, w.numbers = nil, nil
	for axis := range v.dims {
		s, given := cuts[axis]
		if !given || c.keeps(s, v.dims[axis]) {
			continue
		}
		switch {
		case v.class == rows && axis == v.axis && (v.even || !c.lone(v) || !c.cutsSurely(s)):
			return []*value{c.unknown("cuts rows by their position")}
		case v.class == rows && axis == v.axis:
			return []*value{c.mixed("cuts rows by their position")}
		case v.place == firstPlace && axis == v.rank()-1 || v.padded != nil:
			return []*value{c.placeUsed(v)}
		}
		for _, e := range [...]expr{s.start, s.end, s.step} {
			if c.counted(e) {
				return []*value{c.countUsed(&value{content: []expr{e}})}
			}
		}
		w.dims[axis] = c.sliced(s, v.dims[axis])
		c.hintCut(v, axis)
	}
	if v.content != nil && v.rank() == 1 {
		return []*value{c.sliceContent(v, &w, cuts)}
	}
	w.content = c.sliceGrid(v, &w, cuts)
	switch {
	case w.class == counted && w.content == nil:
		return []*value{c.unknown("the bounds of a slice are not known")}
	case w.class == counted:
		w.class = c.classOf(w.content)
	}
	return []*value{&w}
}

// boundsOfRows refuses bounds that are no numbers of the request as a whole.
func (c *call) boundsOfRows() *value {
	bounded := false
	for i, x := range c.in[1:] {
		if v := c.in[0]; i < 2 && x != nil && x.class >= rows && v.ranked {
			axis := 0
			if axes := c.arg(3); axes != nil && len(axes.content) == 1 {
				n, _ := c.value(axes.content[0])
				axis, _ = axisOf(n, v.rank())
			}
			if axis >= 0 && axis < v.rank() {
				c.hintLength(x, v.dims[axis])
			}
		}
		switch {
		case x == nil:
		case x.class == rows:
			return c.unknown("values of rows are the bounds of a slice")
		case x.class == mixed && x.cause.asIndex:
			bounded = true
		}
	}
	bad := c.worst(nil)
	if bad != nil && bounded && c.in[0].class < unknown {
		return c.unknown("cuts by a row's position or by the number of rows")
	}
	return bad
}

// cuts reads the slices by axis; not ok if they are not known.
func (c *call) cuts(v *value) (map[int]cut, bool) {
	starts, ok1 := c.bounds("starts", 1)
	ends, ok2 := c.bounds("ends", 2)
	if !ok1 || !ok2 || len(starts) != len(ends) {
		return nil, false
	}
	axes, steps := []expr(nil), []expr(nil)
	if c.arg(3) != nil || c.version < 10 {
		if axes, ok1 = c.bounds("axes", 3); !ok1 {
			return nil, false
		}
	}
	if c.arg(4) != nil {
		if steps, ok1 = c.bounds("steps", 4); !ok1 || len(steps) != len(starts) {
			return nil, false
		}
	}
	if axes == nil {
		for i := range starts {
			axes = append(axes, c.constant(int64(i)))
		}
	}
	if len(axes) != len(starts) {
		return nil, false
	}
	cuts := map[int]cut{}
	for i, e := range axes {
		n, known := c.value(e)
		axis, ok := axisOf(n, v.rank())
		if _, twice := cuts[axis]; !known || !ok || twice {
			return nil, false
		}
		s := cut{starts[i], ends[i], c.constant(1)}
		if steps != nil {
			s.step = steps[i]
		}
		cuts[axis] = s
	}
	return cuts, true
}

// bounds reads a list from an attribute or an input; the axes may be left out.
func (c *call) bounds(name string, input int) ([]expr, bool) {
	if c.version < 10 {
		list, given, ok := c.intsAttr(name)
		if !given {
			return nil, name == "axes"
		}
		return c.constants(list), ok
	}
	x := c.arg(input)
	if x == nil {
		return nil, false
	}
	if x.content == nil {
		if n, ok := c.value(c.vectorLength(x)); ok && n == 1 && x.class == uniform && name != "axes" {
			return []expr{c.fresh(symbol{axis: -1})}, true // one bound that is the same for all
		}
	}
	return x.content, x.content != nil
}

// keeps says that a slice takes its axis whole.
func (a *analysis) keeps(s cut, length expr) bool {
	end, known := a.value(s.end)
	return a.is(s.step, 1) && a.is(s.start, 0) && (s.end == length || known && end >= huge)
}

// cutsSurely says that a slice of rows is not all of them, whatever is not known of it.
func (a *analysis) cutsSurely(s cut) bool {
	start, ok1 := a.value(s.start)
	end, ok2 := a.value(s.end)
	step, ok3 := a.value(s.step)
	switch {
	case !ok3 || step < 0: // rows that are turned around may be turned back
		return false
	case step > 1:
		return true
	}
	return ok1 && start != 0 || ok2 && end < huge
}

// sliced is the length that a slice leaves.
func (a *analysis) sliced(s cut, length expr) expr {
	start, ok1 := a.value(s.start)
	end, ok2 := a.value(s.end)
	step, ok3 := a.value(s.step)
	size, ok4 := a.value(length)
	switch {
	case ok1 && ok2 && ok3 && ok4 && step > 0:
		from, to := int64(clampIndex(start, int(size))), int64(clampIndex(end, int(size)))
		step = min(step, size+1)
		return a.constant(max(0, (to-from+step-1)/step))
	case ok1 && ok3 && step == 1 && start == 0 && !ok2 && ok4:
		return a.symbolOf("slice", true, s.end, length)
	}
	return a.symbolOf("slice", true, s.start, s.end, s.step, length)
}

// sliceSomewhere is a slice whose bounds or axes are not known.
func (c *call) sliceSomewhere(v *value) *value {
	for _, x := range c.in[1:] {
		if x != nil && x.class == counted {
			return c.countUsed(x)
		}
	}
	if v.class == uniform {
		return same(c.freeLengths(v.rank())...)
	}
	return c.unknown("the bounds of a slice are not known")
}

func (c *call) sliceContent(v, w *value, cuts map[int]cut) *value {
	s, ok := cuts[0]
	if !ok {
		return v
	}
	start, ok1 := c.value(s.start)
	end, ok2 := c.value(s.end)
	step, ok3 := c.value(s.step)
	if !ok1 || !ok2 || !ok3 || step == 0 || v.rank() != 1 {
		w.content = nil
		if v.class == counted {
			return c.unknown("the bounds of a slice are not known")
		}
		return w
	}
	size := len(v.content)
	list := []expr{}
	if step > 0 {
		for i := clampIndex(start, size); i < clampIndex(end, size); i += int(min(step, int64(size)+1)) {
			list = append(list, v.content[i])
		}
	} else {
		// Backwards, ONNX holds the start to the elements, and the end to one before them.
		first, last := min(clampIndex(start, size), size-1), clampIndex(end, size)
		if end < -int64(size) {
			last = -1
		}
		for i := first; i > last && i >= 0; i += int(max(step, -int64(size)-1)) {
			list = append(list, v.content[i])
		}
	}
	out := c.contents(list, false)
	out.element = v.element
	return out
}

// sliceGrid follows the elements of more than one axis where they are taken forwards, one
// by one, or all backwards.
func (c *call) sliceGrid(v, w *value, cuts map[int]cut) []expr {
	first, step := make([]int, v.rank()), make([]int, v.rank())
	for k, d := range v.dims {
		step[k] = 1
		s, given := cuts[k]
		if !given {
			continue
		}
		size, ok1 := c.value(d)
		start, ok2 := c.value(s.start)
		end, ok3 := c.value(s.end)
		by, ok4 := c.value(s.step)
		switch {
		case !ok1 || !ok2 || !ok3 || !ok4:
			return nil
		case by == 1:
			first[k] = clampIndex(start, int(size))
		case by == -1 && (start == -1 || start == size-1) && end < -size:
			first[k], step[k] = int(size)-1, -1
			w.dims[k] = d
		default:
			return nil
		}
	}
	return c.elementsOf(v, w.dims, func(to, from []int) {
		for k := range from {
			from[k] = first[k] + step[k]*to[k]
		}
	})
}
