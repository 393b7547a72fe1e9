package app

import (
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/friendship"
	"switchboard/shared/meeting"
	"switchboard/shared/space"
)

type spacesSettings struct {
	limits              space.Limits
	life, opens, closes time.Duration
	scopes              []calling.Scope // of the tokens in join tickets
}

type meetingsSettings struct {
	opens             time.Duration // before the start of a meeting, when it can be joined
	closes            time.Duration // after its end, when guests have to go
	attendees, guests int           // of one meeting, at most
	scopes            []calling.Scope
	anonymousStart    bool          // the tenant lets anonymous people start meetings
	timeout           time.Duration // of a request that waits for Graph
}

// friends reads the limits of friend lists.
func (r *reader) friends(e environment) friendship.Limits {
	return friendship.Limits{
		Friends: r.number("SWITCHBOARD_FRIENDS_MAX", e.FriendsMax),
		Pending: r.number("SWITCHBOARD_FRIENDS_PENDING_MAX", e.FriendsPendingMax),
		Invites: r.number("SWITCHBOARD_FRIENDS_INVITES_MAX", e.FriendsInvitesMax),
		PerMin: map[friendship.Act]int{
			friendship.Ask:    r.number("SWITCHBOARD_FRIENDS_REQUESTS_PER_MINUTE", e.FriendsRequestRate),
			friendship.Search: r.number("SWITCHBOARD_FRIENDS_LOOKUPS_PER_MINUTE", e.FriendsLookupRate),
			friendship.Invite: r.number("SWITCHBOARD_FRIENDS_INVITES_PER_MINUTE", e.FriendsInviteRate),
		},
	}
}

// spaces reads the limits of spaces and the times of their calls.
func (r *reader) spaces(e environment) spacesSettings {
	return spacesSettings{
		limits: space.Limits{
			Spaces:  r.number("SWITCHBOARD_SPACES_MAX", e.SpacesMax),
			Members: r.number("SWITCHBOARD_SPACES_MEMBERS_MAX", e.SpacesMembersMax),
			Pending: r.number("SWITCHBOARD_SPACES_PENDING_MAX", e.SpacesPendingMax),
			Invites: r.number("SWITCHBOARD_SPACES_INVITES_MAX", e.SpacesInvitesMax),
		},
		life:   r.duration("SWITCHBOARD_SPACES_CALL_LIFE", e.SpacesCallLife, time.Minute, 24*time.Hour),
		opens:  r.duration("SWITCHBOARD_SPACES_OPENS_BEFORE", e.SpacesOpens, 0, 24*time.Hour),
		closes: r.duration("SWITCHBOARD_SPACES_CLOSES_AFTER", e.SpacesCloses, 0, 24*time.Hour),
		scopes: r.scopes("SWITCHBOARD_SPACES_SCOPES", e.SpacesScopes),
	}
}

// meetings reads the limits of meetings and the times of their calls.
func (r *reader) meetings(e meetingsEnvironment) meetingsSettings {
	return meetingsSettings{
		opens:          r.duration("SWITCHBOARD_MEETINGS_OPENS_BEFORE", e.Opens, 0, 24*time.Hour),
		closes:         r.duration("SWITCHBOARD_MEETINGS_CLOSES_AFTER", e.Closes, 0, 24*time.Hour),
		attendees:      r.number("SWITCHBOARD_MEETINGS_ATTENDEES_MAX", e.AttendeesMax),
		guests:         r.number("SWITCHBOARD_MEETINGS_GUESTS_MAX", e.GuestsMax),
		scopes:         r.scopes("SWITCHBOARD_MEETINGS_SCOPES", e.Scopes),
		anonymousStart: r.flag("SWITCHBOARD_MEETINGS_ANONYMOUS_START", e.AnonymousStart),
		timeout:        r.duration("SWITCHBOARD_MEETINGS_TIMEOUT", e.Timeout, time.Second, meeting.MaxPatience),
	}
}
