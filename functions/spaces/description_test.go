package spaces_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"switchboard/functions/about"
	"switchboard/shared/testbed"
)

// schema is what is looked at of a schema of the description.
type schema struct {
	Properties map[string]any
	Required   []string
	Type       any
}

// What answers tell of spaces is described, member by member, and that a call may be null.
func TestSpacesAreDescribed(t *testing.T) {
	b := testbed.New(t, append(rows(), about.Function()), nil)
	var described struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(b.Nobody().Get("/api/openapi.json").Want(http.StatusOK).Body, &described); err != nil {
		t.Fatal(err)
	}
	schemas := described.Components.Schemas
	ada := join(b, "ada")
	one := ada.Get(ada.club("open")).Want(http.StatusOK).JSON()
	for name, answer := range map[string]map[string]any{"SpacesDetails": one, "SpacesSummary": ada.mine()[0]} {
		for member := range answer {
			if schemas[name].Properties[member] == nil {
				t.Errorf("%s does not describe %s", name, member)
			}
		}
		for _, member := range schemas[name].Required {
			if _, there := answer[member]; !there {
				t.Errorf("%s requires %s, which is not there", name, member)
			}
		}
	}
	if types, ok := schemas["SpacesLiveCall"].Type.([]any); !ok || len(types) != 2 || types[1] != "null" {
		t.Errorf("a call is described as %v, and may be null", schemas["SpacesLiveCall"].Type)
	}
}
