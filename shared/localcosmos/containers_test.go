package localcosmos_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"github.com/google/go-cmp/cmp"

	"switchboard/shared/localcosmos"
)

// "Databases" and "Collections" (REST reference).
func TestDatabasesAndContainers(t *testing.T) {
	eachMount(t, func(t *testing.T, client *azcosmos.Client) {
		ctx := t.Context()
		_, err := client.CreateDatabase(ctx, azcosmos.DatabaseProperties{ID: "app"}, nil)
		ok(t, err)
		_, err = client.CreateDatabase(ctx, azcosmos.DatabaseProperties{ID: "app"}, nil)
		refused(t, err, http.StatusConflict, "already exists")
		database, err := client.NewDatabase("app")
		ok(t, err)
		read, err := database.Read(ctx, nil)
		ok(t, err)
		if read.DatabaseProperties.ID != "app" || read.DatabaseProperties.ResourceID == "" {
			t.Errorf("%+v", read.DatabaseProperties)
		}

		ttl := int32(60)
		properties := azcosmos.ContainerProperties{ID: "one two", DefaultTimeToLive: &ttl,
			PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{Kind: azcosmos.PartitionKeyKindHash, Version: 2, Paths: []string{"/pk"}}}
		created, err := database.CreateContainer(ctx, properties, nil)
		ok(t, err)
		if diff := cmp.Diff(properties.PartitionKeyDefinition, created.ContainerProperties.PartitionKeyDefinition); diff != "" || *created.ContainerProperties.DefaultTimeToLive != 60 {
			t.Errorf("created %+v", created.ContainerProperties)
		}
		if policy := created.ContainerProperties.IndexingPolicy; policy == nil || policy.IncludedPaths[0].Path != "/*" {
			t.Errorf("the default indexing policy: %+v", policy)
		}
		_, err = database.CreateContainer(ctx, properties, nil)
		refused(t, err, http.StatusConflict, "already exists")

		pager := database.NewQueryContainersPager("SELECT * FROM c WHERE c.id = 'one two'", nil)
		page, err := pager.NextPage(ctx)
		ok(t, err)
		if len(page.Containers) != 1 || page.Containers[0].ID != "one two" || pager.More() {
			t.Errorf("query: %+v", page.Containers)
		}
		unchanged, err := database.Read(ctx, &azcosmos.ReadDatabaseOptions{IfNoneMatchEtag: &read.ETag})
		ok(t, err)
		if unchanged.RawResponse.StatusCode != http.StatusNotModified {
			t.Errorf("read with If-None-Match: %s", unchanged.RawResponse.Status)
		}
		stale := azcore.ETag(`"other"`)
		_, err = database.Delete(ctx, &azcosmos.DeleteDatabaseOptions{IfMatchEtag: &stale})
		refused(t, err, http.StatusPreconditionFailed, "pre-condition")
		databases, err := client.NewQueryDatabasesPager("SELECT * FROM c", nil).NextPage(ctx)
		ok(t, err)
		if len(databases.Databases) != 1 || databases.Databases[0].ID != "app" {
			t.Errorf("query: %+v", databases.Databases)
		}

		c, err := database.NewContainer("one two")
		ok(t, err)
		create(t, c, "a", `{"id":"x","pk":"a"}`)
		_, err = c.Delete(ctx, nil)
		ok(t, err)
		_, err = c.Read(ctx, nil)
		refused(t, err, http.StatusNotFound, "does not exist")
		_, err = c.ReadItem(ctx, pk("a"), "x", nil)
		refused(t, err, http.StatusNotFound, "Owner resource")
		again, err := database.CreateContainer(ctx, properties, nil)
		ok(t, err)
		if again.ContainerProperties.ResourceID == created.ContainerProperties.ResourceID {
			t.Error("a container made again has the _rid of the old one")
		}
		_, err = c.ReadItem(ctx, pk("a"), "x", nil)
		refused(t, err, http.StatusNotFound, "does not exist")

		_, err = database.Delete(ctx, nil)
		ok(t, err)
		_, err = c.Read(ctx, nil)
		refused(t, err, http.StatusNotFound, "does not exist")
		_, err = database.Delete(ctx, nil)
		refused(t, err, http.StatusNotFound, "does not exist")
	})
}

