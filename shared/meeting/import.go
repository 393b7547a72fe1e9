package meeting

import (
	"cmp"
	"context"
	"strings"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Import brings a meeting here that people made in Outlook, Teams or Bookings. The actor
// hosts it here: they invite others to it. What the service tells of it counts, and d is
// for where it tells nothing, as of meetings of other tenants. The same meeting brought
// again by the same user is given as it is, and created is false. Invalid with every
// fault, also where nothing tells the subject and the times; NotFound for a wrong
// passcode; otherwise what Scheduler's Find says, but where it may not be asked and d has
// all that it takes.
func (r *Registry) Import(ctx context.Context, by Actor, w Wanted, d Draft) (out Meeting, created bool, err error) {
	err = storage.Retry(ctx, func() error {
		created = false
		m, err := r.imported(ctx, by, cmp.Or(w.Link.URL, w.ID))
		if err == nil && m.State != ready {
			m, created, err = r.bring(ctx, by, m, w, d)
		}
		if err != nil {
			return err
		}
		out = r.show(m, by)
		if !created {
			return nil
		}
		if err := r.store(ctx, m, changed{Cause: causeImported, By: by.UserID, Users: m.users()}); err != nil {
			return err
		}
		r.addToAgenda(ctx, m, by.UserID)
		return nil
	})
	return out, created && err == nil, err
}

// imported reads what a user has of a meeting that is named by its link or its digits.
func (r *Registry) imported(ctx context.Context, by Actor, name string) (*meeting, error) {
	m := meetingAt(r.meetingID(by.UserID, "imported "+name))
	return m, storage.Look(ctx, r.Store, m)
}

// bring makes a document of a meeting that was asked for, m where it is new. One that was
// found by its digits goes by its link from then on, and may be here by that.
func (r *Registry) bring(ctx context.Context, by Actor, m *meeting, w Wanted, d Draft) (_ *meeting, created bool, err error) {
	if err := r.People.Known(ctx, by.UserID); err != nil {
		return nil, false, err
	}
	room, err := r.find(ctx, by, w)
	if err != nil && (room.Join == (Join{}) || !d.complete()) {
		return nil, false, err
	}
	if room.Join.Link != w.Link.URL {
		m, err = r.imported(ctx, by, room.Join.Link)
		if err != nil || m.State == ready {
			return m, false, err
		}
	}
	return m, true, r.adopt(m, by, room, d)
}

// find asks the service for a meeting, where there is one to ask.
func (r *Registry) find(ctx context.Context, by Actor, w Wanted) (Room, error) {
	if r.Scheduler != nil {
		if err := r.mayGuess(ctx, by.UserID, w); err != nil {
			return Room{}, err
		}
		return r.Scheduler.Find(ctx, by, w)
	}
	return Room{Join: Join{Link: w.Link.URL, ID: w.ID, Passcode: w.Passcode}, ThreadID: w.Link.ThreadID}, nil
}

// adopt makes a document of a meeting that was found.
func (r *Registry) adopt(m *meeting, by Actor, room Room, d Draft) error {
	if room.Cancelled {
		return problem.New(problem.NotFound, "meeting_cancelled", "This meeting was cancelled.")
	}
	if room.Known {
		d.Subject, d.StartsAt, d.EndsAt = untitled(room.Subject), room.StartsAt, room.EndsAt
	}
	d = d.clean(by.UserID)
	if !d.complete() {
		return tellMore(d)
	}
	var was *Draft
	if room.Known { // the service's own part is not found fault with
		was = &Draft{Subject: d.Subject, StartsAt: d.StartsAt, EndsAt: d.EndsAt}
	}
	if err := r.check(d, Imported, was); err != nil {
		return err
	}
	if !r.Now().Before(d.EndsAt.Add(linkLife)) {
		return problem.New(problem.Conflict, "meeting_link_expired", "This meeting ended at %s, and what it was joined by has expired.", d.EndsAt.Format(time.RFC3339))
	}
	m.State, m.Host, m.HostWas, m.Mode, m.Draft, m.Vouched = ready, by.UserID, "", Imported, d, room.Known
	m.Organizer, m.CreatedAt, m.Request, m.Attempt = room.Place.Organizer, r.Now().UTC().Truncate(time.Second), "", 0
	m.learn(room)
	r.changed(m)
	return nil
}

// untitled names what has no name: Teams allows that.
func untitled(subject string) string {
	if strings.TrimSpace(subject) == "" {
		return "Teams meeting"
	}
	return subject
}

// complete reports whether a draft says what a meeting is and when.
func (d Draft) complete() bool { return d.Subject != "" && !d.StartsAt.IsZero() && !d.EndsAt.IsZero() }

// tellMore asks for what nobody else tells.
func tellMore(d Draft) error {
	var f faults
	if d.Subject == "" {
		f.add("subject", "is missing")
	}
	if d.StartsAt.IsZero() {
		f.add("startsAt", "is missing")
	}
	if d.EndsAt.IsZero() {
		f.add("endsAt", "is missing")
	}
	invalid := problem.New(problem.Invalid, "meeting_details_needed", "Microsoft Graph does not show this meeting to this service: it is of another tenant, or of an organizer whom the service does not act for, or there is none. Check the link or the ID, and send its subject, startsAt and endsAt along.")
	invalid.Fields = f
	return invalid
}
