package tare_test

import (
	"go/ast"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

func osRoot(t *testing.T) fs.FS {
	t.Helper()
	return os.DirFS(".")
}

// TestPackageDocs wants one package comment in each package, in one file.
func TestPackageDocs(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		if s.test || s.dir == "." {
			continue
		}
		docs[s.dir] = append(docs[s.dir], nil...)
		if s.file.Doc != nil {
			docs[s.dir] = append(docs[s.dir], s.name)
		}
	}
	for dir, files := range docs {
		if len(files) != 1 {
			t.Errorf("%s has its package comment in %v, want one file", dir, files)
		}
	}
}

// TestExportedDocs wants a comment on everything exported, and functions of at
// most 80 lines.
func TestExportedDocs(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%v: %s has no comment", s.fset.Position(d.Pos()), d.Name.Name)
				}
				if lines := s.fset.Position(d.End()).Line - s.fset.Position(d.Pos()).Line + 1; lines > 80 {
					t.Errorf("%v: %s has %d lines, want at most 80", s.fset.Position(d.Pos()), d.Name.Name, lines)
				}
			case *ast.GenDecl:
				checkSpecs(t, &s, d)
			}
		}
	}
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	exported := true
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			exported = exported && id.IsExported()
			return false
		}
		return true
	})
	return exported
}

func checkSpecs(t *testing.T, s *source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
				t.Errorf("%v: %s has no comment", s.fset.Position(spec.Pos()), spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					t.Errorf("%v: %s has no comment", s.fset.Position(name.Pos()), name.Name)
				}
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

// TestDocLinks follows every relative link of the Markdown files.
func TestDocLinks(t *testing.T) {
	root := osRoot(t)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".md") {
			return nil
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := m[1]
			if i := strings.LastIndexByte(name, '/'); i >= 0 {
				target = name[:i+1] + target
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
