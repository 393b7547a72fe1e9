package meeting_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"switchboard/shared/meeting"
)

// TestBetweenAnyTwoRequests lets others do, between any two requests of an act, what makes
// it void. What is left has to be true all the same.
func TestBetweenAnyTwoRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before  []act
		act     act
		between []act
	}{
		"it is cancelled by who made it first":       {nil, keyed(), []act{keyed(), host("cancel"), settle()}},
		"it is known, and cancelled":                 {nil, keyed(), []act{settle(), host("cancel"), settle()}},
		"a booking is asked for twice":               {nil, booking(), []act{booking(), settle()}},
		"its host is erased":                         {nil, keyed(), []act{{kind: "erase"}, settle()}},
		"its attendee is erased":                     {nil, keyed(), []act{{kind: "erase", who: 1}, settle()}},
		"an import's host is erased":                 {nil, brings(), []act{settle(), {kind: "erase"}, settle()}},
		"an import is cancelled":                     {nil, act{kind: "import", number: 2}, []act{settle(), host("cancel"), settle()}},
		"a changed one is cancelled":                 {[]act{keyed()}, renamed(), []act{host("cancel"), settle()}},
		"a changed one is moved elsewhere":           {[]act{keyed()}, renamed(), []act{{kind: "meddle", in: 2, number: 1, on: true}, host("sync"), settle()}},
		"one is changed that is cancelled":           {[]act{keyed()}, host("cancel"), []act{renamed(), settle()}},
		"one is changed that is looked at":           {[]act{keyed(), {kind: "meddle", in: 2, number: 1, on: true}}, host("sync"), []act{renamed(), settle()}},
		"a guest's meeting is cancelled":             {[]act{keyed(), host("invite")}, welcome(), []act{host("cancel"), settle()}},
		"a guest's link is revoked":                  {[]act{keyed(), host("invite")}, welcome(), []act{host("revoke"), settle()}},
		"a guest's meeting is moved":                 {[]act{keyed(), host("invite")}, welcome(), []act{moved(), settle()}},
		"a guest comes when it is moved":             {[]act{keyed(), host("invite")}, moved(), []act{welcome(), settle()}},
		"news of it come when it is moved":           {[]act{keyed(), host("invite"), welcome(), renamed()}, settle(), []act{moved(), settle()}},
		"news of it come when it is cancelled":       {[]act{keyed(), host("invite"), welcome(), renamed()}, settle(), []act{host("cancel"), settle()}},
		"news of an event come when it is cancelled": {[]act{calendar()}, settle(), []act{host("cancel"), settle()}},
		"an event is cancelled":                      {[]act{calendar(), settle()}, host("cancel"), []act{settle()}},
		"an import comes back when it is cancelled":  {[]act{brings(), settle(), host("cancel")}, settle(), []act{brings(), settle()}},
		"an import is cancelled when it comes back":  {[]act{brings(), settle(), host("cancel"), brings()}, settle(), []act{host("cancel"), settle()}},
		"a guest comes when it is cancelled":         {[]act{keyed(), host("invite")}, host("cancel"), []act{welcome(), settle()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for pause := first(); ; pause += every {
				reached := false
				p := &process{pause: pause}
				s := after(t, c.before)
				p.between = func() {
					reached = true
					ok(t, s.look(t.Context()))
					for _, a := range c.between {
						s.happens(t.Context(), "  in between ", a, &process{}, 1)
					}
				}
				s.happens(t.Context(), "", c.act, p, 0)
				s.ends(t)
				if !reached {
					break
				}
			}
		})
	}
}

// TestFollowedTooLate delivers the news of a meeting by a process that is killed wherever it
// has got, while others cancel the meeting and deliver the news of that. Its event is not
// followed in the end.
func TestFollowedTooLate(t *testing.T) {
	t.Parallel()
	over := act{kind: "deliver", number: 1, on: true} // the second of two
	for pause, reached := 1, true; reached; pause++ {
		reached = false
		p, s := &process{pause: pause, landed: true}, after(t, []act{calendar()})
		p.between = func() {
			reached = true
			for _, a := range []act{host("cancel"), over} {
				s.happens(t.Context(), "  in between ", a, &process{}, 1)
			}
			p.kill = p.changes + 1
		}
		s.happens(t.Context(), "", settle(), p, 0)
		s.ends(t)
	}
}

