package space

import (
	"context"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Ruling is what is decided about somebody in a space.
type Ruling struct {
	Role   Role // to be; None removes, or lifts a ban
	Rotate bool // the live call, if there is one, goes on under a new id; not for who leaves
}

// Decide changes somebody's role, or removes them: admits, rejects, promotes,
// demotes, removes, bans, leaves. Doing it again changes nothing. NotFound for who is
// not there and not to be banned; Forbidden where it is not the actor's to decide;
// Conflict for a banned user who is not let in by lifting the ban first, for the last
// owner, and where there is no room.
func (r *Registry) Decide(ctx context.Context, actor, id, target string, ruling Ruling, match Match) (Participant, error) {
	var done Participant
	err := storage.Retry(ctx, func() (err error) {
		done, err = r.decideOnce(ctx, actor, id, target, ruling, match)
		return err
	})
	if err == nil && actor == target {
		r.settled(ctx, id, actor)
	}
	return done, err
}

func (r *Registry) decideOnce(ctx context.Context, actor, id, target string, ruling Ruling, match Match) (Participant, error) {
	self := actor == target
	other, count := memberAt(id, target), tallyAt(id)
	docs := []storage.Document{other, count}
	if self {
		docs = docs[1:]
	}
	s, me, err := r.enter(ctx, id, actor, none, docs...)
	if self {
		if ruling.Role == None && problem.Is(err, problem.NotFound) {
			return Participant{}, match("") // nobody needs to leave what is not there to them
		}
		other = me
	}
	if err != nil {
		return Participant{}, err
	}
	if err := me.mayChange(other, ruling.Role); err != nil {
		return Participant{}, err
	}
	if err := match(other.version()); err != nil {
		return Participant{}, err
	}
	was := other.Role
	if was == ruling.Role {
		return other.show(), nil
	}
	if err := r.decide(ctx, other, count, ruling.Role); err != nil {
		return Participant{}, err
	}
	var more storage.Batch
	if err := r.affect(s, other, actor, ruling.Rotate && !self, &more); err != nil { // who leaves does not move the others
		return Participant{}, err
	}
	if !self {
		more.Put(me) // who decides still is who may
	}
	err = r.storeMember(ctx, other, was, memberNews{Cause: causeOf(was, ruling.Role, self), By: actor}, more)
	return other.show(), err // with the version that a new document has only now
}

// decide gives somebody another role, if the state of things allows it.
func (r *Registry) decide(ctx context.Context, m *member, count *tally, to Role) error {
	switch {
	case m.Role == None && to != Banned:
		return problem.New(problem.NotFound, "member_unknown", "This user is not in the space. People join by themselves, or by an invite.")
	case m.Role == Banned && to != None:
		return problem.New(problem.Conflict, "member_banned", "This user is banned. Lift the ban with DELETE first; then they may join.")
	case m.Role == Owner && count.Owners <= 1:
		return problem.New(problem.Conflict, "owner_last", "A space needs an owner. Make somebody else one first, or delete the space.")
	}
	if err := r.room(count, m.Role, to); err != nil {
		return err
	}
	if m.Role != None {
		m.become(to, r.Now())
		return nil
	}
	_, err := r.People.Person(ctx, m.User)
	if problem.Is(err, problem.NotFound) {
		return problem.New(problem.NotFound, "member_unknown", "There is no such user.")
	}
	m.begin(to, Person{}, r.Now()) // banning strangers is no way to learn their names
	return err
}

// affect adds to a batch what a change of somebody's role does to the space's call.
func (r *Registry) affect(s *space, m *member, by string, rotate bool, b *storage.Batch) error {
	if m.Role.rank() >= joined {
		return nil
	}
	if !rotate || !r.live(s.Draft, s.Call) {
		return r.disown(s, m.User, b)
	}
	was := *s.Call
	if was.StartedBy == m.User {
		was.StartedBy = ""
	}
	n := spread{Space: s.id(), Cause: causeRotated, By: by}
	groupID, err := starter{}.id(s, by)
	if err != nil {
		return err
	}
	record := r.newCall(s, was.StartedBy, groupID, &n)
	s.Call.StartedAt = was.StartedAt
	n.Seq = s.Seq
	news, err := r.news(s.id(), kindSpread, n)
	if err != nil {
		return err
	}
	b.Put(s)
	b.Put(record)
	b.Put(news)
	return nil
}
