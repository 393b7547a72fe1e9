package space

import (
	"context"
	"fmt"
	"time"

	"switchboard/shared/invitation"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Participant is somebody in a space, as its members see them.
type Participant struct {
	UserID  string
	Name    string
	Role    Role
	Since   time.Time // of the role
	Version string
	order   string
}

func (m *member) show() Participant {
	return Participant{UserID: m.User, Name: m.Name, Role: m.Role, Since: m.Since, Version: m.version(), order: m.Order}
}

// version is the entity tag of a role; empty for none.
func (m *member) version() string {
	if m.ETag == "" {
		return ""
	}
	return fmt.Sprint(m.Seq)
}

// Join makes a user a member of a space that is open, or asks to be admitted. Who is
// in it already stays what they are. NotFound for whom there is no such space, and
// for users without a mapping; Conflict where there is no room.
func (r *Registry) Join(ctx context.Context, user, id string) (Space, error) {
	return r.join(ctx, user, id, nil)
}

// join is Join, or with an invite past the policy.
func (r *Registry) join(ctx context.Context, user, id string, with *invite) (Space, error) {
	var out Space
	err := storage.Retry(ctx, func() (err error) {
		out, err = r.joinOnce(ctx, user, id, with)
		return err
	})
	if err == nil {
		r.settled(ctx, id, user)
	}
	return out, err
}

func (r *Registry) joinOnce(ctx context.Context, user, id string, with *invite) (Space, error) {
	s, me, count := spaceAt(id), memberAt(id, user), tallyAt(id)
	docs := []storage.Document{s, me, count}
	if with != nil {
		with = inviteAt(id, with.ID) // as it was not read before
		docs = append(docs, with)
	}
	if err := r.Store.Snapshot(ctx, docs...); err != nil {
		return Space{}, err
	}
	role, err := r.admission(s, me, with)
	if err != nil {
		return Space{}, err
	}
	was := me.Role
	if role == was {
		return r.show(s, me, count), nil
	}
	if err := r.room(count, was, role); err != nil {
		return Space{}, err
	}
	if was == None {
		p, err := r.person(ctx, user)
		if err != nil {
			return Space{}, err
		}
		me.begin(role, p, r.Now())
	} else { // counted among their spaces already
		me.become(role, r.Now())
	}
	count.move(was, role)
	var more storage.Batch
	if with != nil {
		more.Adjust(with.PK, with.ID, map[string]int64{"used": 1}, "c.used < c.uses")
	}
	return r.show(s, me, count), r.storeMember(ctx, me, was, memberNews{Cause: causeJoined, By: user}, more)
}

// admission is what somebody who wants to join becomes.
func (r *Registry) admission(s *space, me *member, with *invite) (Role, error) {
	switch {
	case !s.there() || me.Role == Banned:
		if with != nil {
			return None, invitation.Unknown()
		}
		return None, unknown()
	case me.Role.rank() >= joined:
		return me.Role, nil
	case with != nil:
		return Member, with.usable(r.Now())
	case me.Role == Pending && s.JoinPolicy != Open:
		return Pending, nil
	case s.JoinPolicy == ByInvite:
		return None, unknown()
	case s.JoinPolicy == Request:
		return Pending, nil
	}
	return Member, nil
}

// room refuses a change of role that would take the space over a limit.
func (r *Registry) room(count *tally, from, to Role) error {
	_, members, pendings := change(from, to)
	switch {
	case members > 0 && count.Members >= r.Limits.Members:
		return problem.New(problem.Conflict, "space_full", "This space has %d members, as many as one can have.", r.Limits.Members)
	case pendings > 0 && count.Pending >= r.Limits.Pending:
		return problem.New(problem.Conflict, "requests_full", "Too many wait to be admitted to this space. Try again later.")
	}
	return nil
}

// change is what a change of role does to a tally.
func change(from, to Role) (owners, members, pendings int64) {
	o, m, p := to.counts()
	wasO, wasM, wasP := from.counts()
	return o - wasO, m - wasM, p - wasP
}

// move brings a tally that was read up to date with a change of role.
func (t *tally) move(from, to Role) {
	owners, members, pendings := change(from, to)
	t.Owners, t.Members, t.Pending = t.Owners+int(owners), t.Members+int(members), t.Pending+int(pendings)
}

// storeMember writes a role that was another before, or its end, with the tally and
// the news for whose role it is, in a batch that has more. The tally keeps the limits,
// and an owner.
func (r *Registry) storeMember(ctx context.Context, m *member, was Role, n memberNews, b storage.Batch) error {
	n.Space, n.User, n.Role = m.space(), m.User, m.Role
	news, err := r.news(n.Space, kindMember, n)
	if err != nil {
		return err
	}
	if m.Role == None {
		b.Delete(m)
	} else {
		b.Put(m)
	}
	owners, members, pendings := change(was, m.Role)
	by, condition := map[string]int64{}, "c.closed = 0"
	for name, n := range map[string]int64{"owners": owners, "members": members, "pending": pendings} {
		if n != 0 {
			by[name] = n
		}
	}
	if owners < 0 {
		condition += " AND c.owners > 1"
	}
	if members > 0 {
		condition += fmt.Sprintf(" AND c.members < %d", r.Limits.Members)
	}
	if pendings > 0 {
		condition += fmt.Sprintf(" AND c.pending < %d", r.Limits.Pending)
	}
	if len(by) > 0 {
		b.Adjust(m.PK, tallyType, by, condition)
	}
	b.Put(news)
	return r.Store.Write(ctx, b)
}

// Find shows somebody in a space to its members; who is pending or banned is shown to
// hosts and owners, and everybody to themselves. NotFound for who is not there. It
// costs one read.
func (r *Registry) Find(ctx context.Context, user, id, target string) (Participant, error) {
	other := memberAt(id, target)
	least, more := joined, []storage.Document{other}
	if user == target {
		least, more = none, nil
	}
	_, me, err := r.enter(ctx, id, user, least, more...)
	if err != nil {
		return Participant{}, err
	}
	if user == target {
		other = me
	}
	if r := other.Role.rank(); r == none || user != target && r < joined && me.Role.rank() < host {
		return Participant{}, problem.New(problem.NotFound, "member_unknown", "This user is not in the space.")
	}
	return other.show(), nil
}

// Members lists the people of a space by role, and within it by name, for its members:
// all of one role, or owners, hosts and members. Only hosts see who is pending or
// banned. It costs one read and one query, whatever the length of the list; next is
// the place to go on after, "" at the end.
func (r *Registry) Members(ctx context.Context, user, id string, role Role, after string, limit int) (people []Participant, next string, err error) {
	least := joined
	if role == Pending || role == Banned {
		least = host
	}
	if _, _, err := r.enter(ctx, id, user, least); err != nil {
		return nil, "", err
	}
	low, high := "", Pending.digit()
	if role != None {
		low, high = role.digit(), role.digit()+orderEnd
	}
	q := storage.Query{
		PK:         partition(id),
		Text:       "SELECT * FROM c WHERE c[\"order\"] > @after AND c[\"order\"] < @end ORDER BY c[\"order\"] OFFSET 0 LIMIT @limit",
		Parameters: map[string]any{"@after": max(low, after), "@end": high, "@limit": limit + 1},
		Limit:      limit + 1,
	}
	found, err := storage.Find[member](ctx, r.Store, q, limit+1)
	if err != nil {
		return nil, "", err
	}
	for _, m := range found {
		people = append(people, m.show())
	}
	if len(people) > limit {
		return people[:limit], people[limit-1].order, nil
	}
	return people, "", nil
}
