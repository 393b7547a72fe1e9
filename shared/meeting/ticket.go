package meeting

import (
	"context"
	"time"

	"switchboard/shared/identity"
	"switchboard/shared/problem"
	"switchboard/shared/ticket"
)

// Ticket is what it takes to join a Teams meeting.
type Ticket struct {
	ticket.Ticket
	ThreadID string // of the chat; "" where unknown. The chat may refuse who may join the call
	Lobby    Lobby
}

// Ticket gives somebody who is invited what it takes to join. Conflict before the meeting
// opens, with RetryAfter, and after its link has expired; NotFound for the uninvited, and
// for users without a mapping. It costs a read besides what Identities asks for: one
// more while the user's token is warm.
func (r *Registry) Ticket(ctx context.Context, by Actor, id string) (Ticket, error) {
	m, err := r.enter(ctx, by, id)
	if err != nil {
		return Ticket{}, err
	}
	if err := r.checkOpen(m, m.EndsAt.Add(linkLife)); err != nil {
		return Ticket{}, err
	}
	who := identity.Subject{Key: identity.UserKey(by.UserID), Kind: identity.User, MustExist: true}
	return r.admit(ctx, m, who, r.Life)
}

// checkOpen refuses who is too early, and who comes after a time.
func (r *Registry) checkOpen(m *meeting, until time.Time) error {
	now := r.Now()
	switch opens := r.opens(m.StartsAt); {
	case now.Before(opens):
		return problem.New(problem.Conflict, "meeting_not_open", "This meeting can be joined from %s.", opens.Format(time.RFC3339)).After(opens.Sub(now))
	case !now.Before(until):
		return problem.New(problem.Conflict, "meeting_link_expired", "This meeting ended at %s, and what it was joined by has expired. Schedule another.", m.EndsAt.Format(time.RFC3339))
	}
	return nil
}

// admit makes a ticket for somebody who may join.
func (r *Registry) admit(ctx context.Context, m *meeting, who identity.Subject, life time.Duration) (Ticket, error) {
	g, err := r.Identities.Token(ctx, who, identity.Want{Scopes: r.Scopes, Life: life})
	if err != nil {
		return Ticket{}, err
	}
	out := Ticket{Lobby: r.lobby(m), Ticket: ticket.New("teams", m.Join.locator(), g)}
	if !m.NoChat {
		out.ThreadID = m.ThreadID
	}
	return out, nil
}

// locator is what the calling SDK takes: the link, which all versions of it know, or else
// the digits (TeamsMeetingLinkLocator, TeamsMeetingIdLocator).
func (j Join) locator() map[string]string {
	switch {
	case j.Link != "":
		return map[string]string{"meetingLink": j.Link}
	case j.Passcode == "":
		return map[string]string{"meetingId": j.ID}
	}
	return map[string]string{"meetingId": j.ID, "passcode": j.Passcode}
}

// opens is when a meeting that starts at a time can be joined.
func (r *Registry) opens(starts time.Time) time.Time { return starts.Add(-r.Opens) }
