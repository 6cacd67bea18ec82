package review

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestFieldsAreDocumented wants each field of the answers in docs/versions.md.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/versions.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(of reflect.Type)
	walk = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if seen++; !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("%s.%s is %q, which docs/versions.md lacks", of.Name(), of.Field(i).Name, name)
			}
			walk(of.Field(i).Type)
		}
	}
	walk(reflect.TypeFor[Diff]())
	walk(reflect.TypeFor[Files]())
	if seen < 50 {
		t.Errorf("only %d fields were found", seen)
	}
}
