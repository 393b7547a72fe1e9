package meeting

import (
	"cmp"
	"context"
	"slices"
	"time"

	"switchboard/shared/day"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
	"switchboard/shared/teamslink"
)

// Item is a meeting in somebody's agenda.
type Item struct {
	ID       string // "" for one that only the calendar has: it can be imported by its link
	Role     Role
	Subject  string
	StartsAt time.Time
	EndsAt   time.Time
	AllDay   bool
	Opens    time.Time // when it can be joined; zero without an ID
	Link     string    // of one from the calendar
}

// order is what agendas go by: no two items have the same.
func (i Item) order() string { return inOrder(i.StartsAt, i.EndsAt, cmp.Or(i.ID, i.Link)) }

func inOrder(starts, ends time.Time, name string) string {
	return starts.UTC().Format(time.RFC3339) + "|" + ends.UTC().Format(time.RFC3339) + "|" + name
}

// Agenda is what somebody has to do in a time.
type Agenda struct {
	Items    []Item
	Next     string // where to go on; "" at the end
	Calendar Coverage
}

// Coverage tells whether an agenda has what is on the user's calendar.
type Coverage string

// The coverages.
const (
	CalendarMerged      Coverage = "merged"
	CalendarUnavailable Coverage = "unavailable" // it could not be read now: there may be more meetings
	CalendarNone        Coverage = "none"        // the user has none that this service reads
)

// Span is the time that an agenda is of: from an instant until before another, in whole
// seconds, as seen from a time zone that package day knows, in which the days of all-day
// meetings begin.
type Span struct {
	From, To time.Time
	Zone     string
}

// mostMeetings is how many meetings are looked at, all at once, before they are cut to
// pages. Nobody has more, unless somebody else wants it so: invitations are not asked for.
const mostMeetings = 1000

// Agenda lists a user's meetings that overlap a time, by their start: those that are kept
// here, together with the Teams meetings on the user's calendar, where there is one. Two
// with the same link are one: the calendar knows when and whether it takes place, this
// service who the user is in it. The list goes on after the place where another ended.
//
// It costs one query, a second one beyond mostMeetings, and one call of the Scheduler where
// the user has a calendar. If that fails, or takes most of the time that there is, the agenda
// says so and has the rest.
func (r *Registry) Agenda(ctx context.Context, by Actor, t Span, after string, limit int) (Agenda, error) {
	occasions, coverage := r.calendar(ctx, by, t)
	kept, horizon, err := r.entries(ctx, by.UserID, t, after)
	if err != nil {
		return Agenda{}, err
	}
	found := <-occasions
	out := Agenda{Calendar: coverage}
	switch {
	case problem.Is(found.err, problem.NotFound):
		out.Calendar = CalendarNone
	case found.err != nil:
		r.Log.WarnContext(ctx, "an agenda is without the calendar", "error", found.err)
		out.Calendar = CalendarUnavailable
	}
	items := merge(kept, found.all, t)
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.order(), b.order()) })
	items = slices.CompactFunc(items, func(a, b Item) bool { return a.order() == b.order() }) // calendars may have one twice
	out.Items, out.Next = page(items, after, horizon, limit)
	for i := range out.Items {
		if one := &out.Items[i]; one.ID != "" {
			one.Opens = r.opens(one.StartsAt)
		}
	}
	return out, nil
}

// page cuts what follows a place out of a list, up to a horizon beyond which there is more
// that is not in it; "" for none.
func page(items []Item, after, horizon string, limit int) (some []Item, next string) {
	items = items[upTo(items, after):]
	if horizon != "" {
		items, next = items[:upTo(items, horizon)], horizon
	}
	if len(items) > limit {
		return items[:limit], items[limit-1].order()
	}
	return items, next
}

// upTo is how many items are not behind a place.
func upTo(items []Item, place string) int {
	n, _ := slices.BinarySearchFunc(items, place, func(i Item, place string) int {
		if i.order() <= place {
			return -1
		}
		return 1
	})
	return n
}

// looked is what came of looking at a calendar.
type looked struct {
	all []Occasion
	err error
}