// "Replace a Collection": indexing and TTL change, the rest is fixed at
// creation.
func TestReplaceContainer(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
	create(t, c, "a", `{"id":"x","pk":"a","a":1,"b":1}`)
	read, err := c.Read(ctx, nil)
	ok(t, err)
	change := *read.ContainerProperties
	change.IndexingPolicy.CompositeIndexes = [][]azcosmos.CompositeIndex{{{Path: "/a", Order: azcosmos.CompositeIndexAscending}, {Path: "/b", Order: azcosmos.CompositeIndexAscending}}}
	replaced, err := c.Replace(ctx, change, nil)
	ok(t, err)
	if *replaced.ContainerProperties.ETag == *read.ContainerProperties.ETag {
		t.Error("a replace gives a new etag")
	}
	if got := rows(t, c, pk("a"), "SELECT VALUE c.id FROM c ORDER BY c.a, c.b", nil); len(got) != 1 {
		t.Errorf("the new index serves %v", got)
	}
	for name, spoil := range map[string]func(*azcosmos.ContainerProperties){
		"partition key": func(p *azcosmos.ContainerProperties) { p.PartitionKeyDefinition.Paths = []string{"/other"} },
		"unique keys": func(p *azcosmos.ContainerProperties) {
			p.UniqueKeyPolicy = &azcosmos.UniqueKeyPolicy{UniqueKeys: []azcosmos.UniqueKey{{Paths: []string{"/u"}}}}
		},
		"name": func(p *azcosmos.ContainerProperties) { p.ID = "other" },
	} {
		spoilt := change
		spoil(&spoilt)
		_, err := c.Replace(ctx, spoilt, nil)
		t.Run(name, func(t *testing.T) { refused(t, err, http.StatusBadRequest, "") })
	}
}

// "Replace a Collection": the answer has the system properties that the create's
// has. If-Match is heeded, with * for any version.
func TestReplacedContainer(t *testing.T) {
	store := open(t, localcosmos.Options{})
	container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	const path, definition = "dbs/app/colls/main", `{"id":"main","partitionKey":{"paths":["/pk"],"kind":"Hash","version":2}}`
	before := send(t, store, "GET", path, "")
	for _, test := range []struct {
		match string
		want  int
	}{{`"other"`, 412}, {before.Header.Get("etag"), 200}, {before.Header.Get("etag"), 412}, {"*", 200}} {
		if response := send(t, store, "PUT", path, definition, "If-Match", test.match); response.StatusCode != test.want {
			t.Errorf("If-Match %s: %d %s", test.match, response.StatusCode, bodyOf(t, response))
		}
	}
	for _, twice := range []string{`"PartitionKey":{"paths":["/other"]}`, `"partitionKey":{"paths":["/other"]}`} {
		if response := send(t, store, "PUT", path, definition[:len(definition)-1]+","+twice+"}"); response.StatusCode != 400 {
			t.Errorf("with %s: %d", twice, response.StatusCode)
		}
	}
	if response := send(t, store, "DELETE", path, "", "If-Match", `"other"`); response.StatusCode != 412 {
		t.Errorf("delete with another etag: %d", response.StatusCode)
	}
	old, replaced := []byte(bodyOf(t, before)), []byte(bodyOf(t, send(t, store, "GET", path, "")))
	for _, name := range []string{"_rid", "_self", "_docs", "_sprocs", "_triggers", "_udfs", "_conflicts"} {
		if is, was := member[string](t, replaced, name), member[string](t, old, name); is != was {
			t.Errorf("%s was %q and is %q", name, was, is)
		}
	}
}

// "Indexing policies in Azure Cosmos DB", include/exclude precedence: the more
// precise path wins, and /? is more precise than /*.
func TestIndexingPrecedence(t *testing.T) {
	c := items(t, azcosmos.ContainerProperties{IndexingPolicy: &azcosmos.IndexingPolicy{
		IndexingMode:  azcosmos.IndexingModeConsistent,
		IncludedPaths: []azcosmos.IncludedPath{{Path: `/food/ingredients/"nutrition"/*`}, {Path: "/a/?"}, {Path: "/both/*"}},
		ExcludedPaths: []azcosmos.ExcludedPath{{Path: "/food/ingredients/*"}, {Path: "/a/*"}, {Path: "/both/*"}, {Path: "/*"}},
	}})
	create(t, c, "a", `{"id":"x","pk":"a"}`)
	for path, indexed := range map[string]bool{
		"c.food.ingredients.nutrition": true, "c.food.ingredients.nutrition.fat": true, "c.food.ingredients": false,
		"c.food": false, "c.a": true, "c.a.b": false, "c.ab": false, "c.both": false, "c.id": true, "c._ts": true,
	} {
		_, err := allRows(t, c, pk("a"), "SELECT * FROM c ORDER BY "+path, nil)
		if indexed {
			ok(t, err)
		} else if status(err) != http.StatusBadRequest {
			t.Errorf("ORDER BY %s: %v", path, err)
		}
	}
}

