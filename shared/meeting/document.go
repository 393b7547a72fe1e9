package meeting

import (
	"math"
	"slices"
	"strings"
	"time"

	"switchboard/shared/storage"
)

// meeting is the document that every change of a meeting goes through.
type meeting struct {
	storage.Head
	State     state     `json:"state"`
	Host      string    `json:"host,omitempty"`    // user; "" on a mark
	HostWas   string    `json:"hostWas,omitempty"` // on the mark of one that is over: digest
	Request   string    `json:"request,omitempty"` // what the request was that made it, to tell a repeated one
	Attempt   int       `json:"attempt,omitempty"` // how often it was begun and undone before
	Work      *work     `json:"work,omitempty"`    // with the service, under way
	CreatedAt time.Time `json:"createdAt,omitzero"`
	Mode      Mode      `json:"mode,omitempty"`
	Organizer string    `json:"organizer,omitempty"` // object id in Entra, as Plan has it
	Draft
	Place      Place   `json:"place,omitzero"`
	Join       Join    `json:"join,omitzero"`
	ThreadID   string  `json:"threadId,omitempty"`
	NoChat     bool    `json:"noChat,omitempty"`
	LobbyScope string  `json:"lobbyScope,omitempty"` // as the service has it
	DialIn     *DialIn `json:"dialIn,omitempty"`
	Invite     string  `json:"invite,omitempty"`  // secret of the link for guests
	Vouched    bool    `json:"vouched,omitempty"` // of an imported one: the service tells its subject and times
	Version    string  `json:"version,omitempty"` // the entity tag that clients see
	Seq        int64   `json:"seq"`               // counts up with whatever agendas show
}

// state is how far a meeting has come.
type state string

const (
	planned state = "planned" // it is being made: nobody sees it yet
	ready   state = "ready"
	undone  state = "undone" // it was not made to the end; the key that it was asked for with may begin it again
	over    state = "over"   // cancelled; a mark without what it was
)

// work is what somebody does with the service now. While it lasts nobody else changes the
// meeting; who finds it lapsed goes on.
type work struct {
	By    string    `json:"by"` // random, to tell one's own
	Until time.Time `json:"until"`
}

// MaxPatience is the longest that a request may take: lease outlasts it, also on the clock of
// another instance.
const MaxPatience = 30 * time.Second

// lease is longer than any request works.
const lease = MaxPatience + 10*time.Second

// guest is the document of somebody whom the invite link let in.
type guest struct {
	storage.Head
	Guest   string    `json:"guest"`
	Invite  string    `json:"invite"`            // secret of the link that let them in
	Until   time.Time `json:"until"`             // when they have to go
	Leaving bool      `json:"leaving,omitempty"` // their identity is being erased
}

// invite is the document of the one link by which guests come in. Its id holds the secret
// that the code ends with.
type invite struct {
	storage.Head
	CreatedAt time.Time `json:"createdAt"`
	Used      int       `json:"used"` // guests that were let in
}

// The types of documents; the one that each partition has one of are their own ids.
const (
	meetingType = "meeting"
	inviteType  = "invite"
	guestType   = "guest"
	agendaType  = "agenda"
	debtType    = "debt"
	guessesType = "guesses"
)

func partition(meetingID string) string { return "m:" + meetingID }

func userPartition(userID string) string { return "u:" + userID }

func head(pk, id, documentType string) storage.Head {
	return storage.Head{PK: pk, ID: id, Type: documentType}
}

func meetingAt(id string) *meeting {
	return &meeting{Head: head(partition(id), meetingType, meetingType)}
}

func inviteAt(id, secret string) *invite {
	return &invite{Head: head(partition(id), inviteType+":"+secret, inviteType)}
}

func guestAt(meetingID, id string) *guest {
	return &guest{Head: head(partition(meetingID), guestType+":"+id, guestType), Guest: id}
}

// id is the meeting whose document it is.
func (m *meeting) id() string { return strings.TrimPrefix(m.PK, "m:") }

func (g *guest) meeting() string { return strings.TrimPrefix(g.PK, "m:") }

func (m *meeting) role(user string) Role {
	switch {
	case user == "":
		return None
	case m.Host == user:
		return Host
	case slices.ContainsFunc(m.Attendees, func(p Person) bool { return p.UserID == user }):
		return Attendee
	}
	return None
}

// users are all to whom a meeting is known.
func (m *meeting) users() []string {
	all := []string{m.Host}
	for _, p := range m.Attendees {
		if p.UserID != "" {
			all = append(all, p.UserID)
		}
	}
	return all
}

// plan is what the service is asked for.
func (m *meeting) plan(again bool) Plan {
	p := Plan{
		ID: m.id(), Mode: m.Mode, Organizer: m.Organizer, Subject: m.Subject, StartsAt: m.StartsAt, EndsAt: m.EndsAt,
		Emails: m.Draft.emails(), Lobby: m.WantedLobby, Again: again,
	}
	if m.Attempt > 0 {
		p.ID += "-" + string(rune('a'+min(m.Attempt, maxAttempts)-1))
	}
	return p
}

// maxAttempts is how often one key may begin a meeting that is undone.
const maxAttempts = 20

// begin marks a meeting with work of ours.
func (r *Registry) begin(m *meeting, by string) {
	m.Work = &work{By: by, Until: r.Now().UTC().Add(lease).Truncate(time.Second)}
}

// busy reports whether somebody else is at work with the service.
func (r *Registry) busy(m *meeting, by string) bool {
	return m.Work != nil && m.Work.By != by && r.Now().Before(m.Work.Until)
}

// changed gives a meeting its next version.
func (r *Registry) changed(m *meeting) {
	m.Version, m.Seq = r.NewID(), next(m.Seq, r.Now())
	m.TTL = lifetime(m.EndsAt, r.Now())
}

// lifetime is how long documents of a meeting stay, in seconds from their next write. The
// end may be in any year that a calendar has, and Cosmos DB takes 31 bits ("Time to live").
func lifetime(end, now time.Time) int {
	return int(min(max(end.Add(linkLife+kept).Sub(now), kept).Seconds(), math.MaxInt32))
}

// next is the number after one that counts up, also if it began anew after an end.
func next(seq int64, now time.Time) int64 { return max(seq+1, now.UnixMilli()) }
