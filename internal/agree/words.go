package agree

import (
	"fmt"
	"strconv"
	"strings"

	"sluice/internal/tensor"
)

// String puts a difference into words: output "y"[3] is 0.5021, expected 0.5018 (limit 6e-05).
func (d *Difference) String() string {
	switch d.Kind {
	case None:
		return "no difference"
	case Missing:
		return fmt.Sprintf("output %q is missing", d.want.Name)
	case Type:
		return fmt.Sprintf("output %q is %s, expected %s", d.want.Name, d.got.Type, d.want.Type)
	case Shape:
		return fmt.Sprintf("output %q has the shape %s, expected %s", d.want.Name, tensor.ShapeText(d.got.Shape), tensor.ShapeText(d.want.Shape))
	case Class:
		return fmt.Sprintf("output %q row %d has its maximum at class %d, expected %d", d.want.Name, d.At, d.gotClass, d.wantClass)
	}
	text := fmt.Sprintf("output %q%s is %s, expected %s", d.want.Name, index(d.want.Shape, d.At), show(d.got, d.At), show(d.want, d.At))
	if d.want.Type.Float() {
		text += fmt.Sprintf(" (limit %.2g)", d.limit)
	}
	return text
}

// instead says what stands in the place of what, for anything but floats.
func (d *Difference) instead() string {
	switch d.Kind {
	case Type:
		return fmt.Sprintf("type %s instead of %s", d.got.Type, d.want.Type)
	case Shape:
		return fmt.Sprintf("shape %v instead of %v", d.got.Shape, d.want.Shape)
	}
	if element(d.want.Type, d.got.Data, d.At) == nil || element(d.want.Type, d.want.Data, d.At) == nil {
		got, _ := tensor.BytesCount(d.got.Data)
		want, _ := tensor.BytesCount(d.want.Data)
		return fmt.Sprintf("%d strings instead of %d", got, want)
	}
	return show(d.got, d.At) + " instead of " + show(d.want, d.At)
}

// index writes a place in a shape: [0,3].
func index(shape []int64, at int) string {
	if len(shape) == 0 {
		return ""
	}
	places := make([]int64, len(shape))
	for axis := len(shape) - 1; axis >= 0; axis-- {
		length := max(shape[axis], 1)
		places[axis] = int64(at) % length
		at /= int(length)
	}
	return tensor.ShapeText(places)
}

// show prints an element.
func show(t *tensor.Tensor, at int) string {
	data := element(t.Type, t.Data, at)
	switch {
	case data == nil:
		return "nothing"
	case t.Type.Float():
		return fmt.Sprintf("%.7g", tensor.FloatAt(t.Type, t.Data, at))
	case t.Type == tensor.Bytes:
		return fmt.Sprintf("%.40q", data[4:])
	}
	switch t.Type {
	case tensor.Bool:
		return strconv.FormatBool(data[0] != 0)
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		return strconv.FormatInt(tensor.IntAt(t.Type, data), 10)
	}
	return strconv.FormatUint(tensor.UintAt(t.Type, data), 10)
}

// What is printed of an answer at most.
const (
	maxAnswerValues = 8 // of an output
	maxAnswerBytes  = 400
)

// Text prints the beginning of an answer for a log line, such as
// "y [1,3]: 0.25 0.5 0.25; label [1]: 7".
func Text(outputs []tensor.Tensor) string {
	var b strings.Builder
	for i := range outputs {
		x := &outputs[i]
		if x.Type == tensor.Invalid {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s %s:", x.Name, tensor.ShapeText(x.Shape))
		writeValues(&b, x)
		if b.Len() > maxAnswerBytes {
			return strings.ToValidUTF8(b.String()[:maxAnswerBytes], "") + " ..."
		}
	}
	return b.String()
}

func writeValues(b *strings.Builder, x *tensor.Tensor) {
	n, ok := tensor.Elements(x.Shape)
	if !ok {
		return
	}
	for i := range int(min(n, maxAnswerValues)) {
		if element(x.Type, x.Data, i) == nil {
			return
		}
		b.WriteString(" " + show(x, i))
	}
	if n > maxAnswerValues {
		b.WriteString(" ...")
	}
}
