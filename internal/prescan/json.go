package prescan

import "fmt"

// JSONLimits are the most that a JSON text may have.
type JSONLimits struct {
	// Depth is of objects and arrays in one another; Values is how many values there may be. What
	// looks so inside of strings counts too.
	Depth, Values int
}

// JSON refuses a text whose values would take much more memory than it has bytes itself: a value is
// two bytes in a text, and may be hundreds in a program.
func JSON(text []byte, most JSONLimits) error {
	depth, values := 0, 1
	for _, c := range text {
		switch c {
		case '{', '[':
			values++
			depth++
		case '}', ']':
			depth = max(depth-1, 0)
		case ',':
			values++
		default:
			continue
		}
		switch {
		case depth > most.Depth:
			return fmt.Errorf("it is nested more than %d levels deep", most.Depth)
		case values > most.Values:
			return fmt.Errorf("it has more than %d values", most.Values)
		}
	}
	return nil
}