// Definitions that the service refuses, and those that the store does.
func TestContainersRefused(t *testing.T) {
	store := open(t, localcosmos.Options{})
	_, err := connect(t, "http://cosmos.local", store.Key(), store).CreateDatabase(t.Context(), azcosmos.DatabaseProperties{ID: "app"}, nil)
	ok(t, err)
	path16, key10 := strings.Repeat(`"/a",`, 16), strings.Repeat(`{"paths":["/a"]},`, 10)
	for body, says := range map[string]string{
		`{"id":"` + strings.Repeat("c", 256) + `","partitionKey":{"paths":["/pk"]}}`:                                    "255",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"uniqueKeyPolicy":{"uniqueKeys":[{"paths":[` + path16 + `"/b"]}]}}`: "16",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"uniqueKeyPolicy":{"uniqueKeys":[` + key10 + `{"paths":["/b"]}]}}`:  "10",
		`{"id":"c"}`:                                                                                                                       "partition key",
		`{"partitionKey":{"paths":["/pk"]}}`:                                                                                               "'id'",
		`{"id":"a/b","partitionKey":{"paths":["/pk"]}}`:                                                                                    "id",
		`{"id":"c","partitionKey":{"paths":["pk"]}}`:                                                                                       "path",
		`{"id":"c","partitionKey":{"paths":["/a","/b"]}}`:                                                                                  "MultiHash",
		`{"id":"c","partitionKey":{"paths":["/a","/b"],"kind":"MultiHash"}}`:                                                               "version 2",
		`{"id":"c","partitionKey":{"paths":["/a","/b","/c","/d"],"kind":"MultiHash","version":2}}`:                                         "1 to 3",
		`{"id":"c","partitionKey":{"paths":["/pk"],"kind":"Range"}}`:                                                                       "kind",
		`{"id":"c","partitionKey":{"paths":["/pk"],"version":3}}`:                                                                          "version",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"defaultTtl":0}`:                                                                       "ttl",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"uniqueKeyPolicy":{"uniqueKeys":[{"paths":[]}]}}`:                                      "unique key",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"indexingPolicy":{"compositeIndexes":[[{"path":"/a"}]]}}`:                              "composite",
		`{"id":"c","partitionKey":{"paths":["/\"a/b\""]}}`:                                                                                 "path",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"indexingPolicy":{"indexingMode":"lazy"}}`:                                             "lazy",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"indexingPolicy":{"compositeIndexes":[[{"path":"/a","order":"down"},{"path":"/b"}]]}}`: "order",
		`{"id":"c","partitionKey":{"paths":[null]}}`:                                                                                       "path",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"indexingPolicy":{"compositeIndexes":[[{},{}]]}}`:                                      "path",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"indexingPolicy":{"includedPaths":[{}]}}`:                                              "indexing path",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"indexingPolicy":{"includedPaths":[{"path":"/a"}]}}`:                                   "indexing path",
		`{"id":"c","partitionKey":{"paths":["/pk"]},"indexingPolicy":{"vectorIndexes":[]}}`:                                                "vectorIndexes",
		`{"id":"c","partitionKey":"pk"}`:                                                                                                   "invalid",
		`{"id":"c","PartitionKey":{"paths":["/pk"]}}`:                                                                                      "PartitionKey",
	} {
		response := send(t, store, "POST", "dbs/app/colls", body)
		if text := bodyOf(t, response); response.StatusCode != 400 || !strings.Contains(text, says) {
			t.Errorf("%s: %d %s", body, response.StatusCode, text)
		}
	}
	if response := send(t, store, "POST", "dbs/none/colls", `{"id":"c","partitionKey":{"paths":["/pk"]}}`); response.StatusCode != 404 {
		t.Errorf("in no database: %d", response.StatusCode)
	}
	for path, list := range map[string]string{"dbs": `"Databases":[{"id":"app"`, "dbs/app/colls": `"DocumentCollections":[],"_count":0`} {
		if text := bodyOf(t, send(t, store, "GET", path, "")); !strings.Contains(text, list) {
			t.Errorf("GET %s: %s", path, text)
		}
	}
}