// TestTheNextLinksGuestsStay delivers the news that a link was revoked, while the next one
// is made and lets somebody in.
func TestTheNextLinksGuestsStay(t *testing.T) {
	t.Parallel()
	for pause, reached := 1, true; reached; pause++ {
		reached = false
		w, ctx, ada := opened(t), t.Context(), user("usr_ada")
		m, _, err := w.Create(ctx, ada, w.draft(5), meeting.Standalone, "")
		ok(t, err)
		ok(t, w.settle(ctx, w.Registry))
		_, _, err = w.Invite(ctx, ada, m.ID)
		ok(t, err)
		ok(t, w.Revoke(ctx, ada, m.ID))
		p := &process{pause: pause}
		p.between = func() {
			reached = true
			link, _, err := w.Invite(ctx, ada, m.ID)
			ok(t, err)
			_, err = w.Welcome(ctx, link.Code, "Visitor", "key")
			ok(t, err)
		}
		ok(t, w.settle(ctx, w.registry(p, w.clock.Now)))
		ok(t, w.settle(ctx, w.Registry))
		if reached && len(w.guests.all()) != 1 {
			t.Errorf("before request %d: who came by the next link is gone", pause)
		}
	}
}

// TestAnythingGoesWrong lets everything go wrong with an act that can, one at a time. Who
// asked for it asks never again, or at once, or later, when the service may refuse.
func TestAnythingGoesWrong(t *testing.T) {
	t.Parallel()
	invited, later := []act{keyed(), host("invite"), welcome()}, act{kind: "wait", number: 1}
	for name, c := range map[string]struct {
		before []act
		act    act
	}{
		"create":  {nil, keyed()},
		"event":   {nil, calendar()},
		"booking": {nil, booking()},
		"import":  {nil, brings()},
		"update":  {[]act{keyed()}, renamed()},
		"cancel":  {invited, host("cancel")},
		"invite":  {[]act{keyed()}, host("invite")},
		"welcome": {[]act{keyed(), host("invite")}, welcome()},
		"revoke":  {invited, host("revoke")},
		"erase":   {invited, act{kind: "erase"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at, reached := 1, true; reached; at++ {
				reached = false
				for i := first() - 1; i < 24; i += every {
					p := &process{landed: i/3%2 == 0}
					*[]*int{&p.kill, &p.fail, &p.refuse}[i%3] = at
					s := after(t, c.before)
					s.happens(t.Context(), "", c.act, p, 0)
					reached = reached || p.changes >= at
					for _, next := range [][]act{nil, {c.act}, {later, c.act}, {later, c.act}}[i/6] {
						s.happens(t.Context(), "then ", next, &process{refuse: i / 18}, 2)
					}
					s.ends(t)
				}
			}
		})
	}
}

// after is a schedule in which something has happened already.
func after(t *testing.T, before []act) *schedule {
	t.Helper()
	s := newSchedule(opened(t))
	for _, a := range before {
		s.happens(t.Context(), "", a, &process{}, 0)
	}
	return s
}

// ends checks a schedule at its end.
func (s *schedule) ends(t *testing.T) {
	t.Helper()
	if err := errors.Join(s.wrong, s.finish(t.Context())); err != nil {
		t.Errorf("%v\n%s", err, strings.Join(s.trace, "\n"))
	}
	s.close()
}

// every is how many of the things that can happen are left out for one that does: with the
// race detector each takes ten times as long.
const every = 1 + 7*raceDetector

func first() int { return 1 + rand.IntN(every) }

// Acts of the first user, and of a guest, that are about the first meeting.
func keyed() act           { return act{kind: "create", on: true} }
func calendar() act        { return act{kind: "create", number: 1, on: true} }
func brings() act          { return act{kind: "import", number: 1} }
func booking() act         { return act{kind: "create", number: 2, on: true} }
func renamed() act         { return act{kind: "update", number: 3} }
func moved() act           { return act{kind: "update", number: 1} }
func welcome() act         { return act{kind: "welcome", on: true} }
func settle() act          { return act{kind: "settle"} }
func host(kind string) act { return act{kind: kind, number: 1} }
