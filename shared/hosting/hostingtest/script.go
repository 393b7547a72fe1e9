package hostingtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// script is a staged script root, read as the host reads it.
type script struct {
	executable  string
	arguments   []string
	prefix      string
	proxying    bool
	initTimeout time.Duration
	functions   []*function
}

// function is one folder with a function.json.
type function struct {
	name    string
	trigger trigger
	route   route // HTTP only
	retries int   // -1 = forever
}

type trigger struct {
	Type, Direction, Name, Route, Cardinality string
	Methods                                   []string
}

func (f *function) isHTTP() bool { return f.trigger.Type == "httpTrigger" }

var (
	functionName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,127}$`)
	bindingName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]{0,127}$`)
)

// readScript reads host.json and every direct child with a function.json. An old host
// does not know enableProxyingHttpRequest.
func readScript(root string, old bool) (*script, error) {
	var host struct {
		Version       string
		CustomHandler struct {
			Description struct {
				DefaultExecutablePath string
				Arguments             []string
			}
			EnableForwardingHTTPRequest, EnableProxyingHTTPRequest bool
			InitializationTimeout                                  string
			HTTP                                                   *struct{ Routes []json.RawMessage }
		}
		Extensions struct{ HTTP struct{ RoutePrefix *string } }
	}
	if err := readJSON(filepath.Join(root, "host.json"), &host); err != nil {
		return nil, err
	}
	handler := host.CustomHandler
	s := &script{arguments: handler.Description.Arguments, prefix: "api", initTimeout: 30 * time.Second,
		proxying: handler.EnableProxyingHTTPRequest && !old}
	if p := host.Extensions.HTTP.RoutePrefix; p != nil {
		s.prefix = *p
	}
	switch {
	case host.Version != "2.0":
		return nil, fmt.Errorf("host.json: the version is %q, not 2.0", host.Version)
	case !s.proxying && !handler.EnableForwardingHTTPRequest:
		return nil, errors.New("host.json: neither proxying nor forwarding; the payload form of HTTP requests is not played here")
	case handler.HTTP != nil && len(handler.HTTP.Routes) > 0:
		return nil, errors.New("host.json: detected both function.json files and custom handler HTTP route configuration")
	}
	var err error
	if s.executable, err = findExecutable(root, handler.Description.DefaultExecutablePath); err != nil {
		return nil, err
	}
	if handler.InitializationTimeout != "" {
		if s.initTimeout, err = parseTimeSpan(handler.InitializationTimeout); err != nil {
			return nil, err
		}
	}
	s.functions, err = readFunctions(root, s.prefix)
	return s, err
}

// findExecutable wants the file in the script root; searching PATH, as the host would
// do next, could only find another program.
func findExecutable(root, path string) (string, error) {
	full := filepath.Join(root, path)
	info, err := os.Stat(full)
	switch {
	case path == "" || filepath.IsAbs(path):
		return "", errors.New("host.json: defaultExecutablePath must name a file of the script root")
	case err != nil:
		return "", fmt.Errorf("host.json: defaultExecutablePath: %w", err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return "", fmt.Errorf("host.json: %s cannot be executed", path)
	}
	return full, nil
}

// parseTimeSpan reads "hh:mm:ss", with a fraction or without.
func parseTimeSpan(text string) (time.Duration, error) {
	var hours, minutes int
	var seconds float64
	if _, err := fmt.Sscanf(text, "%d:%d:%g", &hours, &minutes, &seconds); err != nil {
		return 0, fmt.Errorf("%q is not a time span such as 00:00:30", text)
	}
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds*float64(time.Second)), nil
}

func readFunctions(root, prefix string) ([]*function, error) {
	files, err := filepath.Glob(filepath.Join(root, "*", "function.json"))
	if err != nil {
		return nil, err
	}
	var functions []*function
	for _, file := range files {
		f, err := readFunction(file, prefix)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		functions = append(functions, f)
	}
	if len(functions) == 0 {
		return nil, errors.New("no functions found: function.json must be in a direct child of the script root")
	}
	return functions, nil
}

func readFunction(file, prefix string) (*function, error) {
	var content struct {
		Bindings []trigger
		Retry    *struct{ MaxRetryCount int }
		Disabled any
	}
	if err := readJSON(file, &content); err != nil {
		return nil, err
	}
	f := &function{name: filepath.Base(filepath.Dir(file))}
	if !functionName.MatchString(f.name) || strings.EqualFold(f.name, "host") {
		return nil, errors.New("the name of the folder is no function name")
	}
	triggers, outputs := 0, 0
	for _, b := range content.Bindings {
		switch {
		case !bindingName.MatchString(b.Name) && b.Name != "$return":
			return nil, fmt.Errorf("the binding name %q is invalid", b.Name)
		case strings.HasSuffix(b.Type, "Trigger") && b.Direction == "in":
			f.trigger = b
			triggers++
		case b.Type == "http" && b.Direction == "out":
			outputs++
		default:
			return nil, fmt.Errorf("the binding %q is not played here", b.Name)
		}
	}
	switch {
	case triggers != 1:
		return nil, fmt.Errorf("it has %d triggers", triggers)
	case f.isHTTP() != (outputs == 1):
		return nil, errors.New("an HTTP function, and no other, has one http output")
	case f.isHTTP() && content.Retry != nil:
		return nil, errors.New("HTTP functions have no retry")
	}
	if content.Retry != nil {
		f.retries = content.Retry.MaxRetryCount
	}
	if f.isHTTP() {
		template := f.trigger.Route
		if template == "" {
			template = f.name
		}
		f.route = newRoute(prefix, template, f.trigger.Methods)
	}
	return f, nil
}

func readJSON(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
