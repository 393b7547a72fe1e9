package meetings

import (
	"cmp"
	"context"
	"errors"
	"time"

	"switchboard/shared/cursor"
	"switchboard/shared/day"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
)

// item is a meeting in the caller's agenda.
type item struct {
	ID       string    `json:"id,omitempty" doc:"Absent for one that only the calendar has: POST /api/meetings/import with its link gives it one"`
	Subject  string    `json:"subject"`
	StartsAt time.Time `json:"startsAt" doc:"UTC"`
	EndsAt   time.Time `json:"endsAt" doc:"UTC"`
	AllDay   bool      `json:"allDay,omitempty" doc:"It is of whole days in the time zone that was asked for"`
	OpensAt  time.Time `json:"opensAt,omitzero" doc:"From when on it can be joined, UTC; absent without an id"`
	Provider string    `json:"provider" example:"teams"`
	Role     string    `json:"role,omitempty" enum:"host,attendee" doc:"The caller's, in what is kept here"`
	Join     *joining  `json:"join,omitempty" doc:"Of one on the calendar; for others see GET /api/meetings/{id}"`
}

// agenda is one page.
type agenda struct {
	Body struct {
		Items      []item    `json:"items" nullable:"false"`
		NextCursor string    `json:"nextCursor,omitempty" doc:"Where to go on, in the same time; absent at the end"`
		From       time.Time `json:"from" doc:"When the time begins that the agenda is of, UTC"`
		To         time.Time `json:"to" doc:"When it ends, UTC"`
		Calendar   string    `json:"calendar" enum:"merged,unavailable,none" doc:"merged: the caller's calendar is among it; unavailable: it cannot be read now, and there may be more meetings; none: the caller has none in the tenant"`
	}
}

// Period is the part of a query that says which time an agenda is of.
type Period struct {
	Day  string    `query:"day" maxLength:"10" doc:"A date, in the time zone tz; without it and from, today" example:"2026-11-22"`
	TZ   string    `query:"tz" maxLength:"64" doc:"An IANA time zone; UTC if it is left out" example:"Europe/Istanbul"`
	From time.Time `query:"from" doc:"Instead of day, with to: RFC 3339, + written as %2B; in whole seconds"`
	To   time.Time `query:"to" doc:"At most 31 days after from"`
}

const longestAgenda = 31 * 24 * time.Hour

// span reads the period, which is today if nothing else is said.
func (p Period) span(now time.Time) (meeting.Span, error) {
	zone := cmp.Or(p.TZ, "UTC")
	today, err := day.Today(now, zone)
	if err != nil {
		return badPeriod("tz", "is no time zone that is known: use an IANA name, such as Europe/Istanbul")
	}
	ranged := !p.From.IsZero() || !p.To.IsZero()
	start, end := p.From.UTC().Truncate(time.Second), p.To.UTC().Add(time.Second-1).Truncate(time.Second)
	switch {
	case ranged && p.Day != "":
		return badPeriod("day", "is there together with from and to; choose one")
	case ranged && p.From.IsZero():
		return badPeriod("from", "is missing beside to")
	case ranged && p.To.IsZero():
		return badPeriod("to", "is missing beside from")
	case ranged && start.Year() < 1: // RFC 3339 has four digits for it, as answers have
		return badPeriod("from", "is before the year 1")
	case ranged && end.Year() > 9999:
		return badPeriod("to", "is after the year 9999")
	case ranged && !p.To.After(p.From):
		return badPeriod("to", "must be after from")
	case ranged && p.To.Sub(p.From) > longestAgenda:
		return badPeriod("to", "is more than 31 days after from")
	case ranged:
		return meeting.Span{From: start, To: end, Zone: zone}, nil
	}
	from, to, err := day.Bounds(cmp.Or(p.Day, today), zone)
	if errors.Is(err, day.ErrDate) {
		return badPeriod("day", "is not a date such as 2026-11-22")
	}
	return meeting.Span{From: from, To: to, Zone: zone}, err
}

func badPeriod(parameter, message string) (meeting.Span, error) {
	invalid := problem.New(problem.Invalid, "agenda_invalid", "There is no agenda of such a time. See errors.")
	invalid.Fields = []problem.Field{{Location: "query." + parameter, Message: message}}
	return meeting.Span{}, invalid
}

func (h handler) list(ctx context.Context, in *struct {
	Period
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"nextCursor of the page before, of the same time"`
}) (*agenda, error) {
	who := actor(ctx)
	t, err := in.span(h.now())
	if err != nil {
		return nil, err
	}
	out := &agenda{}
	out.Body.From, out.Body.To = t.From, t.To
	out.Body.Items, out.Body.NextCursor, err = cursor.Page(ctx, h.ring, "agenda "+who.UserID, in.Cursor, func(after string) ([]meeting.Item, string, error) {
		found, err := h.meetings.Agenda(ctx, who, t, after, in.Limit)
		out.Body.Calendar = string(found.Calendar)
		return found.Items, found.Next, err
	}, showItem)
	return out, err
}

func showItem(i meeting.Item) item {
	out := item{ID: i.ID, Subject: i.Subject, StartsAt: i.StartsAt, EndsAt: i.EndsAt, AllDay: i.AllDay, OpensAt: i.Opens, Provider: "teams", Role: string(i.Role)}
	if i.Link != "" {
		out.Join = &joining{MeetingLink: i.Link}
	}
	return out
}
