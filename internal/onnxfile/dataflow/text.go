package dataflow

import (
	"slices"

	"sluice/internal/onnxfile"
)

// Text: strings that are changed, split and counted.

// normalizedText changes strings one by one, unless it drops stop words: then the others
// move up.
func normalizedText(c *call) []*value {
	v := c.arg(0)
	if at, ok := c.attribute("stopwords"); ok && at.Count() > 0 && v.class == rows {
		if v.ranked && v.fromEnd() != 1 {
			return []*value{c.unknown("drops strings by their values")}
		}
		return []*value{c.joined(v, "drops rows by their values")}
	}
	w := v.computed()
	w.source, w.element = v.source, v.element
	return []*value{w}
}

// tokenizer splits strings, and pads the shorter lists of all rows to the longest.
func tokenizer(c *call) []*value {
	v := c.arg(0)
	if v.class != rows || !v.ranked {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	w := c.along(v.axis, v.pre, v.post, append(slices.Clone(v.dims), c.longest())...)
	if w.class == rows {
		w.source = v.source
		w.padded, w.element = []byte(c.textAttr("pad_value", "")), stringType // never nil
	}
	return []*value{w}
}

// longest is a length that depends on the values of all rows.
func (a *analysis) longest() expr { return a.fresh(symbol{dimension: true, counted: true, axis: -1}) }

// stringSplit pads like the tokenizer, and counts the parts.
func stringSplit(c *call) []*value {
	out := tokenizer(c)
	if out[0].class != rows {
		return c.every(out[0])
	}
	out[0].padded = []byte{}
	parts := c.arg(0).computed()
	parts.element, parts.even = int64Type, false
	return append(out, parts)
}

// vocabulary counts n-grams of the last axis. Padding is not seen if no n-gram has it.
func vocabulary(c *call) []*value {
	v := c.arg(0)
	c.hintPool(v)
	switch {
	case v.class != rows:
		return nil
	case !v.ranked:
		return []*value{c.unknown("the shape of an input is not known")}
	case v.rank() == 1 || v.axis != 0:
		return []*value{c.joined(v, "counts words over the rows")}
	case v.rank() > 2 || !c.lone(v):
		return []*value{c.unknown("takes a matrix alone")}
	case v.padded != nil && c.inPool(v.padded):
		return []*value{c.mixed("pads to the longest row of the batch")}
	}
	width := c.free()
	if at, ok := c.attribute("ngram_indexes"); ok {
		if n, ok := lastIndex(at); ok {
			width = c.constant(n + 1)
		}
	}
	return []*value{c.along(0, v.pre, v.post, v.dims[0], width)}
}

// lastIndex is the largest of an attribute's numbers.
func lastIndex(at onnxfile.Attribute) (int64, bool) {
	list, ok := at.Ints(1 << 20)
	return slices.Max(append(list, -1)), ok
}

func (c *call) inPool(word []byte) bool {
	found := false
	if at, ok := c.attribute("pool_strings"); ok {
		at.EachText(func(s []byte) bool {
			found = string(s) == string(word)
			return !found
		})
	}
	return found
}
