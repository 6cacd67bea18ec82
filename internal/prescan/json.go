package prescan

import "fmt"

// JSONLimits are the most that a JSON text may have.
type JSONLimits struct {
	// Depth is of objects and arrays in one another. Objects and Arrays are counts of those; strings
	// that hold braces and brackets count them too.
	Depth, Objects, Arrays int
}

// JSON refuses a text whose objects would take much more memory than it has bytes itself: an empty
// object is two bytes in a text and may be hundreds in a program.
func JSON(text []byte, most JSONLimits) error {
	depth, objects, arrays := 0, 0, 0
	for _, c := range text {
		switch c {
		case '{':
			objects++
			depth++
		case '[':
			arrays++
			depth++
		case '}', ']':
			depth = max(depth-1, 0)
		default:
			continue
		}
		switch {
		case depth > most.Depth:
			return fmt.Errorf("it is nested more than %d levels deep", most.Depth)
		case objects > most.Objects:
			return fmt.Errorf("it has more than %d objects", most.Objects)
		case arrays > most.Arrays:
			return fmt.Errorf("it has more than %d arrays", most.Arrays)
		}
	}
	return nil
}
