package localcosmos

import (
	"slices"
	"strings"

	"switchboard/shared/localcosmos/internal/query"
	"switchboard/shared/localcosmos/internal/value"
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

func newIndexing(v any) (indexing, error) {
	var x indexing
	policy, ok := v.(value.Object)
	if !ok {
		return x, badRequest("The indexing policy is not an object.")
	}
	if mode, _ := policy.Get("indexingMode").(string); strings.EqualFold(mode, "none") {
		x.none = true
	}
	var err error
	if x.included, err = indexPaths(policy.Get("includedPaths")); err != nil {
		return x, err
	}
	if x.excluded, err = indexPaths(policy.Get("excludedPaths")); err != nil {
		return x, err
	}
	composites, _ := policy.Get("compositeIndexes").([]any)
	for _, composite := range composites {
		orders, err := compositeIndex(composite)
		if err != nil {
			return x, err
		}
		x.composites = append(x.composites, orders)
	}
	return x, nil
}

// indexPaths reads [{"path":"/a/b/?"}, {"path":"/c/*"}].
func indexPaths(v any) ([][]string, error) {
	entries, _ := v.([]any)
	var paths [][]string
	for _, entry := range entries {
		object, _ := entry.(value.Object)
		text, ok := object.Get("path").(string)
		if !ok || !strings.HasPrefix(text, "/") {
			return nil, badRequest("An indexing path does not start with /.")
		}
		path := strings.Split(text[1:], "/")
		for i, name := range path {
			path[i] = strings.Trim(name, `"`)
		}
		if last := path[len(path)-1]; last != "?" && last != "*" {
			return nil, badRequest("The indexing path %q does not end in /? or /*.", text)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func compositeIndex(v any) ([]query.Order, error) {
	entries, _ := v.([]any)
	if len(entries) < 2 {
		return nil, badRequest("A composite index wants at least 2 paths.")
	}
	var orders []query.Order
	for _, entry := range entries {
		object, _ := entry.(value.Object)
		path, err := parsePath(object.Get("path"))
		if err != nil {
			return nil, err
		}
		orders = append(orders, query.Order{Path: path, Desc: object.Get("order") == "descending"})
	}
	return orders, nil
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