// calendar looks at somebody's calendar, beside what else is done. It leaves some of the
// time for the answer.
func (r *Registry) calendar(ctx context.Context, by Actor, t Span) (<-chan looked, Coverage) {
	out := make(chan looked, 1)
	if r.Scheduler == nil || !r.Scheduler.HasCalendar(by) {
		out <- looked{}
		return out, CalendarNone
	}
	if !t.From.Before(t.To) { // a day that the place left out, of which there is no view
		out <- looked{}
		return out, CalendarMerged
	}
	go func() {
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
			defer cancel()
		}
		all, err := r.Scheduler.Occasions(ctx, by, t.From, t.To)
		out <- looked{all, err}
	}()
	return out, CalendarMerged
}

// entries reads the meetings kept here that overlap a time: all, or, where that are too
// many, those after a place, up to the horizon.
func (r *Registry) entries(ctx context.Context, user string, t Span, after string) (found []*entry, horizon string, err error) {
	found, err = r.entriesAfter(ctx, user, t, "")
	if len(found) > mostMeetings && after != "" {
		found, err = r.entriesAfter(ctx, user, t, after)
	}
	if len(found) > mostMeetings {
		found = found[:mostMeetings]
		horizon = found[mostMeetings-1].Order
	}
	return found, horizon, err
}

func (r *Registry) entriesAfter(ctx context.Context, user string, t Span, after string) ([]*entry, error) {
	const some = mostMeetings + 1
	return storage.Find[entry](ctx, r.Store, storage.Query{
		PK:         userPartition(user),
		Text:       "SELECT * FROM c WHERE c.type = @agenda AND c.startsAt < @to AND c.endsAt > @from AND c[\"order\"] > @after ORDER BY c[\"order\"] OFFSET 0 LIMIT @some",
		Parameters: map[string]any{"@agenda": agendaType, "@from": seconds(t.From), "@to": seconds(t.To), "@after": after, "@some": some},
		Limit:      some,
	}, some)
}

// merge makes one list of the meetings kept here and those on the calendar.
func merge(kept []*entry, calendar []Occasion, t Span) []Item {
	ours := map[string]*entry{} // by link
	var items []Item
	for _, e := range kept {
		link := plain(e.Link)
		if link == "" {
			items = append(items, e.item())
		} else if was := ours[link]; was == nil || e.before(was) {
			ours[link] = e
		}
	}
	known := map[string]bool{}
	for _, o := range calendar {
		o = o.in(t.Zone)
		link := plain(o.Link)
		known[link] = true
		if o.Cancelled || o.Link == "" || !o.StartsAt.Before(t.To) || !o.EndsAt.After(t.From) {
			continue
		}
		items = append(items, o.item(ours[link]))
	}
	for link, e := range ours {
		if !known[link] {
			items = append(items, e.item())
		}
	}
	return items
}

// plain is a link in the one form of those in which it is written; one that nobody here knows
// stays as it is.
func plain(link string) string {
	if l, err := teamslink.Parse(link); err == nil {
		return l.URL
	}
	return link
}

// before decides which of two entries for the same meeting is shown: who hosts one brought
// it here, too.
func (e *entry) before(o *entry) bool {
	if e.Role != o.Role {
		return o.Role == Host // what the user was invited to, before what they brought here themselves
	}
	return e.Meeting < o.Meeting
}

func (e *entry) item() Item {
	return Item{ID: e.Meeting, Role: e.Role, Subject: e.Subject, StartsAt: e.StartsAt, EndsAt: e.EndsAt}
}

// item shows an occasion, with what this service keeps of the same meeting, if anything.
func (o Occasion) item(e *entry) Item {
	i := Item{Subject: untitled(o.Subject), StartsAt: o.StartsAt, EndsAt: o.EndsAt, AllDay: o.AllDay, Link: o.Link}
	if e != nil {
		i.ID, i.Role = e.Meeting, e.Role
	}
	return i
}

// in puts the days of an all-day occasion, which are midnights in UTC, where they are in a
// zone.
func (o Occasion) in(zone string) Occasion {
	if !o.AllDay {
		return o
	}
	from, _, err := day.Bounds(o.StartsAt.Format(time.DateOnly), zone)
	to, _, err2 := day.Bounds(o.EndsAt.Format(time.DateOnly), zone)
	if err == nil && err2 == nil { // else nobody can tell a better time
		o.StartsAt, o.EndsAt = from, to
	}
	return o
}
