package compare

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// Every field of the report's JSON is in the table of docs/compare.md.
func TestPageHasEveryField(t *testing.T) {
	page, err := os.ReadFile("../docs/compare.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "### The report as JSON\n")
	table, _, _ = strings.Cut(table, "\n## ")
	if !found {
		t.Fatal("docs/compare.md has no table of the report")
	}
	seen := map[reflect.Type]bool{}
	var look func(of reflect.Type)
	look = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || seen[of] || !strings.HasPrefix(of.PkgPath(), "sluice/compare") || strings.HasSuffix(of.PkgPath(), "/price") {
			return
		}
		seen[of] = true
		for i := range of.NumField() {
			f := of.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && !strings.Contains(table, "`"+name+"`") && !strings.Contains(table, "."+name+"`") && !strings.Contains(table, "`"+name+".") {
				t.Errorf("the table lacks %s of %s", name, of)
			}
			look(f.Type)
		}
	}
	look(reflect.TypeFor[Report]())
}
