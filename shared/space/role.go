package space

import "switchboard/shared/problem"

// Role is what somebody is in a space.
type Role string

// The roles, and None for whoever has none.
const (
	Owner   Role = "owner"
	Host    Role = "host"
	Member  Role = "member"
	Pending Role = "pending" // has asked to join
	Banned  Role = "banned"  // to whom there is no such space
	None    Role = ""
)

// rank orders roles by what they may do.
type rank int

const (
	banned rank = iota
	none
	pending
	joined // a member
	host
	owner
)

func (r Role) rank() rank {
	switch r {
	case Owner:
		return owner
	case Host:
		return host
	case Member:
		return joined
	case Pending:
		return pending
	case Banned:
		return banned
	}
	return none
}

// counts are what somebody of the role adds to a tally.
func (r Role) counts() (owners, members, pendings int64) {
	switch r {
	case Owner:
		return 1, 1, 0
	case Host, Member:
		return 0, 1, 0
	case Pending:
		return 0, 0, 1
	}
	return 0, 0, 0
}

// need refuses who does not have a role that an operation is for.
func (m *member) need(least rank) error {
	switch have := m.Role.rank(); {
	case have >= least:
		return nil
	case have == pending:
		return problem.New(problem.Forbidden, "admission_pending", "A host has to admit you to this space first.")
	case have < joined:
		return problem.New(problem.Forbidden, "members_only", "This is for members of the space. Join it first.")
	case least == owner:
		return problem.New(problem.Forbidden, "owners_only", "This is for owners of the space.")
	}
	return problem.New(problem.Forbidden, "hosts_only", "This is for hosts and owners of the space.")
}

// mayChange refuses a change of somebody's role, to None for a removal, that is not
// the actor's to make. Hosts decide about those below them, owners about everybody;
// everybody may become less.
func (actor *member) mayChange(target *member, to Role) error {
	if actor.User == target.User {
		return actor.mayBecome(to)
	}
	if err := actor.need(host); err != nil {
		return err
	}
	if target.Role.rank() >= host || to.rank() >= host {
		return actor.need(owner)
	}
	return nil
}

func (actor *member) mayBecome(to Role) error {
	switch {
	case to == Banned:
		return problem.New(problem.Conflict, "member_self", "Nobody can ban themselves. Leave the space instead.")
	case to == None, to == actor.Role:
		return nil
	case actor.Role.rank() <= to.rank():
		if err := actor.need(host); err != nil {
			return err
		}
		return actor.need(owner)
	}
	return nil
}
