package load

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// csvSource is a file of text, with the names of its columns in the first line. A field without text holds nothing.
type csvSource struct {
	limit  *recordLimit
	csv    *csv.Reader
	at     []int // column of each field
	record []string
	line   int
}

// maxRecord bounds one line of a CSV file, which may go over several lines of text: the reader holds it in memory.
const maxRecord = 16 << 20

func openCSV(r io.Reader, fields []string) (source, error) {
	s := &csvSource{limit: &recordLimit{r: r}}
	s.csv = csv.NewReader(s.limit)
	s.csv.ReuseRecord = true
	header, err := s.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("cannot read its first line, the names of columns: %w", err)
	}
	if len(header) > 0 { // a mark that some programs write in front
		header[0] = trimMark(header[0])
	}
	for _, name := range fields {
		i := slices.Index(header, name)
		if i < 0 {
			return nil, fmt.Errorf("it has no column %q", name)
		}
		s.at = append(s.at, i)
	}
	return s, nil
}

func trimMark(s string) string {
	const mark = "\ufeff"
	if len(s) >= len(mark) && s[:len(mark)] == mark {
		return s[len(mark):]
	}
	return s
}

func (s *csvSource) next() (err error) {
	s.limit.read = 0
	if s.record, err = s.csv.Read(); err != nil {
		return err
	}
	s.line, _ = s.csv.FieldPos(0)
	return nil
}

func (s *csvSource) cell(field int) cell {
	if v := s.record[s.at[field]]; v != "" {
		return cell{kind: text, text: []byte(v)}
	}
	return cell{}
}

func (s *csvSource) place() string { return "line " + strconv.Itoa(s.line) }

// recordLimit ends a record that is too long.
type recordLimit struct {
	r    io.Reader
	read int
}

func (l *recordLimit) Read(p []byte) (int, error) {
	if l.read > maxRecord {
		return 0, fmt.Errorf("a line is longer than %d bytes: is a quotation mark missing?", maxRecord)
	}
	n, err := l.r.Read(p)
	l.read += n
	return n, err
}
