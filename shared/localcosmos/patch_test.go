package localcosmos_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// "Partial document update in Azure Cosmos DB": what each operation does, and
// when it fails. An empty want is a 400.
func TestPatchOperations(t *testing.T) {
	const item = `"s":"t","n":1.5,"o":{"a":1},"l":[1,2,3],"z":null`
	store := open(t, localcosmos.Options{})
	c := container(t, connect(t, "http://cosmos.local", store.Key(), store), azcosmos.ContainerProperties{})
	for i, test := range []struct{ operations, want string }{
		{`{"op":"add","path":"/new","value":null}`, item + `,"new":null`},
		{`{"op":"add","path":"/s","value":"u"}`, `"s":"u","n":1.5,"o":{"a":1},"l":[1,2,3],"z":null`},
		{`{"op":"add","path":"/l/1","value":9}`, `"s":"t","n":1.5,"o":{"a":1},"l":[1,9,2,3],"z":null`},
		{`{"op":"add","path":"/l/3","value":9}`, `"s":"t","n":1.5,"o":{"a":1},"l":[1,2,3,9],"z":null`},
		{`{"op":"add","path":"/l/-","value":9}`, `"s":"t","n":1.5,"o":{"a":1},"l":[1,2,3,9],"z":null`},
		{`{"op":"add","path":"/l/4","value":9}`, ``},
		{`{"op":"add","path":"/none/a","value":9}`, ``},
		{`{"op":"add","path":"/s/a","value":9}`, ``},
		{`{"op":"add","path":"/new"}`, ``},
		{`{"op":"set","path":"/new","value":{"a":[]}}`, item + `,"new":{"a":[]}`},
		{`{"op":"set","path":"/l/1","value":9}`, `"s":"t","n":1.5,"o":{"a":1},"l":[1,9,3],"z":null`},
		{`{"op":"set","path":"/l/3","value":9}`, ``},
		{`{"op":"set","path":"/l/01","value":9}`, ``},
		{`{"op":"replace","path":"/z","value":0}`, `"s":"t","n":1.5,"o":{"a":1},"l":[1,2,3],"z":0`},
		{`{"op":"replace","path":"/new","value":0}`, ``},
		{`{"op":"replace","path":"/l/-","value":0}`, ``},
		{`{"op":"remove","path":"/o/a"}`, `"s":"t","n":1.5,"o":{},"l":[1,2,3],"z":null`},
		{`{"op":"remove","path":"/l/0"}`, `"s":"t","n":1.5,"o":{"a":1},"l":[2,3],"z":null`},
		{`{"op":"remove","path":"/new"}`, ``},
		{`{"op":"incr","path":"/n","value":-2}`, `"s":"t","n":-0.5,"o":{"a":1},"l":[1,2,3],"z":null`},
		{`{"op":"incr","path":"/new","value":2}`, item + `,"new":2`},
		{`{"op":"incr","path":"/s","value":2}`, ``},
		{`{"op":"incr","path":"/n","value":"2"}`, ``},
		{`{"op":"move","from":"/o/a","path":"/l/0"}`, `"s":"t","n":1.5,"o":{},"l":[1,1,2,3],"z":null`},
		{`{"op":"move","from":"/o/a","path":"/b"}`, `"s":"t","n":1.5,"o":{},"l":[1,2,3],"z":null,"b":1`},
		{`{"op":"set","path":"/l/-","value":9}`, `"s":"t","n":1.5,"o":{"a":1},"l":[1,2,3,9],"z":null`},
		{`{"op":"set","path":"/a~1b~0c","value":9}`, item + `,"a/b~c":9`},
		{`{"op":"move","from":"/o","path":"/o/b"}`, ``},
		{`{"op":"move","from":"/none","path":"/b"}`, ``},
		{`{"op":"set","path":"/o","value":{}},{"op":"set","path":"/o/b","value":1},{"op":"incr","path":"/o/b","value":1}`, `"s":"t","n":1.5,"o":{"b":2},"l":[1,2,3],"z":null`},
		{`{"op":"set","path":"/s","value":"u"},{"op":"remove","path":"/new"}`, ``},
		{`{"op":"set","path":"/id","value":"other"}`, ``},
		{`{"op":"set","path":"/pk","value":"other"}`, ``},
		{`{"op":"remove","path":"/pk"}`, ``},
		{`{"op":"set","path":"/_etag","value":"e"}`, ``},
		{`{"op":"set","path":"/ttl","value":0}`, ``},
		{`{"op":"test","path":"/s","value":"t"}`, ``},
		{`{"op":"set","path":"s","value":"t"}`, ``},
		{`{"op":"set","path":"/o","value":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`, ``},
		{strings.Repeat(`{"op":"incr","path":"/n","value":1},`, 10) + `{"op":"incr","path":"/n","value":1}`, ``},
	} {
		t.Run(test.operations, func(t *testing.T) {
			id := fmt.Sprint(i)
			create(t, c, "a", `{"id":"`+id+`","pk":"a",`+item+`}`)
			response := send(t, store, http.MethodPatch, "dbs/app/colls/main/docs/"+id, `{"operations":[`+test.operations+`]}`)
			want, wantStatus := test.want, http.StatusOK
			if want == "" {
				want, wantStatus = item, http.StatusBadRequest
			}
			read, err := c.ReadItem(t.Context(), pk("a"), id, nil)
			ok(t, err)
			if response.StatusCode != wantStatus || !strings.HasPrefix(string(read.Value), `{"id":"`+id+`","pk":"a",`+want+`,"_rid"`) {
				t.Errorf("status %d, item %s", response.StatusCode, read.Value)
			}
		})
	}
}

