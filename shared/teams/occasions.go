package teams

import (
	"context"
	"time"

	"switchboard/shared/graph"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
)

// HasCalendar reports whether there is a calendar of the actor to look at. Where the
// service acts on behalf of callers, it takes their token: nobody's calendar is read by
// the application's permission instead.
func (s *Scheduler) HasCalendar(by meeting.Actor) bool {
	return s.isColleague(by) && (s.Callers != Delegated || by.Token != "")
}

// Occasions are the Teams meetings on the actor's calendar that overlap a time. There
// are none where HasCalendar is false.
func (s *Scheduler) Occasions(ctx context.Context, by meeting.Actor, from, to time.Time) ([]meeting.Occasion, error) {
	if !s.HasCalendar(by) {
		return nil, nil
	}
	user, err := s.acting(by, by.ObjectID)
	if err != nil {
		return nil, ours(err)
	}
	events, err := user.CalendarView(ctx, from, to)
	switch {
	case isUnknown(err):
		return nil, problem.New(problem.NotFound, "calendar_unknown", "This account has no mailbox in the tenant.").Because(err)
	case err != nil:
		return nil, ours(err)
	}
	var list []meeting.Occasion
	for _, e := range events {
		if !e.Online || e.Provider != graph.TeamsProvider || e.Response == graph.Declined { // IsTeamsMeeting leaves out what is cancelled
			continue
		}
		list = append(list, meeting.Occasion{
			Subject: e.Subject, StartsAt: e.Start, EndsAt: e.End, AllDay: e.AllDay,
			Cancelled: e.Cancelled, Link: e.JoinURL,
		})
	}
	return list, nil
}
