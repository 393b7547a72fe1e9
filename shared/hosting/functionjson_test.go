package hosting_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/shared/hosting"
)

func TestFunctionJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		file hosting.FunctionFile
		want string
	}{
		{"http", hosting.FunctionFile{Name: "token", Route: "token/{*rest}", Methods: []string{"GET", "POST", "delete"}}, `{
  "bindings": [
    {
      "type": "httpTrigger",
      "direction": "in",
      "name": "req",
      "authLevel": "anonymous",
      "methods": [
        "get",
        "post",
        "delete",
        "options"
      ],
      "route": "token/{*rest}"
    },
    {
      "type": "http",
      "direction": "out",
      "name": "res"
    }
  ]
}
`},
		{"timer", hosting.FunctionFile{Name: "reminders", Trigger: map[string]any{"type": "timerTrigger", "name": "tick", "schedule": "0 * * * * *"}}, `{
  "bindings": [
    {
      "direction": "in",
      "name": "tick",
      "schedule": "0 * * * * *",
      "type": "timerTrigger"
    }
  ]
}
`},
		{"change feed", hosting.FunctionFile{Name: "notify", Trigger: map[string]any{"type": "cosmosDBTrigger", "name": "documents", "connection": "COSMOS"},
			Retry: &hosting.Retry{Strategy: "exponentialBackoff", MaxRetryCount: -1, MinimumInterval: "00:00:05", MaximumInterval: "00:10:00"}}, `{
  "bindings": [
    {
      "connection": "COSMOS",
      "direction": "in",
      "name": "documents",
      "type": "cosmosDBTrigger"
    }
  ],
  "retry": {
    "strategy": "exponentialBackoff",
    "maxRetryCount": -1,
    "minimumInterval": "00:00:05",
    "maximumInterval": "00:10:00"
  }
}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := hosting.FunctionJSON(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What the host would skip, or lose events over, is refused where it is written.
func TestFunctionJSONRefuses(t *testing.T) {
	t.Parallel()
	timer := map[string]any{"type": "timerTrigger", "name": "tick"}
	for want, file := range map[string]hosting.FunctionFile{
		"not a name":         {Name: "1st", Route: "first"},
		"name that the host": {Name: "Host", Route: "host"},
		"and not both":       {Name: "a", Route: "a", Trigger: timer},
		"needs a route":      {Name: "a"},
		"leading slash":      {Name: "a", Route: "/a"},
		"no retry":           {Name: "a", Route: "a", Retry: &hosting.Retry{}},
		"letters and digits": {Name: "a", Trigger: map[string]any{"type": "timerTrigger", "name": "my_timer"}},
		"needs a schedule":   {Name: "a", Trigger: timer},
		"of six fields":      {Name: "a", Trigger: map[string]any{"type": "timerTrigger", "name": "tick", "schedule": "*/5 * * * *"}},
		"a type":             {Name: "a", Trigger: map[string]any{"name": "tick"}},
		"loses what fails":   {Name: "a", Trigger: map[string]any{"type": "cosmosDBTrigger", "name": "documents"}},
	} {
		if _, err := hosting.FunctionJSON(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", file, err, want)
		}
	}
}