// The same page, "conditional patch": 412 when the predicate does not hold.
func TestPatchCondition(t *testing.T) {
	c, ctx := items(t, azcosmos.ContainerProperties{}), t.Context()
	create(t, c, "a", `{"id":"x","pk":"a","n":1,"s":"it's"}`)
	for condition, want := range map[string]int{
		"from c where c.n = 1":                        0,
		"FROM item WHERE item.n >= 1 AND item.id='x'": 0,
		`from c where c.s = 'it\\'s'`:                 0, // azcosmos pastes it into JSON as it is
		"from c where c.n = 2":                        412,
		"from c where c.none = 1":                     412,
		"from c where NOT IS_DEFINED(c.n)":            412,
		"from c where c.n = @n":                       400,
		"from c where c.n = 1 order by c.n":           400,
		"from c where":                                400,
		"c.n = 1":                                     400,
		"from c where COUNT(1) = 1":                   400,
	} {
		t.Run(condition, func(t *testing.T) {
			var patch azcosmos.PatchOperations
			patch.AppendSet("/touched", json.RawMessage("null"))
			patch.SetCondition(condition)
			_, err := c.PatchItem(ctx, pk("a"), "x", patch, nil)
			if want == 0 {
				ok(t, err)
			} else {
				refused(t, err, want, "")
			}
		})
	}
}

// @azure/cosmos, PatchRequestBody: the operations alone are a patch too.
func TestPatchList(t *testing.T) {
	store, c := feedStore(t, localcosmos.Options{})
	create(t, c, "a", `{"id":"x","pk":"a","n":1}`)
	for body, want := range map[string]int{
		` [{"op":"incr","path":"/n","value":2}]`: http.StatusOK,
		`[]`:                                     http.StatusBadRequest,
		`[{"op":"set","path":"/n","value":9}]{}`: http.StatusBadRequest,
		`[7]`:                                    http.StatusBadRequest,
	} {
		if response := send(t, store, http.MethodPatch, docs+"/x", body); response.StatusCode != want {
			t.Errorf("%s: %d, want %d", body, response.StatusCode, want)
		}
	}
	if got := rows(t, c, pk("a"), "SELECT VALUE c.n FROM c", nil); got[0] != "3" {
		t.Errorf("n is %s", got[0])
	}
}
