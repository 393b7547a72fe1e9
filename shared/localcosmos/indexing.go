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

// indexing is what an indexing policy allows ORDER BY to do. The store itself
// has no property index: the policy decides only what is refused, as the
// service would.
type indexing struct {
	none       bool
	included   [][]string
	excluded   [][]string
	composites [][]query.Order
}

// indexingPolicy is the JSON of one.
type indexingPolicy struct {
	IndexingMode     string      `json:"indexingMode"`
	IncludedPaths    []indexPath `json:"includedPaths"`
	ExcludedPaths    []indexPath `json:"excludedPaths"`
	CompositeIndexes [][]struct {
		Path  string `json:"path"`
		Order string `json:"order"`
	} `json:"compositeIndexes"`

	// These change speed and cost only, or serve functions that are refused.
	Automatic json.RawMessage `json:"automatic"`
	Spatial   json.RawMessage `json:"spatialIndexes"`
}

type indexPath struct {
	Path    string          `json:"path"`
	Indexes json.RawMessage `json:"indexes"` // of older policies
}

func newIndexing(policy indexingPolicy) (x indexing, err error) {
	x.none = strings.EqualFold(policy.IndexingMode, "none")
	if x.included, err = indexPaths(policy.IncludedPaths); err != nil {
		return x, err
	}
	if x.excluded, err = indexPaths(policy.ExcludedPaths); err != nil {
		return x, err
	}
	for _, composite := range policy.CompositeIndexes {
		if len(composite) < 2 {
			return x, badRequest("A composite index has at least 2 paths.")
		}
		var orders []query.Order
		for _, part := range composite {
			path, err := parsePaths([]string{part.Path})
			if err != nil {
				return x, err
			}
			orders = append(orders, query.Order{Path: path[0], Desc: part.Order == "descending"})
		}
		x.composites = append(x.composites, orders)
	}
	return x, nil
}

// indexPaths splits /a/b/? and /c/*.
func indexPaths(entries []indexPath) ([][]string, error) {
	var paths [][]string
	for _, entry := range entries {
		path, ok := splitPath(entry.Path)
		if last := path[len(path)-1]; !ok || last != "?" && last != "*" {
			return nil, badRequest("The indexing path %q does not start with / and end in /? or /*.", entry.Path)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// check refuses an ORDER BY that the service could not serve: over a path that
// is not indexed, or over several without a composite index of the same
// sequence, its directions all equal or all inverted.
func (x indexing) check(orders []query.Order) error {
	if len(orders) == 1 && !x.indexed(orders[0].Path) {
		return badRequest("The index path corresponding to the specified order-by item is excluded.")
	}
	serves := func(composite []query.Order) bool {
		inverted := composite[0].Desc != orders[0].Desc
		return slices.EqualFunc(composite, orders, func(a, b query.Order) bool {
			return slices.Equal(a.Path, b.Path) && (a.Desc != b.Desc) == inverted
		})
	}
	if len(orders) > 1 && !slices.ContainsFunc(x.composites, serves) {
		return badRequest("The order by query does not have a corresponding composite index that it can be served from.")
	}
	return nil
}

// indexed applies the most precise of the included and excluded paths. By
// default everything is included but _etag; id and _ts always are.
func (x indexing) indexed(path []string) bool {
	switch {
	case x.none:
		return false
	case len(path) == 1 && (path[0] == "id" || path[0] == "_ts"):
		return true
	case len(x.included) == 0 && len(x.excluded) == 0:
		return !slices.Equal(path, []string{"_etag"})
	}
	return precision(x.included, path) > precision(x.excluded, path)
}

// precision is how many steps of path the best pattern fixes, with /? more
// precise than /*, or -1.
func precision(patterns [][]string, path []string) int {
	best := -1
	for _, pattern := range patterns {
		fixed, last := pattern[:len(pattern)-1], pattern[len(pattern)-1]
		switch {
		case last == "?" && slices.Equal(fixed, path):
			best = max(best, 2*len(fixed)+1)
		case last == "*" && len(fixed) <= len(path) && slices.Equal(fixed, path[:len(fixed)]):
			best = max(best, 2*len(fixed))
		}
	}
	return best
}
