package v1

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/oiptest"
	"sluice/internal/task"
)

// decoded is what became of a request to a ranking: its rows, and of each input the rows and the bytes.
type decoded struct {
	rows int
	in   [3]string
}

func show(t *task.Task) decoded {
	rows, in := oiptest.Show(t)
	return decoded{rows, in}
}

func TestOnce(t *testing.T) {
	f := func(rows int64, body string, want decoded, kind fault.Kind) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(oiptest.Ranking(rows), "m", []byte(body), nil, tk)
		if kind != fault.None {
			if !fault.Is(err, kind) {
				t.Errorf("%s: got %v, want %s", body, err, kind.Code())
			}
			return
		}
		if err != nil || show(tk) != want {
			t.Errorf("%s\ngot  %v, %v\nwant %v", body, show(tk), err, want)
		}
	}
	const a, aa = `"\x01\x00\x00\x00a"`, `"\x01\x00\x00\x00a\x01\x00\x00\x00a"`
	columns := `{"inputs":{"user":[[1,2]],"items":[[97],[98]],"tags":[["a"]]}}`
	short := decoded{2, [3]string{`1 "\x01\x02"`, `2 "ab"`, "1 " + a}}
	f(-1, columns, short, fault.None)
	f(1, columns, short, fault.None)
	instances := `{"instances":[{"user":[1,2],"items":[97],"tags":["a"]},{"items":[98],"tags":["a"],"user":[1,2]}]}`
	f(-1, instances, decoded{2, [3]string{`2 "\x01\x02\x01\x02"`, `2 "ab"`, "2 " + aa}}, fault.None)
	f(1, instances, short, fault.None)
	f(1, `{"instances":[{"user":[1,2],"items":[97],"tags":["a"]},{"items":[98],"tags":["a"],"user":[1,3]}]}`, decoded{}, fault.BatchMismatch)
	f(1, `{"instances":[{"user":[1,2],"items":[97],"tags":["a"]},{"items":[98],"tags":["a"]}]}`, decoded{}, fault.MissingInput)
	f(-1, `{"inputs":{"user":[[1,2],[1,2],[1,2]],"items":[[97],[98]],"tags":[["a"]]}}`, decoded{}, fault.BatchMismatch)
}

func TestOptional(t *testing.T) {
	f := func(body, want string, rows int, kind fault.Kind) {
		t.Helper()
		var r Request
		for range 2 { // a used request decodes as a new one
			tk := task.Get()
			err := r.Decode(oiptest.Scaled(8), "m", []byte(body), nil, tk)
			if kind != fault.None && !fault.Is(err, kind) {
				t.Errorf("%s: got %v, want %s", body, err, kind.Code())
			}
			if kind == fault.None && (err != nil || oiptest.ShowOptional(tk) != want || tk.Rows != rows || (tk.ShapeKey == 0) != (want == "")) {
				t.Errorf("%s: got %d rows, key %x, %s and %v, want %d and %s", body, tk.Rows, tk.ShapeKey, oiptest.ShowOptional(tk), err, rows, want)
			}
			tk.Release()
		}
	}
	const ten = `scale UINT8 [1] "\n" - - `
	f(`{"instances":[[1,2],[3,4]]}`, "", 2, fault.None)
	f(`{"inputs":{"x":[[1,2],[3,4]]}}`, "", 2, fault.None)
	f(`{"inputs":{"scale":[10],"x":[[1,2],[3,4]]}}`, ten, 2, fault.None)
	f(`{"instances":[{"x":[1,2],"scale":[10]},{"scale":[10],"x":[3,4]},{"x":[5,6],"scale":[10]}]}`, ten, 3, fault.None)
	f(`{"instances":[{"x":[1,2],"names":["a"]}]}`, `- names BYTES [1] "\x01\x00\x00\x00a" - `, 1, fault.None)
	f(`{"instances":[{"x":[1,2],"scale":[10]},{"x":[3,4]}]}`, "", 0, fault.BatchMismatch)
	f(`{"instances":[{"x":[1,2]},{"x":[3,4],"scale":[10]}]}`, "", 0, fault.BatchMismatch)
	f(`{"instances":[{"x":[1,2],"scale":[10]},{"x":[3,4],"scale":[11]}]}`, "", 0, fault.BatchMismatch)
	f(`{"instances":[{"x":[1,2],"names":["a"]},{"x":[3,4],"names":["a","b"]}]}`, "", 0, fault.DataLengthMismatch)
	f(`{"instances":[{"x":[1,2],"scale":[10],"scale":[10]}]}`, "", 0, fault.DuplicateField)
	f(`{"instances":[{"scale":[10]}]}`, "", 0, fault.MissingInput)
	f(`{"instances":[{"x":[1,2],"half":1}]}`, "", 0, fault.Unsupported)
	f(`{"inputs":{"x":[[1,2]],"scale":10}}`, "", 0, fault.WrongShape)
}

func numbers(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }

// TestLengths holds that a row that is too long is refused, in both forms.
func TestLengths(t *testing.T) {
	f := func(text string, mostRows int, want string) {
		t.Helper()
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(oiptest.Bounded(), "m", []byte(text), nil, tk)
		if want == "" && (err != nil || tk.MostRows != mostRows) || want != "" && (!fault.Is(err, fault.ShapeTooLarge) || fault.Of(err).Text != want) {
			t.Errorf("%.60s: %v, %d rows; want %d, %q", text, err, tk.MostRows, mostRows, want)
		}
	}
	row := func(n int) string { return fmt.Sprintf(`{"tokens":%s,"mask":%[1]s}`, numbers(n)) }
	f(`{"instances":[`+row(4)+`]}`, 1, "")
	f(`{"instances":[`+row(5)+`]}`, 0, oiptest.TooLong)
	f(`{"instances":[`+row(5)+`,`+row(5)+`]}`, 0, oiptest.TooLong)
	f(fmt.Sprintf(`{"inputs":{"tokens":[%s],"mask":[%[1]s]}}`, numbers(5)), 0, oiptest.TooLong)
}
