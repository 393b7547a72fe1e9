package space_test

import (
	"context"
	"path"
	"sync"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/ticket"
)

// mediaServer is a provider that is not like ACS: each call is a room of a server, an
// address with a token for that room alone, and it can be ended for those who are in it.
type mediaServer struct {
	people *people

	mu      sync.Mutex
	ended   map[string]int // how often, by room
	away    int            // so many more calls of End fail
	failure error          // with this; nil = the server is away
	ends    func(room string)
}

const rooms = "wss://media.example.com/rooms/"

// Admit gives a token for the room.
func (m *mediaServer) Admit(ctx context.Context, c ticket.Call, who ticket.Guest) (ticket.Ticket, error) {
	p, err := m.people.Person(ctx, who.UserID)
	if err != nil {
		return ticket.Ticket{}, err
	}
	role := "guest"
	if who.Leads {
		role = "moderator"
	}
	return ticket.Ticket{
		Provider:    "media",
		Locator:     map[string]string{"url": rooms + c.Space + "/" + c.ID},
		User:        ticket.User{CommunicationUserID: "media:" + who.UserID},
		DisplayName: p.Name,
		Token:       role + " of " + c.ID,
		ExpiresOn:   time.Now().Add(time.Hour),
	}, nil
}

// roomOf is the call that a ticket is for.
func roomOf(t ticket.Ticket) string { return path.Base(t.Locator["url"]) }

// End closes the room.
func (m *mediaServer) End(_ context.Context, c ticket.Call) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away > 0 {
		m.away--
		if m.failure != nil {
			return m.failure
		}
		return problem.New(problem.Unavailable, "media_away", "The media server is away.")
	}
	m.ended[c.ID]++
	if m.ends != nil {
		m.ends(c.ID)
	}
	return nil
}

func (m *mediaServer) hasEnded(room string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended[room] > 0
}
