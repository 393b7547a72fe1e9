package query_test

import (
	"errors"
	"testing"

	"switchboard/shared/localcosmos/internal/query"
	"switchboard/shared/localcosmos/internal/value"
)

// FuzzParse: whatever the text, the parser ends with a query that can be used
// or with an Error whose position lies in the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`SELECT * FROM c`, `SELECT DISTINCT TOP 2 c.a, c["b"][0] AS x FROM c WHERE c.a IN (1, 'x', @p) ORDER BY c.a DESC`,
		`SELECT VALUE COUNT(1) FROM c WHERE NOT (c.a BETWEEN 1 AND 2e3) OR c.a LIKE '[^a-c]_%' ESCAPE '!'`,
		`SELECT VALUE {"a": [c.x, -1, null, undefined]} FROM c OFFSET 1 LIMIT @p`, `SELECT (((`, `"\u00`, `FROM c WHERE c.a = 1`,
		`SELECT VALUE ARRAY_CONTAINS(c.l, {"a":1}, true) || CONCAT('a', "b") FROM c`, `SELECT SUM(c.a)/COUNT(c.b) m FROM c`,
	} {
		f.Add(seed)
	}
	item, err := value.Parse([]byte(`{"a":1,"b":[true,{"x":"y"}],"l":[{"a":1}],"x":null}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := query.Parse(text, map[string]any{"@p": 1.0})
		if err != nil {
			var fault *query.Error
			if !errors.As(err, &fault) || fault.Start < 0 || fault.Start > fault.End || fault.End > len(text) || fault.Message == "" {
				t.Errorf("%q: %#v", text, err)
			}
		} else if q.Aggregates() {
			totals := q.NewAggregation()
			totals.Add(item)
			value.Append(nil, totals.Result())
		} else if q.Matches(item) {
			q.CompareKeys(q.Keys(item), q.Keys(item))
			value.Append(nil, q.Project(item))
		}
		if condition, err := query.ParseCondition(text); err == nil {
			condition.Holds(item)
		}
	})
}
