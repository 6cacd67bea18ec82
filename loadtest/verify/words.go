package verify

import (
	"fmt"
	"strings"

	"sluice/internal/oip"
	"sluice/internal/tensor"
)

// String puts a difference into words: output "y"[3] is 0.5021, expected 0.5018 (limit 6e-05).
func (d *difference) String() string {
	switch d.kind {
	case none:
		return "no difference"
	case missing:
		return fmt.Sprintf("output %q is missing", d.want.Name)
	case otherType:
		return fmt.Sprintf("output %q is %s, expected %s", d.want.Name, d.got.Type, d.want.Type)
	case otherShape:
		return fmt.Sprintf("output %q has the shape %s, expected %s", d.want.Name, showShape(d.got.Shape), showShape(d.want.Shape))
	case otherClass:
		return fmt.Sprintf("output %q row %d has its maximum at class %d, expected %d", d.want.Name, d.at, d.gotClass, d.wantClass)
	}
	text := fmt.Sprintf("output %q%s is %s, expected %s", d.want.Name, index(d.want.Shape, d.at), show(d.got, d.at), show(d.want, d.at))
	if d.want.Type.Float() {
		text += fmt.Sprintf(" (limit %.2g)", d.limit)
	}
	return text
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
	return showShape(places)
}

func showShape(shape []int64) string {
	if shape == nil {
		return "[]"
	}
	return strings.ReplaceAll(fmt.Sprint(shape), " ", ",")
}

func show(t *tensor.Tensor, at int) string {
	if t.Type.Float() {
		return fmt.Sprintf("%.7g", tensor.FloatAt(t.Type, t.Data, at))
	}
	data := element(t.Type, t.Data, t.Type.Size(), at)
	switch {
	case data == nil:
		return "nothing"
	case t.Type == tensor.Bytes:
		return fmt.Sprintf("%.40q", data[4:])
	}
	text, err := oip.AppendValues(nil, &tensor.Tensor{Name: t.Name, Type: t.Type, Data: data})
	if err != nil {
		return err.Error()
	}
	return string(text)
}
