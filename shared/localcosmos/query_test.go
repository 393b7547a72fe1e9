package localcosmos_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"github.com/google/go-cmp/cmp"
)

// people is a partition that tells the kinds of values apart.
func people(t testing.TB) *azcosmos.ContainerClient {
	c := items(t, azcosmos.ContainerProperties{})
	for _, item := range []string{
		`{"id":"1","pk":"p","name":"Ada","age":36,"tags":["math","code"],"home":{"city":"London"},"order":1}`,
		`{"id":"2","pk":"p","name":"Bob","age":36.0,"tags":[],"home":{"city":"Berlin"},"order":2}`,
		`{"id":"3","pk":"p","name":"Cleo","age":null,"tags":["code",{"k":1,"l":2}],"gone":true}`,
		`{"id":"4","pk":"p","name":"ada","age":"36"}`,
		`{"id":"5","pk":"p","name":"100%","gone":false}`,
	} {
		create(t, c, "p", item)
	}
	create(t, c, "q", `{"id":"6","pk":"q","name":"Ada","age":36}`)
	return c
}

// The pages of the query language reference, clause by clause. Each WHERE runs
// over people, and gives the ids.
func TestWhere(t *testing.T) {
	c := people(t)
	for where, want := range map[string]string{
		// "Equality and comparison operators": across types undefined.
		`c.age = 36`:                  `1 2`,
		`c.age = 36.0`:                `1 2`,
		`c.age != 36`:                 ``,
		`c.age <> 35`:                 `1 2`,
		`c.age = '36'`:                `4`,
		`c.age = null`:                `3`,
		`c.age >= 36 AND c.age <= 36`: `1 2`,
		`c.age > 36 OR c.age < 36`:    ``,
		`c.name > 'Bob'`:              `3 4`,
		`c.gone = true`:               `3`,
		`c.home = {"city":"London"}`:  `1`,
		`c.home != {"city":"London"}`: ``,
		`c.tags = ["math", 'code']`:   `1`,
		`c.tags > []`:                 ``,
		`c.none = c.none`:             ``,
		`c.age = undefined`:           ``,
		// "Logical operators": the truth tables.
		`c.gone`:                              `3`,
		`NOT c.gone`:                          `5`,
		`NOT (c.gone = true)`:                 `5`,
		`c.gone OR c.id = '1'`:                `1 3`,
		`c.none OR c.id = '1'`:                `1`,
		`c.none AND c.id = '1'`:               ``,
		`NOT (c.none AND c.id = '1')`:         `2 3 4 5`,
		`c.id = '1' OR c.id = '2' AND c.gone`: `1`,
		`c.name AND c.id = '1'`:               ``,
		// IN, BETWEEN, LIKE.
		`c.id IN ('1', "3", 5)`:                   `1 3`,
		`c.id NOT IN ('1', '3')`:                  `2 4 5`,
		`c.none NOT IN ('1')`:                     ``,
		`c.age BETWEEN 36 AND 40 AND c.id != '1'`: `2`,
		`c.name NOT BETWEEN 'A' AND 'Z'`:          `4 5`,
		`c.name LIKE '_da'`:                       `1 4`,
		`c.name LIKE '[A-B]%'`:                    `1 2`,
		`c.name NOT LIKE '%d%'`:                   `2 3 5`,
		`c.name LIKE '%!%' ESCAPE '!'`:            `5`,
		`c.name LIKE '[^A-C]%'`:                   `4 5`,
		`c.age LIKE '36'`:                         `4`,
		`'né' LIKE 'n[àèéêëïîôù]'`:                `1 2 3 4 5`,
		`'né' LIKE 'n[^é]' OR 'n]' LIKE 'n[é]'`:   ``,
		`c.name LIKE 'A' || '%'`:                  `1`,
		// "System functions".
		`IS_DEFINED(c.age)`:                          `1 2 3 4`,
		`NOT IS_DEFINED(c.age)`:                      `5`,
		`IS_NULL(c.age)`:                             `3`,
		`IS_NUMBER(c.age) OR IS_STRING(c.age)`:       `1 2 4`,
		`IS_BOOL(c.gone) AND IS_ARRAY(c.tags)`:       `3`,
		`IS_OBJECT(c.home)`:                          `1 2`,
		`IS_PRIMITIVE(c.age)`:                        `1 2 3 4`,
		`STARTSWITH(c.name, 'A')`:                    `1`,
		`startswith(c.name, 'a', true)`:              `1 4`,
		`ENDSWITH(c.name, "o")`:                      `3`,
		`CONTAINS(c.name, '0%')`:                     `5`,
		`CONTAINS(c.age, '3')`:                       `4`,
		`STRINGEQUALS(c.name, 'ADA', true)`:          `1 4`,
		`LOWER(c.name) = 'ada' AND UPPER('x') = 'X'`: `1 4`,
		`LENGTH(c.name) = 4`:                         `3 5`,
		`CONCAT(c.name, c.id) = 'Ada1'`:              `1`,
		`c.name || c.id = 'Ada1'`:                    `1`,
		`ABS(c.age - 40) = 4`:                        `1 2`,
		`ARRAY_CONTAINS(c.tags, 'code')`:             `1 3`,
		`ARRAY_CONTAINS(c.tags, {"l":2})`:            ``,
		`ARRAY_CONTAINS(c.tags, {"l":2}, true)`:      `3`,
		`ARRAY_CONTAINS(['1', '5'], c.id)`:           `1 5`,
		`ARRAY_LENGTH(c.tags) = 2`:                   `1 3`,
		`ARRAY_CONTAINS(c.name, 'Ada')`:              ``,
		// Paths, literals, arithmetic.
		`c.home.city = 'London'`:                      `1`,
		`c["home"]['city'] = 'London'`:                `1`,
		`c.tags[1].k = 1`:                             `3`,
		`c.tags[7] = 1`:                               ``,
		`c["order"] * 2 + 1 = 5`:                      `2`,
		`c["order"] % 2 = -1 * -1`:                    `1`,
		`c["order"] / 0 = 1`:                          ``,
		`c.name = '\u0041d\u0061'`:                    `1`,
		`'it\'s' = "it's" AND c.id = '1'`:             `1`,
		`c.age = @age`:                                `1 2`,
		`ARRAY_CONTAINS(@ids, c.id) AND c.age = @age`: `1`,
		`(((c.id)) = ('1'))`:                          `1`,
	} {
		t.Run(where, func(t *testing.T) {
			got := rows(t, c, pk("p"), "select value c.id from c where "+where, &azcosmos.QueryOptions{QueryParameters: []azcosmos.QueryParameter{
				{Name: "@age", Value: 36}, {Name: "@ids", Value: []string{"1", "3"}}}})
			if ids := strings.ReplaceAll(strings.Join(got, " "), `"`, ""); ids != want {
				t.Errorf("got %q, want %q", ids, want)
			}
		})
	}
}

