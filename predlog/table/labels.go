package table

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"sluice/internal/remedy"
)

// The columns of a file of labels that say what a label is of: the request's id and, where rows have keys, the key.
const (
	labelID  = "id"
	labelKey = "key"
)

// labelPrefix is how the columns of labels begin in a joined file.
const labelPrefix = "label."

// Labels are the rows of a file of labels: flat columns of any type, in memory.
type Labels struct {
	columns []FlatLabel
	rows    [][]parquet.Value // by column
	places  map[labelOf][]int
	keyed   bool
}

// FlatLabel is a column of labels in a joined file.
type FlatLabel struct {
	Name string
	node parquet.Node
}

type labelOf struct{ id, key string }

// ReadLabels reads a file of labels. It must have a column id, and one called key if rows are told apart by a key;
// all other columns that hold single values are labels.
func ReadLabels(path string, keyed bool) (_ *Labels, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the labels %s: %w", path, remedy.Named(err))
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("cannot read the labels %s: %w", path, err)
		}
	}()
	p, err := openParquet(f)
	if err != nil {
		return nil, err
	}
	l := &Labels{places: map[labelOf][]int{}, keyed: keyed}
	return l, guarded(func() error { return l.read(p) })
}

func (l *Labels) read(p *parquet.File) error {
	idAt, keyAt := -1, -1
	var at []int // of the labels, in the file
	for _, path := range p.Schema().Columns() {
		leaf, _ := p.Schema().Lookup(path...) // it is one of its own
		switch name := path[0]; {
		case len(path) > 1 || leaf.MaxRepetitionLevel > 0:
		case name == labelID:
			idAt = leaf.ColumnIndex
		case name == labelKey && l.keyed:
			keyAt = leaf.ColumnIndex
		default:
			at = append(at, leaf.ColumnIndex)
			l.columns = append(l.columns, FlatLabel{labelPrefix + name, parquet.Optional(parquet.Leaf(leaf.Node.Type()))})
		}
	}
	if idAt < 0 || l.keyed && keyAt < 0 {
		return errors.New("it needs the column id with the requests' ids, and where rows have a key the column key")
	}
	for _, group := range p.RowGroups() {
		if err := l.readGroup(group, idAt, keyAt, at); err != nil {
			return err
		}
	}
	return nil
}

func (l *Labels) readGroup(group parquet.RowGroup, idAt, keyAt int, at []int) (err error) {
	rows := group.Rows()
	defer func() { err = errors.Join(err, rows.Close()) }()
	for buffer := make([]parquet.Row, readRows); ; {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			var of labelOf
			values := make([]parquet.Value, len(at))
			row.Range(func(column int, v []parquet.Value) bool {
				switch column {
				case idAt:
					of.id = v[0].String()
				case keyAt:
					of.key = v[0].String()
				}
				for i := range at {
					if at[i] == column {
						values[i] = v[0].Clone()
					}
				}
				return true
			})
			l.places[of] = append(l.places[of], len(l.rows))
			l.rows = append(l.rows, values)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// Len is how many labels there are.
func (l *Labels) Len() int { return len(l.rows) }

// Of are the places of the labels of a request's row; the key is empty where rows have none.
func (l *Labels) Of(id, key string) []int { return l.places[labelOf{id, key}] }
