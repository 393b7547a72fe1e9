package functions_test

import (
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"switchboard/functions"
	"switchboard/shared/testbed"
)

// checkTypes finds schemas of a type that JSON Schema does not know.
func checkTypes(t *testing.T, at string, schema any) {
	t.Helper()
	switch s := schema.(type) {
	case []any:
		for i, one := range s {
			checkTypes(t, at+"/"+strconv.Itoa(i), one)
		}
	case map[string]any:
		for member, one := range s {
			checkTypes(t, at+"/"+member, one)
		}
		names, many := s["type"].([]any)
		if name, ok := s["type"].(string); ok && !many {
			names = []any{name}
		}
		for _, name := range names {
			if !slices.Contains([]any{"object", "array", "string", "integer", "number", "boolean", "null"}, name) {
				t.Errorf("%s is of the type %q", at, name)
			}
		}
	}
}

func TestDescription(t *testing.T) {
	b := testbed.New(t, functions.All(), nil)
	doc := b.Nobody().Get("/api/openapi.json").Want(http.StatusOK).JSON()
	if v, _ := doc["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("openapi %q", v)
	}
	checkTypes(t, "", doc["components"].(map[string]any)["schemas"])
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			responses := op.(map[string]any)["responses"].(map[string]any)
			for status, response := range responses {
				if status < "400" {
					continue
				}
				content, _ := response.(map[string]any)["content"].(map[string]any)
				if got := slices.Collect(maps.Keys(content)); len(got) != 1 || got[0] != "application/problem+json" {
					t.Errorf("%s %s: %s is described as %v", method, path, status, got)
				}
			}
			if created, ok := responses["201"].(map[string]any); ok {
				if created["content"] == nil {
					t.Errorf("%s %s: 201 is described without its body", method, path)
				}
				existing, _ := responses["200"].(map[string]any) // the same, made before
				if existing != nil && (!reflect.DeepEqual(existing["content"], created["content"]) || !reflect.DeepEqual(existing["headers"], created["headers"])) {
					t.Errorf("%s %s: 200 is described otherwise than 201", method, path)
				}
			}
			if _, ok := responses["422"]; ok {
				t.Errorf("%s %s: describes 422, which is never answered", method, path)
			}
		}
	}
	page := string(b.Nobody().Get("/api/docs").Want(http.StatusOK).Body)
	if body := string(b.Nobody().Get("/api/openapi.json").Body); strings.Contains(body, "ErrorModel") || !strings.Contains(body, `"Problem"`) {
		t.Error("the description speaks of errors that are never answered")
	}
	parts := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(parts) == 0 {
		t.Errorf("the documentation page has no parts: %s", page)
	}
	for _, part := range parts {
		if !strings.HasPrefix(part[1], "/api/docs/") {
			t.Errorf("the documentation page needs %s from elsewhere", part[1])
			continue
		}
		b.Nobody().Get(part[1]).Want(http.StatusOK)
	}
}
