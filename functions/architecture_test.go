package functions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = ".."

// source is one Go file of the tree.
type source struct {
	path    string // slash-separated, from the root
	pkg     string // its folder
	test    bool
	imports []string
	file    *ast.File
}

// sources parses every Go file of the tree.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "dist") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), pkg: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(path, "_test.go"), file: file}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// within reports whether a package is one of the folders or below one.
func within(pkg string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return pkg == f || strings.HasPrefix(pkg, f+"/") })
}

// laptop is what belongs to tests and the laptop: never in what is deployed.
var laptop = []string{
	"shared/local", "shared/localacs", "shared/localcosmos", "shared/localgraph", "shared/localoidc",
	"shared/faults", "shared/testbed", "shared/hosting/hostingtest",
}

// owners are the only packages that may import a library, with the local
// service that imitates the other side. Everything else speaks the domain.
var owners = map[string][]string{
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos":     {"shared/storage", "shared/localcosmos", "shared/testbed"},
	"github.com/aws/aws-lambda-go":                            {"shared/hosting"},
	"github.com/danielgtaylor/huma":                           {"shared/api"},
	"github.com/MicahParks":                                   {"shared/signin"},
	"go.etcd.io/bbolt":                                        {"shared/localcosmos", "shared/localacs", "shared/localgraph"},
	"github.com/zitadel/oidc":                                 {"shared/localoidc"},
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault": {"shared/seal"},
	"github.com/microsoftgraph/msgraph-sdk-go":                {},
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity":        {"shared/app", "shared/entra", "shared/localgraph"}, // app: the default chain alone; localgraph: its tests
	"github.com/sethvargo/go-envconfig":                       {"shared/app"},
}

func TestImportRules(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			ours, isOurs := strings.CutPrefix(imported, "switchboard/")
			if !isOurs {
				for library, packages := range owners {
					if within(imported, library) && !within(s.pkg, packages...) {
						t.Errorf("%s imports %s: only %v may", s.path, imported, packages)
					}
				}
				continue
			}
			switch {
			case within(s.pkg, "shared") && within(ours, "functions"):
				t.Errorf("%s imports %s: shared never imports functions", s.path, imported)
			case !s.test && isFunction(s.pkg) && within(ours, "functions") && ours != s.pkg:
				t.Errorf("%s imports %s: functions never import each other", s.path, imported)
			case !s.test && within(ours, laptop...) && !within(s.pkg, laptop...) && !within(s.pkg, "scripts"):
				t.Errorf("%s imports %s: local services are for tests and scripts", s.path, imported)
			case !s.test && within(s.pkg, "shared/localcosmos") && !within(ours, "shared/localcosmos"):
				t.Errorf("%s imports %s: the store stands on its own", s.path, imported)
			}
		}
	}
}

// isFunction reports whether a package is a function's own: not the table, not
// a main.
func isFunction(pkg string) bool {
	return strings.HasPrefix(pkg, "functions/") && !within(pkg, "functions/cmd")
}

// wire are words of a protocol and the packages that may know them.
var wire = map[string][]string{
	"x-ms-content-sha256":          {"shared/acs", "shared/localacs"},
	"FUNCTIONS_CUSTOMHANDLER_PORT": {"shared/hosting"},
	"AWS_LAMBDA_RUNTIME_API":       {"shared/hosting"},
	"x-ms-documentdb-partitionkey": {"shared/storage", "shared/localcosmos"},
	"cosmosDBTrigger":              {"shared/hosting"},
	"timerTrigger":                 {"shared/hosting"},
	"/onlineMeetings":              {"shared/graph", "shared/localgraph"},
	"/calendarView":                {"shared/graph", "shared/localgraph"},
}

func TestOnePackageKnowsEachProtocol(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			for word, packages := range wire {
				if strings.Contains(strings.ToLower(lit.Value), strings.ToLower(word)) && !within(s.pkg, packages...) {
					t.Errorf("%s mentions %s: only %v may", s.path, word, packages)
				}
			}
			return true
		})
	}
}

// TestOnlyBackgroundWorkCrossesPartitions: no request waits for a query whose cost
// grows with the container.
func TestOnlyBackgroundWorkCrossesPartitions(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || within(s.pkg, "shared/outbox", "shared/storage") || s.path == "shared/meeting/upkeep.go" { // which a timer calls
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "QueryAll" {
				t.Errorf("%s calls QueryAll", s.path)
			}
			return true
		})
	}
}

func TestConventions(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil
		for _, part := range strings.Split(s.path, "/") {
			switch strings.TrimSuffix(part, ".go") {
			case "util", "utils", "common", "helpers", "helper", "misc":
				t.Errorf("%s: %q says nothing of what is in it", s.path, part)
			}
		}
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function: set-up is called, not imported", s.path)
			}
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s says nowhere what it is", pkg)
		}
	}
}

// deployed returns what the linker sees, tests of the rules above aside. The tag is
// that of scripts/package.
func deployed(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc", "./functions/cmd/...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

func TestNothingLocalIsDeployed(t *testing.T) {
	for _, pkg := range deployed(t) {
		if within(strings.TrimPrefix(pkg, "switchboard/"), laptop...) || within(pkg, "go.etcd.io/bbolt", "github.com/zitadel") {
			t.Errorf("a production binary contains %s", pkg)
		}
	}
}

// TestNoTemplatesAreDeployed: text/template calls whatever method a template names, so
// where it is linked, the linker keeps every exported method of every type. That is
// megabytes, which nobody finds by the size of a package.
func TestNoTemplatesAreDeployed(t *testing.T) {
	for _, pkg := range deployed(t) {
		if within(pkg, "text/template", "html/template") {
			t.Errorf("a production binary contains %s; go list -deps says through what", pkg)
		}
	}
}
