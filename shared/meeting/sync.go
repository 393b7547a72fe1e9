package meeting

import (
	"context"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Sync takes over what the service says of a meeting by now: that it was moved, renamed
// or cancelled there. It is called when the service told of a change, and may be called
// at any time.
func (r *Registry) Sync(ctx context.Context, id string) error {
	if r.Scheduler == nil {
		return nil
	}
	return storage.Retry(ctx, func() error {
		m := meetingAt(id)
		if err := storage.Look(ctx, r.Store, m); err != nil || m.State != ready || m.Place == (Place{}) {
			return err
		}
		if r.busy(m, "") {
			return problem.New(problem.Unavailable, "meeting_changing", "The meeting is being changed here.").After(lease)
		}
		room, err := r.Scheduler.Look(ctx, m.Place)
		if err != nil {
			return err
		}
		n := changed{Cause: causeElsewhere, Users: m.users()}
		switch {
		case room.Cancelled:
			_, err := r.close(ctx, m, n)
			return err
		case !room.Known:
			return r.unmark(ctx, m)
		}
		return r.follow(ctx, m, room, n)
	})
}

// follow stores what the service says of a meeting, if that is new.
func (r *Registry) follow(ctx context.Context, m *meeting, room Room, n changed) error {
	now := m.Draft
	now.Subject, now.StartsAt, now.EndsAt = untitled(room.Subject), room.StartsAt, room.EndsAt
	now = now.clean(m.Host)
	lobby := room.Lobby != "" && room.Lobby != m.LobbyScope
	if now.sameAtService(m.Draft) && !lobby {
		return r.unmark(ctx, m)
	}
	if m.Draft = now; lobby {
		m.LobbyScope = room.Lobby
	}
	m.Work = nil
	r.changed(m)
	return r.store(ctx, m, n)
}

// unmark takes away what work that was cut short left on a meeting.
func (r *Registry) unmark(ctx context.Context, m *meeting) error {
	if m.Work == nil {
		return nil
	}
	m.Work = nil
	return r.Store.Replace(ctx, m)
}
