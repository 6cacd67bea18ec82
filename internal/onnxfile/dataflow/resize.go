package dataflow

// Images of other sizes, and parts of images.

// resize scales the axes; that of the rows must keep its length.
func resize(c *call) []*value {
	v := c.arg(0)
	for _, x := range c.in[1:] {
		if x != nil && x.class == rows {
			return []*value{c.unknown("values of rows give a shape")}
		}
	}
	if v.class == counted {
		return []*value{c.countUsed(v)}
	}
	region, scales, sizes := c.arg(1), c.arg(2), c.arg(3)
	if c.version < 11 {
		region, scales, sizes = nil, c.arg(1), nil
	}
	_, given := c.attribute("axes")
	switch {
	case given || !v.ranked:
		return []*value{c.unknown("the axes are not known")}
	case region != nil && region.class != uniform:
		return []*value{c.unknown("the region may depend on the number of rows")}
	case c.textAttr("coordinate_transformation_mode", "") == "tf_crop_and_resize" || c.textAttr("keep_aspect_ratio_policy", "stretch") != "stretch":
		return []*value{c.unknown("this way of resizing is not analysed")}
	}
	w := v.computed()
	w.dims = nil
	for i, d := range v.dims {
		one := scales != nil && (len(scales.numbers) == v.rank() && scales.numbers[i] == 1 || len(scales.content) == v.rank() && c.is(scales.content[i], 1))
		kept := sizes != nil && len(sizes.content) == v.rank() && sizes.content[i] == d
		switch {
		case one || kept:
			w.dims = append(w.dims, d)
		case v.class == rows && i == v.axis:
			return []*value{c.unknown("is not known to keep the axis of the rows")}
		case sizes != nil && len(sizes.content) == v.rank():
			w.dims = append(w.dims, sizes.content[i])
		default:
			w.dims = append(w.dims, c.free())
		}
	}
	return []*value{w}
}

// roiAlign cuts regions out of images that each region names by its number.
func roiAlign(c *call) []*value {
	for i, v := range c.in {
		if v != nil && v.class == rows && i > 0 && c.arg(0) != nil && c.arg(0).class == rows {
			return []*value{c.unknown("chooses images by their position")}
		}
	}
	return []*value{c.unknown("the number of regions is not known to be that of the rows")}
}
