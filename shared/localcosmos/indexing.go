package localcosmos

import (
	"encoding/json"
	"slices"
	"strings"

	"switchboard/shared/localcosmos/internal/query"
)

// defaultIndexing is the policy of a container that was made without one:
// everything but _etag.
const defaultIndexing = `{
	"indexingMode": "consistent",
	"automatic": true,
	"includedPaths": [{"path": "/*"}],
	"excludedPaths": [{"path": "/\"_etag\"/?"}]
}`

// indexing is an indexing policy. The store itself has no property index: the
// policy decides only which ORDER BY is refused, as the service would.
type indexing struct {
	Mode       string            `json:"indexingMode"`
	Included   []indexPath       `json:"includedPaths"`
	Excluded   []indexPath       `json:"excludedPaths"`
	Composites [][]compositePath `json:"compositeIndexes"`

	// These change speed and cost only, or serve functions that are refused.
	Automatic json.RawMessage `json:"automatic"`
	Spatial   json.RawMessage `json:"spatialIndexes"`
}

// indexPath has a path like /a/b/? or /c/*.
type indexPath struct {
	Path    string          `json:"path"`
	Indexes json.RawMessage `json:"indexes"` // of older policies
}

type compositePath struct {
	Path  propertyPath `json:"path"`
	Order string       `json:"order"`
}

// validate applies the rules that encoding/json does not know.
func (x *indexing) validate() error {
	if !slices.Contains([]string{"", "consistent", "none"}, strings.ToLower(x.Mode)) {
		return unsupported("the indexing mode %q", x.Mode)
	}
	for _, entry := range slices.Concat(x.Included, x.Excluded) {
		if !strings.HasPrefix(entry.Path, "/") || !strings.HasSuffix(entry.Path, "/?") && !strings.HasSuffix(entry.Path, "/*") {
			return badRequest("The indexing path %q does not start with / and end in /? or /*.", entry.Path)
		}
	}
	for _, composite := range x.Composites {
		if len(composite) < 2 {
			return badRequest("A composite index has at least 2 paths.")
		}
		if slices.ContainsFunc(composite, func(part compositePath) bool {
			return part.Path == nil || !slices.Contains([]string{"", "ascending", "descending"}, part.Order)
		}) {
			return badRequest("A part of a composite index has no path, or an order that is not ascending or descending.")
		}
	}
	return nil
}

// check refuses an ORDER BY that the service could not serve: over a path that
// is not indexed, or over several without a composite index of the same
// sequence, its directions all equal or all inverted.
func (x *indexing) check(orders []query.Order) error {
	if len(orders) == 1 && !x.indexed(orders[0].Path) {
		return badRequest("The index path corresponding to the specified order-by item is excluded.")
	}
	serves := func(composite []compositePath) bool {
		inverted := composite[0].descending() != orders[0].Desc
		return slices.EqualFunc(composite, orders, func(part compositePath, order query.Order) bool {
			return slices.Equal(part.Path, order.Path) && (part.descending() != order.Desc) == inverted
		})
	}
	if len(orders) > 1 && !slices.ContainsFunc(x.Composites, serves) {
		return badRequest("The order by query does not have a corresponding composite index that it can be served from.")
	}
	return nil
}

func (p compositePath) descending() bool { return p.Order == "descending" }

func (x *indexing) none() bool { return strings.EqualFold(x.Mode, "none") }

// indexed applies the most precise of the included and excluded paths. By
// default everything is included but _etag; id and _ts always are.
func (x *indexing) indexed(property []string) bool {
	path := "/" + strings.Join(property, "/")
	switch {
	case x.none():
		return false
	case path == "/id" || path == "/_ts":
		return true
	case len(x.Included) == 0 && len(x.Excluded) == 0:
		return path != "/_etag"
	}
	return precision(x.Included, path) > precision(x.Excluded, path)
}

// precision is how much of path the best entry fixes, or 0. The ? makes an
// entry for the path alone more precise than one for all below it.
func precision(entries []indexPath, path string) int {
	best := 0
	for _, entry := range entries {
		pattern := strings.ReplaceAll(entry.Path, `"`, "")
		above, all := strings.CutSuffix(pattern, "*")
		switch {
		case pattern == path+"/?":
			best = max(best, len(pattern))
		case all && strings.HasPrefix(path+"/", above):
			best = max(best, len(above))
		}
	}
	return best
}
