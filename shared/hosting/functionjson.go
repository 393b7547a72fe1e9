package hosting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// What the Azure host accepts; a file that breaks a rule is logged and skipped there.
var (
	functionName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,127}$`)
	bindingName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]{0,127}$`)

	schedulePattern = regexp.MustCompile(`^([0-9A-Za-z*,/-]+ ){5}[0-9A-Za-z*,/-]+$|^%\w+%$`)
)

// The types of triggers that programs are told apart by.
const (
	CosmosDBTrigger = "cosmosDBTrigger" // delivers a container's change feed
	TimerTrigger    = "timerTrigger"    // fires by its "schedule" (NCRONTAB, six fields)
)

// FunctionFile is what a function.json says. It has either a Route or a Trigger.
type FunctionFile struct {
	Name    string         // the folder's name
	Route   string         // HTTP: below the route prefix, such as "token/{*rest}"
	Methods []string       // HTTP: in any case, OPTIONS is added; none = every method
	Trigger map[string]any // event: the binding with at least "type" and "name"; its direction is added
	Retry   *Retry         // event: what the host does when the function fails
}

// Retry is the host's retry policy. Only timer, Cosmos DB, Event Hubs and Kafka
// triggers know it.
type Retry struct {
	Strategy        string `json:"strategy"`                  // "fixedDelay" or "exponentialBackoff"
	MaxRetryCount   int    `json:"maxRetryCount"`             // -1 = until it succeeds
	DelayInterval   string `json:"delayInterval,omitempty"`   // fixedDelay: "hh:mm:ss"
	MinimumInterval string `json:"minimumInterval,omitempty"` // exponentialBackoff
	MaximumInterval string `json:"maximumInterval,omitempty"` // exponentialBackoff
}

// httpBinding has the order in which people write a binding.
type httpBinding struct {
	Type      string   `json:"type"`
	Direction string   `json:"direction"`
	Name      string   `json:"name"`
	AuthLevel string   `json:"authLevel,omitempty"`
	Methods   []string `json:"methods,omitempty"`
	Route     string   `json:"route,omitempty"`
}

// FunctionJSON returns the function.json of f: the same bytes for the same f, with a
// newline at the end.
//
// An HTTP function gets exactly one input and one output, because the host passes
// requests on unchanged to no other kind, and the level "anonymous", because
// sign-in is the App's. Without Methods the host passes every request on; with them it
// answers all others with an empty 404 of its own, HEAD included. A Cosmos DB trigger
// must have a Retry: without one the host drops a batch that failed. A timer must have
// a schedule, and without a Retry is called again by it only.
func FunctionJSON(f FunctionFile) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("function %q: %w", f.Name, err)
	}
	file := struct {
		Bindings []any  `json:"bindings"`
		Retry    *Retry `json:"retry,omitempty"`
	}{Retry: f.Retry}
	if f.Trigger != nil {
		trigger := maps.Clone(f.Trigger)
		trigger["direction"] = "in"
		file.Bindings = []any{trigger}
	} else {
		file.Bindings = []any{
			httpBinding{Type: "httpTrigger", Direction: "in", Name: "req", AuthLevel: "anonymous", Methods: httpMethods(f.Methods), Route: f.Route},
			httpBinding{Type: "http", Direction: "out", Name: "res"},
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(file); err != nil {
		return nil, fmt.Errorf("function %q: %w", f.Name, err)
	}
	return out.Bytes(), nil
}

func (f FunctionFile) check() error {
	name, _ := f.Trigger["name"].(string)
	kind, _ := f.Trigger["type"].(string)
	schedule, _ := f.Trigger["schedule"].(string)
	switch {
	case !functionName.MatchString(f.Name) || strings.EqualFold(f.Name, "host"):
		return errors.New("not a name that the host accepts")
	case (f.Route == "") == (f.Trigger == nil):
		return errors.New("needs a route or a trigger, and not both")
	case f.Trigger == nil && (f.Retry != nil || strings.HasPrefix(f.Route, "/")):
		return errors.New("an HTTP function has no retry, and its route no leading slash")
	case f.Trigger != nil && (!bindingName.MatchString(name) || !strings.HasSuffix(kind, "Trigger")):
		return errors.New("the trigger needs a type and a name of letters and digits")
	case kind == CosmosDBTrigger && f.Retry == nil:
		return errors.New("a Cosmos DB trigger without retry loses what fails")
	case kind == TimerTrigger && !schedulePattern.MatchString(schedule):
		return errors.New("a timer needs a schedule of six fields, or %SETTING%")
	}
	return nil
}

func httpMethods(given []string) []string {
	if len(given) == 0 {
		return nil
	}
	var methods []string
	for _, m := range append(slices.Clone(given), "options") {
		if m = strings.ToLower(m); !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	return methods
}