// SELECT, TOP, DISTINCT, ORDER BY, OFFSET LIMIT and aggregates.
func TestSelect(t *testing.T) {
	c := people(t)
	for query, want := range map[string]string{
		`SELECT c.name, c.home.city, c.none FROM c WHERE c.id = '1'`:           `{"name":"Ada","city":"London"}`,
		`SELECT c.id AS number, c.age + 1 older, 5 FROM c WHERE c.id='1'`:      `{"number":"1","older":37,"$1":5}`,
		`SELECT p.id FROM people p WHERE p.id = '2'`:                           `{"id":"2"}`,
		`SELECT p.id FROM people AS p WHERE p.id = '2'`:                        `{"id":"2"}`,
		`SELECT c.home FROM c WHERE c.id='1'`:                                  `{"home":{"city":"London"}}`,
		`SELECT VALUE c.home FROM c`:                                           `{"city":"London"} {"city":"Berlin"}`,
		`SELECT VALUE {"a": c.id, b: [c.none, c.age]} FROM c WHERE c.id = '1'`: `{"a":"1","b":[36]}`,
		`SELECT TOP 2 VALUE c.id FROM c`:                                       `"1" "2"`,
		`SELECT TOP @n VALUE c.id FROM c`:                                      `"1" "2" "3"`,
		`SELECT TOP 0 VALUE c.id FROM c`:                                       ``,
		`SELECT DISTINCT VALUE c.age FROM c`:                                   `null 36 "36"`,
		`SELECT DISTINCT c.home FROM c`:                                        `{} {"home":{"city":"Berlin"}} {"home":{"city":"London"}}`,
		`SELECT VALUE c.id FROM c OFFSET 1 LIMIT 2`:                            `"2" "3"`,
		`SELECT VALUE c.id FROM c OFFSET @n LIMIT @n`:                          `"4" "5"`,
		`SELECT VALUE c.id FROM c OFFSET 9 LIMIT 2`:                            ``,
		`SELECT VALUE c.id FROM c ORDER BY c.name`:                             `"5" "1" "2" "3" "4"`,
		`SELECT VALUE c.id FROM c ORDER BY c.name DESC OFFSET 1 LIMIT 1`:       `"3"`,
		`SELECT VALUE COUNT(1) FROM c`:                                         `5`,
		`SELECT VALUE COUNT(c.age) FROM c`:                                     `4`,
		`SELECT COUNT(1) AS n, MIN(c.name) AS first, MAX(c.name) last FROM c`:  `{"n":5,"first":"100%","last":"ada"}`,
		`SELECT VALUE SUM(c["order"]) + 1 FROM c`:                              `4`,
		`SELECT VALUE AVG(c["order"]) FROM c`:                                  `1.5`,
		`SELECT VALUE SUM(c.age) FROM c`:                                       ``,
		`SELECT VALUE MIN(c.tags) FROM c`:                                      ``,
		`SELECT VALUE MAX(c.age) FROM c WHERE c.id = 'none'`:                   ``,
		`SELECT VALUE COUNT(1) FROM c WHERE c.id = 'none'`:                     `0`,
		"SELECT\tVALUE\n 1 FROM c WHERE c.id='1'":                              `1`,
	} {
		t.Run(query, func(t *testing.T) {
			got := rows(t, c, pk("p"), query, &azcosmos.QueryOptions{QueryParameters: []azcosmos.QueryParameter{{Name: "@n", Value: 3}}})
			if strings.Join(got, " ") != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// "ORDER BY clause": undefined, null, booleans, numbers, strings, arrays,
// objects; items without the property are in the result.
func TestOrderOfTypes(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	for i, v := range []string{`{"a":1}`, `[2]`, `"b"`, `"B"`, `10`, `-2`, `true`, `false`, `null`} {
		create(t, c, "p", fmt.Sprintf(`{"id":"%d","pk":"p","v":%s}`, i, v))
	}
	create(t, c, "p", `{"id":"none","pk":"p"}`)
	want := []string{`{}`, `{"v":null}`, `{"v":false}`, `{"v":true}`, `{"v":-2}`, `{"v":10}`, `{"v":"B"}`, `{"v":"b"}`, `{"v":[2]}`, `{"v":{"a":1}}`}
	for _, size := range []int32{-1, 1, 3} {
		if diff := cmp.Diff(want, rows(t, c, pk("p"), "SELECT c.v FROM c ORDER BY c.v ASC", &azcosmos.QueryOptions{PageSizeHint: size})); diff != "" {
			t.Errorf("pages of %d: %s", size, diff)
		}
	}
}

// What is not in the language, or not supported, is a 400 with the position:
// {"start"} of the fault in the text.
func TestQueriesRefused(t *testing.T) {
	c := people(t)
	for query, at := range map[string]int{
		``:                                                  0,
		`SELECT`:                                            6,
		`SELECT * FROM`:                                     13,
		`SELECT * WHERE c.a = 1`:                            9,
		`UPDATE c SET c.a = 1`:                              0,
		`SELECT * FROM c WHERE`:                             21,
		`SELECT * FROM c WHERE c.a =`:                       27,
		`SELECT * FROM c WHERE c.a = 1 garbage`:             30,
		`SELECT * FROM c; DROP`:                             15,
		`SELECT * FROM c WHERE x.a = 1`:                     22,
		`SELECT * FROM c WHERE c.order = 1`:                 24,
		`SELECT * FROM c WHERE c.value = 1`:                 24,
		`SELECT * FROM c WHERE c.a = 'open`:                 28,
		`SELECT * FROM c WHERE c.a = 'bad \q'`:              28,
		`SELECT * FROM c WHERE c.a = 12ab`:                  28,
		`SELECT * FROM c WHERE c.a = @unknown`:              28,
		`SELECT * FROM c WHERE NOT c.a = 1`:                 30,
		`SELECT * FROM c WHERE c.a = 1 = 2`:                 30,
		`SELECT * FROM c WHERE c.a IN ()`:                   -1,
		`SELECT * FROM c WHERE c.a LIKE c.b`:                -1,
		`SELECT * FROM c WHERE NOSUCH(c.a)`:                 22,
		`SELECT * FROM c WHERE LOWER(c.a, c.b) = 'a'`:       22,
		`SELECT * FROM c WHERE udf.f(c.a)`:                  22,
		`SELECT * FROM c WHERE EXISTS(SELECT 1 FROM c)`:     22,
		`SELECT * FROM c WHERE c.a & 1 = 1`:                 26,
		`SELECT * FROM c WHERE c.a ?? 1 = 1`:                26,
		`SELECT * FROM c WHERE COUNT(1) > 1`:                -1,
		`SELECT * FROM c JOIN t IN c.tags`:                  16,
		`SELECT * FROM c IN c.tags`:                         16,
		`SELECT * FROM c.tags`:                              15,
		`SELECT c.a, COUNT(1) FROM c GROUP BY c.a`:          28,
		`SELECT c.a, COUNT(1) AS n FROM c`:                  7,
		`SELECT COUNT(SUM(c.a)) FROM c`:                     13,
		`SELECT c.a, c.b.a FROM c`:                          -1,
		`SELECT * FROM c ORDER BY LOWER(c.a)`:               -1,
		`SELECT * FROM c ORDER BY c`:                        -1,
		`SELECT * FROM c ORDER BY c.tags[0]`:                -1,
		`SELECT * FROM c LIMIT 1`:                           16,
		`SELECT * FROM c OFFSET 1`:                          24,
		`SELECT * FROM c OFFSET -1 LIMIT 1`:                 23,
		`SELECT TOP 1.5 * FROM c`:                           11,
		`SELECT TOP 1 * FROM c OFFSET 1 LIMIT 1`:            29,
		`SELECT * FROM c -- comment`:                        16,
		`SELECT * FROM c WHERE ` + strings.Repeat("(", 300): -1,
		`SELECT * FROM c WHERE ` + strings.Repeat("-", 300): -1,
		`SELECT * FROM c ORDER BY RANK c.a`:                 -1,
		`SELECT * FROM c WHERE c."a" = 1`:                   24,
		`SELECT * FROM c WHERE c["a" = 1`:                   28,
		"SELECT * FROM c WHERE c.a = 1\x00":                 29,
	} {
		t.Run(query, func(t *testing.T) {
			_, err := allRows(t, c, pk("p"), query, nil)
			says := `"start":`
			if at >= 0 {
				says += fmt.Sprint(at) + ","
			}
			refused(t, err, http.StatusBadRequest, says)
		})
	}
}

// "Indexing policies": several properties need a composite index of the same
// sequence, directions equal or all inverted; an excluded path sorts nothing.
func TestOrderByNeedsIndex(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{IndexingPolicy: &azcosmos.IndexingPolicy{
		IncludedPaths: []azcosmos.IncludedPath{{Path: "/*"}},
		ExcludedPaths: []azcosmos.ExcludedPath{{Path: `/"_etag"/?`}, {Path: "/hidden/*"}, {Path: "/hidden/but/not/this/*"}},
		CompositeIndexes: [][]azcosmos.CompositeIndex{{
			{Path: "/a", Order: azcosmos.CompositeIndexAscending}, {Path: "/b", Order: azcosmos.CompositeIndexDescending}}},
	}})
	create(t, c, "p", `{"id":"1","pk":"p","a":1,"b":1}`)
	create(t, c, "p", `{"id":"2","pk":"p","a":1,"b":2}`)
	create(t, c, "p", `{"id":"3","pk":"p","a":0,"b":3}`)
	for order, want := range map[string]string{
		`c.a, c.b DESC`: `"3" "2" "1"`,
		`c.a DESC, c.b`: `"1" "2" "3"`,
		`c._ts, c.id`:   `composite`,
		`c.a, c.b`:      `composite`,
		`c.b DESC, c.a`: `composite`,
		`c.a`:           `"3" "1" "2"`,
		`c.hidden.x`:    `excluded`,
		`c._etag`:       `excluded`,
		`c.id`:          `"1" "2" "3"`,
	} {
		got, err := allRows(t, c, pk("p"), "SELECT VALUE c.id FROM c ORDER BY "+order, nil)
		if !strings.HasPrefix(want, `"`) {
			refused(t, err, http.StatusBadRequest, want)
		} else if strings.Join(got, " ") != want {
			t.Errorf("ORDER BY %s: got %v, %v", order, got, err)
		}
	}
}

// Indexing mode "none": a pure key-value container sorts nothing.
func TestNoIndex(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{IndexingPolicy: &azcosmos.IndexingPolicy{IndexingMode: azcosmos.IndexingModeNone}})
	_, err := allRows(t, c, pk("p"), "SELECT * FROM c ORDER BY c.a", nil)
	refused(t, err, http.StatusBadRequest, "excluded")
}

// "Queries that cannot be served by gateway": filters and projections cross
// partitions, the rest does not, and nothing does where it is switched off.
func TestCrossPartition(t *testing.T) {
	c, everywhere := people(t), azcosmos.NewPartitionKey()
	want := []string{`"1"`, `"2"`, `"6"`}
	for _, size := range []int32{1, 2, -1} {
		if diff := cmp.Diff(want, rows(t, c, everywhere, "SELECT VALUE c.id FROM c WHERE c.age = 36", &azcosmos.QueryOptions{PageSizeHint: size})); diff != "" {
			t.Error(diff)
		}
	}
	for _, query := range []string{
		"SELECT * FROM c ORDER BY c.name", "SELECT VALUE COUNT(1) FROM c", "SELECT TOP 1 * FROM c",
		"SELECT DISTINCT c.name FROM c", "SELECT * FROM c OFFSET 0 LIMIT 1",
		"SELECT * FROM c WHERE c.pk = 'p' OR c.id = '6' ORDER BY c.name",
	} {
		_, err := allRows(t, c, everywhere, query, nil)
		refused(t, err, http.StatusBadRequest, "gateway")
	}
	if got := rows(t, c, everywhere, "SELECT VALUE c.id FROM c WHERE c.age = 36 AND 'p' = c.pk ORDER BY c.name DESC", nil); strings.Join(got, "") != `"2""1"` {
		t.Errorf("a WHERE that pins the partition key: %v", got)
	}
	off := false
	_, err := allRows(t, c, everywhere, "SELECT * FROM c", &azcosmos.QueryOptions{EnableCrossPartitionQuery: &off})
	refused(t, err, http.StatusBadRequest, "enablecrosspartition")
}

// "Pagination": a continuation goes on after the last item's value, whatever
// was written since: nothing that stayed is repeated or lost.
func TestContinuationResumesByValue(t *testing.T) {
	for _, query := range []string{"SELECT VALUE c.id FROM c", "SELECT VALUE c.id FROM c ORDER BY c.n", "SELECT VALUE c.id FROM c ORDER BY c.n DESC", "SELECT DISTINCT VALUE c.id FROM c"} {
		t.Run(query, func(t *testing.T) {
			c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
			for i := 10; i < 50; i++ {
				create(t, c, "p", fmt.Sprintf(`{"id":"%d","pk":"p","n":%d}`, i, i/4))
			}
			seen := map[string]int{}
			pager := c.NewQueryItemsPager(query, pk("p"), &azcosmos.QueryOptions{PageSizeHint: 7})
			for pages := 0; pager.More(); pages++ {
				page, err := pager.NextPage(ctx)
				ok(t, err)
				for _, item := range page.Items {
					seen[strings.Trim(string(item), `"`)]++
				}
				// Before, at and after the position: one goes, one comes.
				last := strings.Trim(string(page.Items[len(page.Items)-1]), `"`)
				_, err = c.DeleteItem(ctx, pk("p"), last, nil)
				ok(t, err)
				create(t, c, "p", fmt.Sprintf(`{"id":"0%d","pk":"p","n":0}`, pages))
				create(t, c, "p", fmt.Sprintf(`{"id":"9%d","pk":"p","n":99}`, pages))
			}
			for i := 10; i < 50; i++ {
				if seen[fmt.Sprint(i)] != 1 {
					t.Errorf("item %d came %d times", i, seen[fmt.Sprint(i)])
				}
			}
			for id, n := range seen {
				if n != 1 {
					t.Errorf("item %s came %d times", id, n)
				}
			}
		})
	}
}

// The same of the values that DISTINCT gives: each comes once, also where the
// item that had it goes and another one takes it before or after the position.
func TestContinuationOfDistinct(t *testing.T) {
	for _, query := range []string{"SELECT DISTINCT VALUE c.v FROM c", "SELECT DISTINCT VALUE c.v FROM c ORDER BY c.v DESC"} {
		c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
		for i := range 20 {
			create(t, c, "p", fmt.Sprintf(`{"id":"%02d","pk":"p","v":%d}`, i, i%10))
		}
		seen := map[string]int{}
		pager := c.NewQueryItemsPager(query, pk("p"), &azcosmos.QueryOptions{PageSizeHint: 3})
		for pages := 0; pager.More(); pages++ {
			page, err := pager.NextPage(ctx)
			ok(t, err)
			for _, v := range page.Items {
				seen[string(v)]++
			}
			for i := range 10 { // the first or the last ten go, and their values come back as others'
				_, err := c.DeleteItem(ctx, pk("p"), fmt.Sprintf("%02d", 10*(pages%2)+i), nil)
				ok(t, err)
				create(t, c, "p", fmt.Sprintf(`{"id":"%02d","pk":"p","v":%d}`, 10*(pages%2)+i, 9-i))
			}
		}
		for v := range 10 {
			if n := seen[fmt.Sprint(v)]; n != 1 {
				t.Errorf("%s gave %d %d times", query, v, n)
			}
		}
	}
}

// Continuations count TOP, OFFSET and LIMIT down, and belong to their query,
// parameters, partition and container.
func TestContinuationBinding(t *testing.T) {
	c, ctx := people(t), t.Context()
	for query, want := range map[string]string{
		"SELECT TOP 3 VALUE c.id FROM c ORDER BY c.id DESC":                       `"5" "4" "3"`,
		"SELECT VALUE c.id FROM c ORDER BY c.id DESC OFFSET 1 LIMIT 3":            `"4" "3" "2"`,
		"SELECT DISTINCT VALUE c.age FROM c ORDER BY c.age DESC OFFSET 1 LIMIT 2": `36 null`,
	} {
		if got := rows(t, c, pk("p"), query, &azcosmos.QueryOptions{PageSizeHint: 1}); strings.Join(got, " ") != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	first, err := c.NewQueryItemsPager("SELECT * FROM c", pk("p"), &azcosmos.QueryOptions{PageSizeHint: 1}).NextPage(ctx)
	ok(t, err)
	use := &azcosmos.QueryOptions{ContinuationToken: first.ContinuationToken}
	_, err = c.NewQueryItemsPager("SELECT * FROM c", pk("p"), use).NextPage(ctx)
	ok(t, err)
	_, err = c.NewQueryItemsPager("SELECT  * FROM c", pk("p"), use).NextPage(ctx)
	refused(t, err, http.StatusBadRequest, "continuation")
	_, err = c.NewQueryItemsPager("SELECT * FROM c", pk("q"), use).NextPage(ctx)
	refused(t, err, http.StatusBadRequest, "continuation")
}

// A continuation holds what the page ended at, and has to fit into a header.
func TestContinuationOfLargeValues(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	for i := range 2 {
		create(t, c, "p", fmt.Sprintf(`{"id":"%d","pk":"p","d":"%s"}`, i, strings.Repeat("x", 16<<10)))
	}
	query := "SELECT VALUE c.id FROM c ORDER BY c.d"
	_, err := allRows(t, c, pk("p"), query, &azcosmos.QueryOptions{PageSizeHint: 1})
	refused(t, err, http.StatusBadRequest, "8 KB")
	if got := rows(t, c, pk("p"), query, nil); len(got) != 2 {
		t.Errorf("on one page: %v", got)
	}
}

// "Service quotas": a response has up to 4 MB, so a page may be short.
func TestLargePages(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{})
	for i := range 5 {
		create(t, c, "p", fmt.Sprintf(`{"id":"%d","pk":"p","d":"%s"}`, i, strings.Repeat("x", 3<<19)))
	}
	pager, pages, total := c.NewQueryItemsPager("SELECT * FROM c", pk("p"), nil), 0, 0
	for ; pager.More(); pages++ {
		page, err := pager.NextPage(t.Context())
		ok(t, err)
		total += len(page.Items)
	}
	if pages != 3 || total != 5 {
		t.Errorf("%d items on %d pages", total, pages)
	}
}
