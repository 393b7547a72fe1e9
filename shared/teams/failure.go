package teams

import (
	"errors"

	"switchboard/shared/graph"
	"switchboard/shared/problem"
)

// ours makes an error of the client one that may leave this package. What Graph does not
// know is a meeting that is gone, unless the caller has said otherwise before.
func ours(err error) error {
	if err == nil {
		return nil
	}
	if isUnknown(err) {
		return gone().Because(err)
	}
	return problem.From(err)
}

// unlessGone is an error of removing something, which is nil if it was gone already.
func unlessGone(err error) error {
	if errors.Is(err, graph.ErrNotFound) {
		return nil
	}
	return ours(err)
}

// isUnknown reports whether an error says that Graph does not show an object to the
// user who was asked: it tells "not there" and "not yours" apart in few cases.
func isUnknown(err error) bool {
	_, explained := errors.AsType[*problem.Error](err)
	return !explained && (errors.Is(err, graph.ErrNotFound) || errors.Is(err, graph.ErrNotOrganizer))
}

// isRefusal reports whether an error is the lack of a permission, or of the application
// access policy, which is granted to some organizers and not to others.
func isRefusal(err error) bool {
	p, ok := errors.AsType[*problem.Error](err)
	return ok && (p.Code == "graph_access_policy_missing" || p.Code == "graph_forbidden")
}

func gone() *problem.Error {
	return problem.New(problem.NotFound, "meeting_gone", "The meeting is no more: it was cancelled or removed where it is held.")
}

func notEnabled() *problem.Error {
	return problem.New(problem.Upstream, "teams_not_enabled",
		"The organizer's calendar does not offer Teams meetings. An administrator assigns the organizer a licence with Teams and "+
			"Exchange Online; until then meetings can be made in mode standalone.")
}

func pending() *problem.Error {
	return problem.New(problem.Unavailable, "teams_meeting_pending",
		"The meeting is made, but Microsoft does not show it yet. Try again in a moment.")
}

func notHeld() *problem.Error {
	return problem.New(problem.Conflict, "meeting_not_held",
		"This service did not make the meeting. Its organizer changes or cancels it where it was made.")
}
