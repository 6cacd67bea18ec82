package dataflow

import (
	"math"

	"sluice/internal/onnxfile"
)

// maxListed bounds the strings and integers of a hint, maxText the bytes of a string.
const (
	maxListed = 4096
	maxText   = 256
)

// hint is that of the caller's input whose elements a value has; nil if it has none's.
func (a *analysis) hint(v *value) *Hint {
	if v == nil || v.source.input == 0 {
		return nil
	}
	return &a.hints[v.source.input-1]
}

// narrow holds an input to a range, which is that of its elements less their shift.
func (a *analysis) narrow(v *value, low, high int64) {
	h := a.hint(v)
	if h == nil || low > high {
		return
	}
	low, high = low-v.source.shift, high-v.source.shift
	if h.HasRange {
		low, high = max(low, h.Low), min(high, h.High)
	}
	if low <= high {
		h.HasRange, h.Low, h.High = true, low, high
	}
}

// hintIndex notes that a value chooses from an axis.
func (c *call) hintIndex(index *value, size expr) {
	h := c.hint(index)
	if h == nil {
		return
	}
	if n, known := c.value(size); known && n > 0 {
		c.narrow(index, 0, n-1)
		return
	}
	c.hintLength(index, size)
}

// hintLength notes that a value is a length along an axis of an input.
func (c *call) hintLength(v *value, of expr) {
	h := c.hint(v)
	if h == nil {
		return
	}
	h.Length = true
	if n, known := c.value(of); known && n > 0 {
		c.narrow(v, 1, n)
		return
	}
	if of == absent || len(c.at(of).symbols) != 1 {
		return
	}
	if s := c.symbols[c.at(of).symbols[0]]; s.axis > 0 {
		h.Of, h.Axis = c.model.Inputs[s.input].Name, s.axis
	}
}

// hintCut notes that the bounds of a slice come from an input.
func (c *call) hintCut(v *value, axis int) {
	for _, x := range c.in[1:min(3, len(c.in))] {
		if x != nil {
			c.hintLength(x, v.dims[axis])
		}
	}
}

// hintCast notes strings that are read as numbers, and numbers that are read as truth.
func (c *call) hintCast(v *value, to int64) {
	h := c.hint(v)
	switch {
	case h == nil:
	case to == boolType:
		h.Mask = true
	case v.element == stringType && to != stringType:
		h.Numeric = true
	}
}

// hintCompared notes masks and lengths: what is compared with 0 or with the positions of
// an axis.
func (c *call) hintCompared() {
	if len(c.in) != 2 || !comparesOrSubtracts[c.node.Op] {
		return
	}
	for i, v := range c.in {
		other := c.in[1-i]
		h := c.hint(v)
		if h == nil || other == nil || other.class != uniform {
			continue
		}
		switch e := other.scalarContent(); {
		case c.node.Op == "Equal" && e != absent && c.is(e, 0) && v.element != float32Type:
			h.Mask = true
		case c.node.Op == "Sub" && i == 1 && (len(other.numbers) == 1 && other.numbers[0] == 1 || e != absent && c.is(e, 1)):
			h.Mask = true // 1 - mask
		case c.node.Op != "Equal" && c.node.Op != "Sub" && other.upTo != 0:
			c.hintLength(v, other.upTo-1)
		}
	}
}

var comparesOrSubtracts = map[string]bool{
	"Equal": true, "Sub": true, "Less": true, "LessOrEqual": true, "Greater": true, "GreaterOrEqual": true,
}

// hintDivisor notes what integers divide by.
func (c *call) hintDivisor() {
	if c.node.Op != "Div" && c.node.Op != "Mod" {
		return
	}
	if v := c.arg(1); v != nil && isInteger(v.element) {
		if h := c.hint(v); h != nil {
			h.NonZero = true
		}
	}
}

func isInteger(element int64) bool {
	return element >= 2 && element <= 7 || element == 12 || element == 13
}

// shifted is where the elements of a sum with a constant come from.
func (c *call) shifted(out *value) {
	if len(c.in) != 2 || c.node.Op != "Add" && c.node.Op != "Sub" {
		return
	}
	v, by := c.in[0], c.in[1].scalarContent()
	if c.node.Op == "Add" && v.source.input == 0 {
		v, by = c.in[1], c.in[0].scalarContent()
	}
	if by == absent || v.source.input == 0 {
		return
	}
	n, known := c.value(by)
	if c.node.Op == "Sub" {
		n = -n
	}
	if sum := v.source.shift + n; known && n > -1<<40 && n < 1<<40 && sum > -1<<50 && sum < 1<<50 {
		out.source, out.element = v.source, v.element
		out.source.shift = sum
	}
}

// hintKeys notes the categories of an encoder.
func (c *call) hintKeys(v *value) {
	h := c.categories(v)
	if h == nil {
		return
	}
	for _, name := range [...]string{"keys_strings", "cats_strings"} {
		if at, ok := c.attribute(name); ok {
			h.addTexts(at)
		}
	}
	for _, name := range [...]string{"keys_int64s", "cats_int64s"} {
		if at, ok := c.attribute(name); ok {
			h.addIntegers(at)
		}
	}
	if at, ok := c.attribute("keys_tensor"); ok {
		if t, ok := at.Tensor(); ok {
			list, _ := t.Ints(maxListed)
			h.Integers = appendUpTo(h.Integers, list)
			t.EachText(func(s []byte) bool { return h.addText(s) })
		}
	}
}

// categories is the hint of a value whose categories a node lists. Each node lists them once.
func (c *call) categories(v *value) *Hint {
	h := c.hint(v)
	if h == nil || c.hinted[c.node] {
		return nil
	}
	c.hinted[c.node] = true
	return h
}

// hintPool notes the words of a vocabulary.
func (c *call) hintPool(v *value) {
	h := c.categories(v)
	if h == nil {
		return
	}
	if at, ok := c.attribute("pool_strings"); ok {
		h.addTexts(at)
	}
	if at, ok := c.attribute("pool_int64s"); ok {
		h.addIntegers(at)
	}
}

func (h *Hint) addTexts(at onnxfile.Attribute) { at.EachText(h.addText) }

func (h *Hint) addText(s []byte) bool {
	if len(h.Strings) >= maxListed {
		return false
	}
	if len(s) <= maxText {
		h.Strings = append(h.Strings, string(s))
	}
	return true
}

func (h *Hint) addIntegers(at onnxfile.Attribute) {
	list, _ := at.Ints(maxListed)
	h.Integers = appendUpTo(h.Integers, list)
}

func appendUpTo(list, more []int64) []int64 {
	return append(list, more[:min(len(more), maxListed-len(list))]...)
}

// finishHints gives categories a range too, where all are known and nothing else does.
func (a *analysis) finishHints() {
	for i := range a.hints {
		h := &a.hints[i]
		if h.HasRange || len(h.Integers) == 0 {
			continue
		}
		low, high := int64(math.MaxInt64), int64(math.MinInt64)
		for _, n := range h.Integers {
			low, high = min(low, n), max(high, n)
		}
		h.HasRange, h.Low, h.High = true, low, high
	}
}
