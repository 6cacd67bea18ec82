package onnx

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/internal/complaint"
)

// TestDeclarationsMatchTheModule compares each C function that clib.h declares with the
// header of the onnxruntime_go that is built in: C would link them unseen.
func TestDeclarationsMatchTheModule(t *testing.T) {
	theirs := declarations(t, moduleHeader(t, "onnxruntime_wrapper.h"))
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

func moduleHeader(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), name)
}

// TestErrorCodeIsTheSecondFunction: the library's own header says where in its interface the
// code of a status is, and what the codes are. Both are fixed for good there.
func TestErrorCodeIsTheSecondFunction(t *testing.T) {
	text, err := os.ReadFile(moduleHeader(t, "onnxruntime_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	_, api, found := strings.Cut(string(text), "\nstruct OrtApi {")
	functions := regexp.MustCompile(`\(ORT_API_CALL\* ?(\w+)\)`).FindAllStringSubmatch(api, 3)
	if !found || len(functions) != 3 || functions[0][1] != "CreateStatus" || functions[1][1] != "GetErrorCode" || functions[2][1] != "GetErrorMessage" {
		t.Errorf("the interface begins with %q", functions)
	}
	_, codes, _ := strings.Cut(string(text), "typedef enum OrtErrorCode {")
	codes, _, _ = strings.Cut(codes, "}")
	names := regexp.MustCompile(`\w+`).FindAllString(codes, -1)
	for name, code := range map[string]complaint.Code{"ORT_FAIL": complaint.Fail, "ORT_INVALID_ARGUMENT": complaint.InvalidArgument, "ORT_RUNTIME_EXCEPTION": complaint.Exception} {
		if int(code) >= len(names) || names[code] != name {
			t.Errorf("%s is not code %d of %q", name, code, names)
		}
	}
}

// TestPlacesOfTheInterface lets the compiler compare the numbers of the functions that call.c takes
// out of the library's interface with the header of the onnxruntime_go that is built in.
func TestPlacesOfTheInterface(t *testing.T) {
	header := moduleHeader(t, "onnxruntime_c_api.h")
	ours, err := os.ReadFile("call.c")
	if err != nil {
		t.Fatal(err)
	}
	program := "#include <stddef.h>\n#include \"" + header + "\"\n"
	for constant, function := range map[string]string{
		"GRAPH_PARTS": "Session_GetEpGraphAssignmentInfo", "PART_PROVIDER": "EpAssignedSubgraph_GetEpName",
		"PART_NODES": "EpAssignedSubgraph_GetNodes", "NODE_OPERATOR": "EpAssignedNode_GetOperatorType",
	} {
		place := regexp.MustCompile(constant + ` = (\d+)`).FindSubmatch(ours)
		if place == nil {
			t.Fatalf("call.c has no %s", constant)
		}
		program += fmt.Sprintf("_Static_assert(offsetof(OrtApi, %s) == %s * sizeof(void *), \"%s\");\n", function, place[1], constant)
	}
	cc := exec.Command("cc", "-fsyntax-only", "-x", "c", "-")
	cc.Stdin = strings.NewReader(program)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
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
