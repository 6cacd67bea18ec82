// Package prescan looks at a text before a parser does, and refuses what would cost a parser much
// more than the text's size: nesting, and counts of what each costs an object. Parsers of YAML take
// time and memory that grow with the square of the nesting or of the keys: 100 KB of "[" took 15 GB.
//
// A scan is one pass without recursion and without memory of its own. It knows no grammar: where a
// text could be read in two ways it counts the one that costs more, so that no quotation mark hides
// anything from it. Its limits are far above what people write. It has no state and may be called
// from any goroutine.
package prescan
