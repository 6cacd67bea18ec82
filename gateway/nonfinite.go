package gateway

import (
	"sluice/internal/fault"
	"sluice/internal/oip/wire"
)

// answerForm is how the answer is to be written: with the words NaN and Infinity in its JSON, or
// with null in their place. What the request's head asks for comes before the model's own setting.
func answerForm(value []byte, modelNull bool, most int64) (wire.AnswerForm, *fault.Error) {
	form := wire.AnswerForm{NullNonFinite: modelNull, MaxBytes: most}
	if value == nil {
		return form, nil
	}
	switch string(value) {
	case "null":
		form.NullNonFinite = true
	case "literal":
		form.NullNonFinite = false
	default:
		return form, fault.Newf(fault.InvalidParameter, "Sluice-Nonfinite is %.40q; it must be null or literal", value)
	}
	return form, nil
}
