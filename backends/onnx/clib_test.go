package onnx

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDeclarationsMatchTheModule compares each C function that clib.h declares with the
// header of the onnxruntime_go that is built in: C would link them unseen.
func TestDeclarationsMatchTheModule(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := declarations(t, filepath.Join(strings.TrimSpace(string(out)), "onnxruntime_wrapper.h"))
	ours := declarations(t, "clib.h")
	if len(ours) < 20 {
		t.Fatalf("found only %d declarations in clib.h", len(ours))
	}
	for name, signature := range ours {
		if theirs[name] != signature {
			t.Errorf("%s is declared as\n%s\nand is\n%s", name, signature, theirs[name])
		}
	}
	header, err := os.ReadFile("clib.h")
	if err != nil {
		t.Fatal(err)
	}
	if weak := strings.Count(string(header), "#pragma weak "); weak != len(ours) {
		t.Errorf("%d functions are weak and %d are declared", weak, len(ours))
	}
}

var declaration = regexp.MustCompile(`(?m)^((?:const )?\w+ \*?)(\w+)\(([^;{]*)\);`)

// declarations maps each function of a header to its signature, in one spelling.
func declarations(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spaces := regexp.MustCompile(`\s+`)
	all := map[string]string{}
	for _, m := range declaration.FindAllStringSubmatch(string(text), -1) {
		all[m[2]] = spaces.ReplaceAllString(m[1]+m[2]+"("+m[3]+")", " ")
	}
	return all
}
