package spaces_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"switchboard/shared/testbed"
)

// pages walks a list and returns a member of every item, in order.
func (p person) pages(path string, limit int, member string) (all []string) {
	p.T.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	for cursor := ""; ; {
		page := p.Get(fmt.Sprintf("%s%slimit=%d&cursor=%s", path, separator, limit, url.QueryEscape(cursor)))
		found := items(page)
		for _, item := range found {
			all = append(all, fmt.Sprint(item[member]))
		}
		if cursor, _ = page.JSON()["nextCursor"].(string); cursor == "" {
			return all
		}
		if len(found) != limit {
			p.T.Fatalf("a page of %d has %d", limit, len(found))
		}
	}
}

// everybody are all users that there are, with names that sort in the order given.
func everybody(b *testbed.Bed) []person {
	all := []person{}
	for i, name := range []string{"mallory", "linus", "joseph", "grace", "ada", "operator"} {
		p := join(b, name)
		p.Do("PATCH", "/api/user", fmt.Sprintf(`{"displayName":"%c-%s"}`, "aBcDeF"[i], name)).Want(http.StatusOK)
		all = append(all, p)
	}
	return all
}

// TestMemberList: every member once, by role and name, in pages of any size.
func TestMemberList(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	all := everybody(b)
	owner, others := all[5], all[:5]
	club := owner.club("request")
	for _, p := range others {
		owner.make(club, p, "member")
	}
	b.Drain()
	for role, want := range map[string]string{
		"":             "F-operator a-mallory B-linus c-joseph D-grace e-ada",
		"?role=owner":  "F-operator",
		"?role=host":   "",
		"?role=member": "a-mallory B-linus c-joseph D-grace e-ada",
		"?role=banned": "",
	} {
		for limit := 1; limit <= 7; limit++ {
			if got := owner.pages(club+"/members"+role, limit, "displayName"); !slices.Equal(got, strings.Fields(want)) {
				t.Errorf("members%s, %d at a time: %v, want %s", role, limit, got, want)
			}
		}
	}
	for i, role := range []string{"host", "pending", "banned"} {
		owner.make(club, others[i], role)
	}
	for role, want := range map[string]string{
		"": "F-operator a-mallory D-grace e-ada", "?role=host": "a-mallory", "?role=pending": "B-linus", "?role=banned": "c-joseph",
	} {
		if got := owner.pages(club+"/members"+role, 1, "displayName"); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("members%s: %v, want %s", role, got, want)
		}
	}
	host, member, pending := others[0], others[3], others[1]
	host.Get(club + "/members?role=banned").Want(http.StatusOK)
	member.Get(club + "/members?role=host").Want(http.StatusOK)
	for _, role := range []string{"pending", "banned"} {
		member.Get(club+"/members?role="+role).Problem(http.StatusForbidden, "hosts_only")
		pending.Get(club+"/members?role="+role).Problem(http.StatusForbidden, "admission_pending")
	}
	first := items(member.Get(club + "/members?limit=1"))[0]
	if first["userId"] != owner.id || first["role"] != "owner" || first["since"] == nil || len(first) != 4 {
		t.Errorf("a member as another sees them: %v", first)
	}
}

// TestCursors: each is for one list, and for whoever was given it.
func TestCursors(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace := join(b, "ada"), join(b, "grace")
	clubs := []string{ada.club("open"), ada.club("open")}
	for _, club := range clubs {
		grace.Do("POST", club+"/join", "").Want(http.StatusOK)
	}
	members := clubs[0] + "/members?limit=1&cursor="
	cursor := url.QueryEscape(ada.Get(members).Text("nextCursor"))
	ada.Get(members + cursor).Want(http.StatusOK)
	ada.Get(members+cursor+"&role=member").Problem(http.StatusBadRequest, "cursor_invalid")
	ada.Get(clubs[1]+"/members?cursor="+cursor).Problem(http.StatusBadRequest, "cursor_invalid")
	ada.Get("/api/spaces?cursor="+cursor).Problem(http.StatusBadRequest, "cursor_invalid")
	grace.Get(members+cursor).Problem(http.StatusBadRequest, "cursor_invalid")
	ada.Get(members+"x").Problem(http.StatusBadRequest, "cursor_invalid")

	cursor = url.QueryEscape(ada.Get("/api/spaces?limit=1").Text("nextCursor"))
	grace.Get("/api/spaces?cursor="+cursor).Problem(http.StatusBadRequest, "cursor_invalid")
	ada.Get(members+cursor).Problem(http.StatusBadRequest, "cursor_invalid")
}

// TestSpaceList: every space once, by name, in pages of any size.
func TestSpaceList(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada := join(b, "ada")
	names := []string{"bridge", "Chess", "chess", "Go", "zither", "Äther", "囲碁"}
	for _, name := range []string{"zither", "囲碁", "Go", "chess", "Äther", "bridge", "Chess"} {
		ada.Do("POST", "/api/spaces", fmt.Sprintf(`{"kind":"club","name":" %s "}`, name)).Want(http.StatusCreated)
	}
	for limit := 1; limit <= 8; limit++ {
		got := ada.pages("/api/spaces", limit, "name")
		for i := range got {
			got[i], names[i] = strings.ToLower(got[i]), strings.ToLower(names[i])
		}
		if !slices.Equal(got, names) {
			t.Errorf("%d at a time: %v, want %v", limit, got, names)
		}
		ids := ada.pages("/api/spaces", limit, "id")
		slices.Sort(ids)
		if len(slices.Compact(ids)) != len(names) {
			t.Errorf("%d at a time: a space is there twice", limit)
		}
	}
}

// TestRenames: a name that somebody takes reaches the lists of members, and the name
// of a space those of spaces, where it is sorted anew.
func TestRenames(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	ada, grace, linus := join(b, "ada"), join(b, "grace"), join(b, "linus")
	clubs := []string{ada.club("open"), ada.club("open")}
	for _, club := range clubs {
		grace.Do("POST", club+"/join", "").Want(http.StatusOK)
		linus.Do("POST", club+"/join", "").Want(http.StatusOK)
	}
	linus.Do("PATCH", "/api/user", `{"displayName":"Alinus"}`).Want(http.StatusOK)
	for _, club := range clubs {
		eventually(t, "the new name", func() bool {
			return slices.Equal(grace.pages(club+"/members", 50, "displayName"), []string{"The ada", "Alinus", "The grace"})
		})
	}
	ada.Do("PATCH", clubs[1], `{"name":"Bridge"}`).Want(http.StatusOK)
	eventually(t, "the space's new name", func() bool {
		return slices.Equal(grace.pages("/api/spaces", 1, "name"), []string{"Bridge", "Chess"})
	})
}

// TestTeammates: "what are the names of my teammates?" takes two requests.
func TestTeammates(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, rows(), nil)
	all := everybody(b)
	captain, me := all[0], all[4]
	team := captain.club("open")
	for _, p := range all[1:5] {
		p.Do("POST", team+"/join", "").Want(http.StatusOK)
	}
	b.Drain()
	mine := items(me.Get("/api/spaces"))
	if len(mine) != 1 {
		t.Fatalf("my teams: %v", mine)
	}
	var mates []string
	for _, m := range items(me.Get(fmt.Sprintf("/api/spaces/%s/members", mine[0]["id"]))) {
		if m["userId"] != me.id {
			mates = append(mates, m["displayName"].(string))
		}
	}
	if want := []string{"a-mallory", "B-linus", "c-joseph", "D-grace"}; !slices.Equal(mates, want) {
		t.Errorf("my teammates are %v, want %v", mates, want)
	}
}
