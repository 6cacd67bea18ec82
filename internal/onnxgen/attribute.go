package onnxgen

// Attr is an attribute of a node.
type Attr message

func attribute(name string, kind int, more func(*message)) Attr {
	var a message
	a.string(1, name)
	more(&a)
	a.int(20, kind)
	return Attr(a)
}

// Whole is an attribute of one integer.
func Whole(name string, v int64) Attr {
	return attribute(name, 2, func(a *message) { a.int(3, int(v)) })
}

// Wholes is an attribute of integers.
func Wholes(name string, values ...int64) Attr {
	return attribute(name, intsType, func(a *message) {
		for _, v := range values {
			a.int(8, int(v))
		}
	})
}

// Number is an attribute of one float.
func Number(name string, v float32) Attr {
	return attribute(name, 1, func(a *message) { a.float(2, v) })
}

// Numbers is an attribute of floats.
func Numbers(name string, values ...float32) Attr {
	return attribute(name, 6, func(a *message) {
		for _, v := range values {
			a.float(7, v)
		}
	})
}

// Text is an attribute of one string.
func Text(name, v string) Attr {
	return attribute(name, 3, func(a *message) { a.string(4, v) })
}

// Texts is an attribute of strings.
func Texts(name string, values ...string) Attr {
	return attribute(name, 8, func(a *message) {
		for _, v := range values {
			a.string(9, v)
		}
	})
}

// Body is an attribute that is a graph.
func Body(name string, g *Graph) Attr {
	return attribute(name, 5, func(a *message) { a.embed(6, append(append(message(nil), g.body...), named("body")...)) })
}

// Constant is an attribute that is a tensor of integers.
func Constant(name string, dims []int, values ...int64) Attr {
	return attribute(name, 4, func(a *message) { a.embed(5, wholes("", dims, values)) })
}

// Caller is an attribute of a node in a function: that of the caller with a name.
func Caller(name string, kind int, of string) Attr {
	return attribute(name, kind, func(a *message) { a.string(21, of) })
}
