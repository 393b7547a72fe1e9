package space_test

import (
	"strings"
	"testing"

	"switchboard/shared/problem"
	"switchboard/shared/space"
	"switchboard/shared/storage"
)

// count gives the people of a space by role.
func (w *world) count(t testing.TB, id string) map[space.Role]int {
	t.Helper()
	all, err := w.all(t.Context(), "s:"+id)
	ok(t, err)
	roles := map[space.Role]int{}
	for _, m := range all["member"] {
		roles[m.Role]++
	}
	if tally := all["tally"]["tally"]; tally != nil && all["space"]["space"].Closed != true &&
		(tally.Owners != roles[space.Owner] || tally.Members != roles[space.Owner]+roles[space.Host]+roles[space.Member] || tally.Pending != roles[space.Pending]) {
		t.Errorf("the tally is %+v, there are %v", tally, roles)
	}
	return roles
}

// TestTheLastOwnersRace: whatever owners do to each other and to themselves at once, one
// stays.
func TestTheLastOwnersRace(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]int{"leaving": 0, "demoting each other": 1, "demoting themselves": 0} {
		t.Run(name, func(t *testing.T) {
			w, ctx := newWorld(t), t.Context()
			role := space.Host
			if name == "leaving" {
				role = space.None
			}
			for range 10 {
				owners := []string{w.people.join("Ada"), w.people.join("Grace")}
				id := w.opened(t, owners[0], space.Open)
				w.joined(t, id, owners[1])
				_, err := w.Decide(ctx, owners[0], id, owners[1], space.Ruling{Role: space.Owner}, anyVersion)
				ok(t, err)
				done := 0
				for _, err := range w.atOnce(2, func(by *space.Registry, i int) error {
					_, err := by.Decide(ctx, owners[i], id, owners[(i+second)%2], space.Ruling{Role: role}, anyVersion)
					return err
				}) {
					if err == nil {
						done++
					} else if !problem.Is(err, problem.Conflict) && !problem.Is(err, problem.Forbidden) {
						t.Error(err)
					}
				}
				if roles := w.count(t, id); roles[space.Owner] != 1 || done != 1 {
					t.Errorf("%d were done, there are %v", done, roles)
				}
			}
		})
	}
}

// Whatever the other owner does between any two requests of one, one stays.
func TestOneOwnerBetweenTheRequestsOfAnother(t *testing.T) {
	t.Parallel()
	for pause := 1; pause <= 3; pause++ {
		for _, first := range []space.Role{space.None, space.Member} {
			w, ctx := newWorld(t), t.Context()
			ada, grace := w.people.join("Ada"), w.people.join("Grace")
			id := w.opened(t, ada, space.Open)
			w.joined(t, id, grace)
			_, err := w.Decide(ctx, ada, id, grace, space.Ruling{Role: space.Owner}, anyVersion)
			ok(t, err)
			slow := &line{Container: w.store, pause: pause, between: func() {
				_, err := w.Decide(ctx, grace, id, grace, space.Ruling{Role: space.None}, anyVersion)
				if err != nil {
					refused(t, err, "owner_last")
				}
			}}
			_, err = w.registry(slow, w.clock.Now).Decide(ctx, ada, id, ada, space.Ruling{Role: first}, anyVersion)
			if roles := w.count(t, id); roles[space.Owner] != 1 || pause < 3 && err == nil {
				t.Errorf("before request %d: %v, there are %v", pause, err, roles)
			}
		}
	}
}

// TestJoinersRaceForTheLastSeats: as many get in as there is room for, and nobody has to
// try again because of the others.
func TestJoinersRaceForTheLastSeats(t *testing.T) {
	t.Parallel()
	const joiners, room = 100, 60
	for _, policy := range []space.Policy{space.Open, space.Request} {
		w, ctx := newWorld(t), t.Context()
		owner := w.people.join("Ada")
		w.limits.Members, w.limits.Pending = room+1, room
		users := make([]string, joiners)
		for i := range users {
			users[i] = w.people.join("joiner")
		}
		id := w.opened(t, owner, policy)
		in := 0
		for _, err := range w.atOnce(joiners, func(by *space.Registry, i int) error {
			_, err := by.Join(ctx, users[i], id)
			return err
		}) {
			if err == nil {
				in++
			} else if !problem.Is(err, problem.Conflict) {
				t.Error(err)
			}
		}
		if roles := w.count(t, id); in != room || roles[space.Member]+roles[space.Pending] != room {
			t.Errorf("%s: %d were let in, there are %v", policy, in, roles)
		}
	}
}

