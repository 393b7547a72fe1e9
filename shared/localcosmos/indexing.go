package localcosmos

import (
	"encoding/json"
	"slices"
	"strings"

	"switchboard/shared/localcosmos/internal/query"
)

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
		orders := make([]query.Order, len(composite))
		for i, part := range composite {
			path, err := parsePaths([]string{part.Path})
			if err != nil {
				return x, err
			}
			orders[i] = query.Order{Path: path[0], Desc: part.Order == "descending"}
		}
		x.composites = append(x.composites, orders)
	}
	return x, nil
}

// indexPaths splits /a/b/? and /c/*.
func indexPaths(entries []indexPath) ([][]string, error) {
	var paths [][]string
	for _, entry := range entries {
		path := strings.Split(strings.TrimPrefix(entry.Path, "/"), "/")
		for i, name := range path {
			path[i] = strings.Trim(name, `"`)
		}
		if last := path[len(path)-1]; !strings.HasPrefix(entry.Path, "/") || last != "?" && last != "*" {
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
	for _, order := range orders {
		if !x.indexed(order.Path) && len(orders) == 1 {
			return badRequest("The index path corresponding to the specified order-by item is excluded.")
		}
	}
	if len(orders) < 2 || slices.ContainsFunc(x.composites, func(c []query.Order) bool { return serves(c, orders) }) {
		return nil
	}
	return badRequest("The order by query does not have a corresponding composite index that it can be served from.")
}

func serves(composite, orders []query.Order) bool {
	inverted := composite[0].Desc != orders[0].Desc
	return slices.EqualFunc(composite, orders, func(a, b query.Order) bool {
		return slices.Equal(a.Path, b.Path) && (a.Desc != b.Desc) == inverted
	})
}

// indexed applies the most precise of the included and excluded paths. By
// default everything is included but _etag; id and _ts always are.
func (x indexing) indexed(path []string) bool {
	if x.none {
		return false
	}
	if len(path) == 1 && (path[0] == "id" || path[0] == "_ts") {
		return true
	}
	if len(x.included) == 0 && len(x.excluded) == 0 {
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
