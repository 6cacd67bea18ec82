package dataflow

import "slices"

// The classic models of ai.onnx.ml. A matrix has a row for each row; ONNX Runtime takes a
// vector for one row of features, so that rows in a vector are features to it.

const asFeatures = "takes the rows for features of one row"

// matrix is the rule of operators from a matrix of rows to widths columns an output; a
// width of nil leaves an output a vector, as it leaves the maps of ZipMap.
func matrix(widths ...func(*call) expr) func(*call) []*value {
	return func(c *call) []*value {
		v := c.arg(0)
		if bad := c.needMatrix(v); bad != nil {
			return c.every(bad)
		}
		if v.class != rows {
			return nil
		}
		var out []*value
		for _, width := range widths {
			dims := []expr{v.dims[0]}
			if width != nil {
				dims = append(dims, width(c))
			}
			out = append(out, c.along(0, v.pre, v.post, dims...))
		}
		return out
	}
}

// needMatrix says what is wrong with rows that lie in no matrix.
func (c *call) needMatrix(v *value) *value {
	switch {
	case v.class != rows:
		return nil
	case !v.ranked:
		return c.unknown("the shape of an input is not known")
	case v.rank() == 1 || v.axis != 0:
		return c.joined(v, asFeatures)
	case v.rank() > 2:
		return c.unknown("takes a matrix alone")
	}
	return nil
}

// widthFrom counts the labels, or takes a number, that attributes give.
func widthFrom(names ...string) func(*call) expr {
	return func(c *call) expr {
		for _, name := range names {
			at, ok := c.attribute(name)
			if !ok {
				continue
			}
			if n := at.Count(); n > 0 {
				return c.constant(int64(n))
			}
			if n := at.Int(); n > 0 {
				return c.constant(n)
			}
		}
		return c.free()
	}
}

// sameMatrix is the rule of operators that keep the shape of a matrix.
func sameMatrix(c *call) []*value {
	v := c.arg(0)
	if bad := c.needMatrix(v); bad != nil {
		return c.every(bad)
	}
	return []*value{v.computed()}
}

// scaled is the rule of operators that have one constant for all elements, or one for each
// column of a matrix.
func scaled(names ...string) func(*call) []*value {
	return func(c *call) []*value {
		columns := 0
		for _, name := range names {
			if at, ok := c.attribute(name); ok {
				columns = max(columns, at.Count())
			}
		}
		if columns == 1 {
			return eachOf(c)
		}
		return sameMatrix(c)
	}
}

// encoded is the rule of encoders, which work element by element.
func encoded(c *call) []*value {
	v := c.arg(0)
	c.hintKeys(v)
	w := v.computed()
	if _, ok := c.attribute("values_int64s"); ok || v.element == stringType && c.node.Op == "ai.onnx.ml.CategoryMapper" {
		w.element = int64Type
	}
	return []*value{w}
}

// oneHotEncoder adds an axis of the categories behind the others.
func oneHotEncoder(c *call) []*value {
	v := c.arg(0)
	c.hintKeys(v)
	if !v.ranked {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	w := v.computed()
	w.dims = append(slices.Clone(v.dims), widthFrom("cats_strings", "cats_int64s")(c))
	return []*value{w}
}

// featureVectorizer lays the columns of matrices side by side.
func featureVectorizer(c *call) []*value {
	var lead *value
	width := c.constant(0)
	for _, v := range c.in {
		switch {
		case v == nil:
			return nil
		case v.class != rows:
			return []*value{c.unknown("takes constants where rows are analysed")}
		case c.needMatrix(v) != nil:
			return []*value{c.needMatrix(v)}
		case lead == nil:
			lead = v
		case lead.pre != v.pre || lead.post != v.post:
			return []*value{c.unknown("pairs rows that lie differently")}
		}
		width = c.add(width, v.dims[1])
	}
	if lead == nil {
		return nil
	}
	return []*value{c.along(0, lead.pre, lead.post, lead.dims[0], width)}
}

// featureExtractor chooses elements of the last axis. Of a vector it makes a matrix of one
// row.
func featureExtractor(c *call) []*value {
	v, index := c.arg(0), c.arg(1)
	if !v.ranked || v.rank() == 0 || !index.ranked {
		return []*value{c.unknown("the shape of an input is not known")}
	}
	count := c.all(index.dims)
	dims := append(slices.Clone(v.dims[:v.rank()-1]), count)
	if v.rank() == 1 {
		dims = []expr{c.constant(1), count}
	}
	switch {
	case v.class == rows && index.class == rows:
		return []*value{c.mixed("takes elements of each row by the indices of all rows")}
	case v.class == rows && v.fromEnd() == 1:
		return []*value{c.joined(v, "takes rows by their position")}
	case v.class == rows:
		w := c.along(v.axis, v.pre, v.post, dims...)
		w.source, w.element = v.source, v.element
		return []*value{w}
	case index.class == rows: // the indices are read as one list
		outside := c.mul(c.all(index.dims[:index.axis]), index.pre)
		inside := c.mul(index.post, c.all(index.dims[index.axis+1:]))
		c.hintIndex(index, v.dims[v.rank()-1])
		return []*value{c.along(len(dims)-1, outside, inside, dims...)}
	}
	return []*value{same(dims...)}
}