// TestAnInviteIsUsedAsOftenAsItSays, and no more, by however many at once.
func TestAnInviteIsUsedAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	owner := w.people.join("Ada")
	id := w.opened(t, owner, space.ByInvite)
	i, _, err := w.Invite(ctx, owner, id, 5, life, "")
	ok(t, err)
	users := make([]string, 40)
	for i := range users {
		users[i] = w.people.join("guest")
	}
	for _, err := range w.atOnce(len(users), func(by *space.Registry, n int) error {
		_, err := by.Accept(ctx, users[n], i.Code)
		return err
	}) {
		if err != nil {
			refused(t, err, "invite_used")
		}
	}
	if roles := w.count(t, id); roles[space.Member] != 5 {
		t.Errorf("there are %v", roles)
	}
}

// TestDeletionRaces: joins, shares, bans and invites that are under way when a space is
// deleted leave nothing behind.
func TestDeletionRaces(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	id, owner, members := w.crowded(t, 150)
	strangers := make([]string, 30)
	for i := range strangers {
		strangers[i] = w.people.join("stranger")
	}
	_, err := w.Decide(ctx, owner, id, members[0], space.Ruling{Role: space.Host}, anyVersion)
	ok(t, err)
	for i, err := range w.atOnce(120, func(by *space.Registry, i int) (err error) {
		switch {
		case i == 60:
			return by.Delete(ctx, owner, id, anyVersion)
		case i == 61:
			return w.settle(ctx, "s:"+id)
		case i%4 == 0:
			_, err = by.Join(ctx, strangers[i/4], id)
		case i%4 == 1:
			_, err = begin(ctx, by, members[i], id, i%8 == 1)
		case i%4 == 2:
			_, err = by.Decide(ctx, members[0], id, strangers[i/4], space.Ruling{Role: space.Banned}, anyVersion)
		default:
			_, _, err = by.Invite(ctx, members[0], id, 1, life, "")
		}
		return err
	}) {
		if !expected(err) && !problem.Is(err, problem.Unavailable) || i == 60 && err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	partitions := []string{"s:" + id, "u:" + owner}
	for _, user := range append(strangers, members...) {
		partitions = append(partitions, "u:"+user)
	}
	ok(t, w.settle(ctx, partitions...))
	w.empty(t, partitions[1:]...)
	left, err := w.all(ctx, partitions[0])
	ok(t, err)
	ok(t, onlyGrave(left))
}

// empty demands that nothing is stored in partitions.
func (w *world) empty(t testing.TB, partitions ...string) {
	t.Helper()
	for _, pk := range partitions {
		page, err := w.store.Query(t.Context(), storage.Query{PK: pk, Text: "SELECT * FROM c"})
		ok(t, err)
		for _, left := range page.Documents {
			t.Errorf("left: %s", left)
		}
	}
}

// TestErasureRaces: a user is erased while they join, make and start things everywhere.
func TestErasureRaces(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	owner, ada := w.people.join("owner"), w.people.join("Ada")
	partitions := []string{"u:" + ada, "u:" + owner}
	var clubs []string
	for range 10 {
		id := w.opened(t, owner, space.Open)
		clubs, partitions = append(clubs, id), append(partitions, "s:"+id)
	}
	for _, err := range w.atOnce(60, func(by *space.Registry, i int) (err error) {
		switch id := clubs[i%len(clubs)]; {
		case i == 30:
			w.people.leave(ada)
			return by.Forget(ctx, ada)
		case i%3 == 0:
			_, _, err = by.Create(ctx, ada, club(space.Open), "")
		case i%3 == 1:
			_, err = by.Join(ctx, ada, id)
		default:
			if _, err = by.Join(ctx, ada, id); err == nil {
				_, err = begin(ctx, by, ada, id, true)
			}
		}
		return err
	}) {
		if !expected(err) && !problem.Is(err, problem.Unavailable) {
			t.Error(err)
		}
	}
	page, err := w.store.QueryAll(ctx, storage.Query{Text: "SELECT * FROM c WHERE c.type = 'space'", Limit: 1000})
	ok(t, err)
	made, err := storage.Decode[doc](page)
	ok(t, err)
	for _, entity := range made {
		partitions = append(partitions, entity.PK)
	}
	ok(t, w.settle(ctx, partitions...))
	w.empty(t, "u:"+ada)
	page, err = w.store.QueryAll(ctx, storage.Query{Text: "SELECT * FROM c", Limit: 1000})
	ok(t, err)
	for _, left := range page.Documents {
		if strings.Contains(string(left), ada) {
			t.Errorf("left: %s", left)
		}
	}
	for _, id := range clubs {
		w.count(t, id)
	}
}
