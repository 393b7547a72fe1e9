package meeting

import (
	"context"

	"switchboard/shared/outbox"
	"switchboard/shared/storage"
)

// The kinds of news that Handlers take. What is stored with one is a promise to later
// versions: they find entries of earlier ones.
const (
	kindChanged = "meeting.changed" // what people see of a meeting changed, or who is invited
	kindOver    = "meeting.over"    // a meeting was cancelled
	kindUndo    = "meeting.undo"    // a meeting was not made to the end
	kindGuests  = "meeting.guests"  // the invite link was revoked
	kindForget  = "meeting.forget"  // a user is being erased, and is in meetings
)

// The causes of news, for whoever tells people of them.
const (
	causeMade      = "made"
	causeImported  = "imported"
	causeChanged   = "changed"
	causeElsewhere = "changedElsewhere" // by people, in Outlook or Teams
	causeCancelled = "cancelled"
	causeDeclined  = "declined"
	causeErased    = "erased"
)

// changed says what happened to a meeting, and who is to be told: all who are invited, and
// all who were before. The calendar event is what was behind the meeting then; earlier
// versions did not tell it.
type changed struct {
	Meeting   string   `json:"meeting"`
	Cause     string   `json:"cause"`
	By        string   `json:"by,omitempty"`
	Users     []string `json:"users"`
	Organizer string   `json:"organizer,omitempty"`
	Event     string   `json:"event,omitempty"`
}

// of names the meeting, and the event behind it if there is one.
func (n changed) of(m *meeting) changed {
	if n.Meeting = m.id(); m.Place.Event != "" {
		n.Organizer, n.Event = m.Place.Organizer, m.Place.Event
	}
	return n
}

// ended is changed, of a meeting that is no more. Debt is what it leaves to do with the
// service; "" for nothing.
type ended struct {
	changed
	Debt string `json:"debt,omitempty"`
}

// unmade says which meeting was given up, and what that leaves to do.
type unmade struct {
	Meeting string `json:"meeting"`
	Debt    string `json:"debt"`
}

// Handlers are what delivers the package's news.
func (r *Registry) Handlers() map[string]outbox.Handler {
	return map[string]outbox.Handler{
		kindChanged: outbox.Reading(r.tell),
		kindOver:    outbox.Reading(r.end),
		kindUndo:    outbox.Reading(r.unmake),
		kindGuests:  outbox.Reading(r.dismiss),
		kindForget:  outbox.Reading(r.forgetOn),
	}
}

// store writes a changed meeting with news of it.
func (r *Registry) store(ctx context.Context, m *meeting, n changed) error {
	return r.write(ctx, m, kindChanged, n.of(m))
}

// write stores a meeting, news of it, and more documents, in one batch.
func (r *Registry) write(ctx context.Context, m *meeting, kind string, news any, more ...storage.Document) error {
	entry, err := outbox.New(m.PK, kind, news, r.NewID(), r.Now())
	if err != nil {
		return err
	}
	var b storage.Batch
	b.Put(m)
	for _, d := range more {
		b.Put(d)
	}
	b.Put(entry)
	return r.Store.Write(ctx, b)
}

// tell brings the agendas of people up to date after a change of a meeting, lets its guests
// stay as long as it lasts now, and has the calendar event behind it watched.
func (r *Registry) tell(ctx context.Context, n changed) (any, error) {
	err := outbox.Each(ctx, n.Users, func(ctx context.Context, user string) error { return r.reflect(ctx, n.Meeting, user) })
	if err != nil {
		return nil, err
	}
	m := meetingAt(n.Meeting)
	if err := storage.Look(ctx, r.Store, m); err != nil {
		return nil, err
	}
	if m.State == ready {
		if err := r.extend(ctx, m); err != nil {
			return nil, err
		}
	}
	if n.Event == "" {
		n = n.of(m)
	}
	return nil, r.watch(ctx, n)
}

// watch has an event watched while it is behind a meeting that is there, and no longer. News
// of one meeting may be delivered at once: so what was told is looked at again, until it is
// as the meeting is.
func (r *Registry) watch(ctx context.Context, n changed) error {
	if r.Watcher == nil || n.Event == "" {
		return nil
	}
	told, watched := false, false
	return storage.Settle(ctx, func() (done bool, err error) {
		m := meetingAt(n.Meeting)
		if err := storage.Look(ctx, r.Store, m); err != nil {
			return false, err
		}
		wanted := m.State == ready && m.Place.Event == n.Event
		if told && wanted == watched {
			return true, nil
		}
		told, watched = true, wanted
		if wanted {
			return false, r.Watcher.Follow(ctx, n.Organizer, n.Event, n.Meeting, m.EndsAt)
		}
		return false, r.Watcher.Unfollow(ctx, n.Organizer, n.Event, n.Meeting)
	})
}

// end finishes what is left of a meeting that was cancelled: in people's agendas, on the
// calendar that is watched, of its guests, and at the service.
func (r *Registry) end(ctx context.Context, n ended) (any, error) {
	err := outbox.Each(ctx, n.Users, func(ctx context.Context, user string) error { return r.reflect(ctx, n.Meeting, user) })
	if err != nil {
		return nil, err
	}
	if err := r.watch(ctx, n.changed); err != nil {
		return nil, err
	}
	if _, err := r.dismiss(ctx, n.changed); err != nil || n.Debt == "" {
		return nil, err
	}
	return nil, r.payOne(ctx, debtAt(n.Meeting, n.Debt))
}

// unmake removes what a plan left at the service.
func (r *Registry) unmake(ctx context.Context, n unmade) (any, error) {
	return nil, r.payOne(ctx, debtAt(n.Meeting, n.Debt))
}
