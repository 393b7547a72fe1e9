package meeting_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/shared/identity"
	"switchboard/shared/meeting"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// process does one act, and what may go wrong with it is that it is killed before or
// after it changes something, in the store or elsewhere; that such a change fails, or its
// answer gets lost, and the process goes on; that the service refuses what it asks for;
// and that something else happens between two of its requests. The zero process has
// none of this.
type process struct {
	kill    int    // at this change; 0 = never
	fail    int    // at this change, as if nobody answered
	refuse  int    // at this call of the service
	landed  bool   // the change that it is killed at, or that fails, or is refused halfway
	pause   int    // before this request
	between func() // then

	mu                       sync.Mutex
	requests, changes, calls int
	dead                     bool
}

var (
	errKilled  = errors.New("killed")
	errAway    = problem.New(problem.UpstreamTimeout, "away", "Nobody answers.")
	errRefused = problem.New(problem.Forbidden, "graph_forbidden", "The application may not.")
)

// ask is what each request goes through.
func (p *process) ask() error {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return errKilled
	}
	p.requests++
	now := p.requests == p.pause
	p.mu.Unlock()
	if now {
		p.between()
	}
	return nil
}

// change is what a request goes through that changes something.
func (p *process) change(do func() error) error {
	if err := p.ask(); err != nil {
		return err
	}
	p.mu.Lock()
	p.changes++
	wrong := error(nil)
	switch p.changes {
	case p.kill:
		wrong, p.dead = errKilled, true
	case p.fail:
		wrong = errAway
	}
	p.mu.Unlock()
	if wrong == nil {
		return do()
	}
	if p.landed {
		if err := do(); err != nil {
			return err
		}
	}
	return wrong
}

// call is change of what the service may refuse.
func (p *process) call(do func() error) error {
	return p.change(func() error {
		p.mu.Lock()
		p.calls++
		no := p.calls == p.refuse
		p.mu.Unlock()
		if no && !p.landed {
			return errRefused
		}
		if err := do(); err != nil || !no {
			return err
		}
		return errRefused
	})
}

// line is a process's way to the store.
type line struct {
	*process
	store  *storage.Container
	writes *atomic.Int64
}

// write is change of the store.
func (l line) write(do func() error) error {
	return l.change(func() error {
		l.writes.Add(1)
		return do()
	})
}

func (l line) Read(ctx context.Context, pk, id string, d storage.Document) error {
	if err := l.ask(); err != nil {
		return err
	}
	return l.store.Read(ctx, pk, id, d)
}

func (l line) Snapshot(ctx context.Context, docs ...storage.Document) error {
	if err := l.ask(); err != nil {
		return err
	}
	return l.store.Snapshot(ctx, docs...)
}

func (l line) Query(ctx context.Context, q storage.Query) (storage.Page, error) {
	if err := l.ask(); err != nil {
		return storage.Page{}, err
	}
	return l.store.Query(ctx, q)
}

func (l line) QueryAll(ctx context.Context, q storage.Query) (storage.Page, error) {
	if err := l.ask(); err != nil {
		return storage.Page{}, err
	}
	return l.store.QueryAll(ctx, q)
}

func (l line) Create(ctx context.Context, d storage.Document) error {
	return l.write(func() error { return l.store.Create(ctx, d) })
}

func (l line) Replace(ctx context.Context, d storage.Document) error {
	return l.write(func() error { return l.store.Replace(ctx, d) })
}

func (l line) Delete(ctx context.Context, d storage.Document) error {
	return l.write(func() error { return l.store.Delete(ctx, d) })
}

func (l line) Write(ctx context.Context, b storage.Batch) error {
	return l.write(func() error { return l.store.Write(ctx, b) })
}

// desk is a process's way to those who give out calling identities.
type desk struct {
	*process
	guests *guests
}

func (d desk) Token(ctx context.Context, who identity.Subject, _ identity.Want) (g identity.Grant, err error) {
	err = d.change(func() error {
		g, err = d.guests.token(ctx, who)
		return err
	})
	return g, err
}

func (d desk) Erase(_ context.Context, key identity.Key, ready func(*identity.Record) error) error {
	return d.change(func() error {
		d.guests.erase(key)
		return ready(&identity.Record{})
	})
}

// eye is a process's way to the watcher.
type eye struct {
	*process
	watcher *watcher
}

func (e eye) Follow(_ context.Context, organizer, event, meetingID string, _ time.Time) error {
	return e.change(func() error { return e.watcher.set(organizer, event, meetingID, true) })
}

func (e eye) Unfollow(_ context.Context, organizer, event, meetingID string) error {
	return e.change(func() error { return e.watcher.set(organizer, event, meetingID, false) })
}

// wire is a process's way to the service.
type wire struct {
	*process
	service *service
}

const organizer = "0d2c6f4e-0000-4000-8000-000000000001"

func (w wire) Organizer(_ meeting.Actor, mode meeting.Mode) (string, error) {
	if mode == meeting.Booking {
		return "", nil
	}
	return organizer, nil
}

func (w wire) Make(_ context.Context, _ meeting.Actor, p meeting.Plan) (room meeting.Room, err error) {
	err = w.call(func() error {
		room = w.service.make(p)
		return nil
	})
	return halfway(room, err)
}

func (w wire) Change(_ context.Context, _ meeting.Actor, at meeting.Place, p meeting.Plan) (room meeting.Room, err error) {
	err = w.call(func() error {
		room, err = w.service.change(at, p)
		return err
	})
	return halfway(room, err)
}

// halfway tells of what was refused, and made or changed all the same, only where.
func halfway(room meeting.Room, err error) (meeting.Room, error) {
	switch {
	case errors.Is(err, errRefused):
		return meeting.Room{Place: room.Place}, err
	case err != nil:
		return meeting.Room{}, err
	}
	return room, nil
}

func (w wire) End(_ context.Context, _ meeting.Actor, at meeting.Place) error {
	return w.call(func() error {
		w.service.end(at)
		return nil
	})
}

func (w wire) Undo(_ context.Context, p meeting.Plan) error {
	return w.call(func() error {
		w.service.undo(p)
		return nil
	})
}

func (w wire) Find(_ context.Context, _ meeting.Actor, wanted meeting.Wanted) (room meeting.Room, err error) {
	err = w.call(func() error {
		room = w.service.find(wanted.Link)
		return nil
	})
	return room, err
}

func (w wire) Look(_ context.Context, at meeting.Place) (room meeting.Room, err error) {
	err = w.call(func() error {
		room = w.service.look(at)
		return nil
	})
	return room, err
}

func (w wire) HasCalendar(meeting.Actor) bool { return false }

func (w wire) Occasions(context.Context, meeting.Actor, time.Time, time.Time) ([]meeting.Occasion, error) {
	return nil, errors.New("nobody here has a calendar")
}
