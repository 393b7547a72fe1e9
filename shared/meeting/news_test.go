package meeting_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"switchboard/shared/meeting"
	"switchboard/shared/outbox"
	"switchboard/shared/storage"
)

// stored is the news of each kind, letter by letter: what waits in an outbox may have been
// written by an earlier version, and is for this one to read.
var stored = [...]struct{ name, kind, data string }{
	{"made", "meeting.changed", `{"meeting":"mtg_1","cause":"made","by":"usr_ada","users":["usr_ada","usr_grace"],"organizer":"0d2c6f4e-0000-4000-8000-000000000001","event":"event of meeting0"}`},
	{"changed", "meeting.changed", `{"meeting":"mtg_1","cause":"changed","by":"usr_ada","users":["usr_ada","usr_grace","usr_linus"],"organizer":"0d2c6f4e-0000-4000-8000-000000000001","event":"event of meeting0"}`},
	{"moved", "meeting.changed", `{"meeting":"mtg_1","cause":"changedElsewhere","users":["usr_ada","usr_linus"],"organizer":"0d2c6f4e-0000-4000-8000-000000000001","event":"event of meeting0"}`},
	{"revoked", "meeting.guests", `{"meeting":"mtg_1","cause":"","by":"usr_ada","users":null}`},
	{"erased", "meeting.forget", `{"user":"usr_linus"}`},
	{"left", "meeting.changed", `{"meeting":"mtg_1","cause":"erased","users":["usr_linus"],"organizer":"0d2c6f4e-0000-4000-8000-000000000001","event":"event of meeting0"}`},
	{"cancelled", "meeting.over", `{"meeting":"mtg_1","cause":"cancelled","by":"usr_ada","users":["usr_ada"],"organizer":"0d2c6f4e-0000-4000-8000-000000000001","event":"event of meeting0","debt":"debt1"}`},
	{"imported", "meeting.changed", `{"meeting":"mtg_1","cause":"imported","by":"usr_ada","users":["usr_ada","usr_grace"]}`},
	{"dropped", "meeting.over", `{"meeting":"mtg_1","cause":"cancelled","by":"usr_ada","users":["usr_ada","usr_grace"]}`},
	{"undone", "meeting.undo", `{"meeting":"mtg_1","debt":"debt1"}`},
}

// debts are what news leave to tell the service, in the same way.
var debts = map[string]string{
	"cancelled": `{"place":{"organizer":"0d2c6f4e-0000-4000-8000-000000000001","meeting":"meeting0","event":"event of meeting0"}}`,
	"undone":    `{"plan":{"id":"mtg_1","mode":"calendar","organizer":"0d2c6f4e-0000-4000-8000-000000000001","subject":"Consultation","startsAt":"2031-05-06T07:08:09Z","endsAt":"2031-05-06T08:08:09Z","emails":["grace@example.com"],"lobby":"everyone","again":true}}`,
}

// owed is the stored form of a debt.
type owed struct {
	storage.Head
	Place json.RawMessage `json:"place,omitempty"`
	Plan  json.RawMessage `json:"plan,omitempty"`
	Due   time.Time       `json:"due"`
}

var debtID = regexp.MustCompile(`"debt":"[A-Z2-7]+"`)

// TestNewsArePromised writes news of each kind.
func TestNewsArePromised(t *testing.T) {
	t.Parallel()
	w, ctx, ada := opened(t), t.Context(), user("usr_ada")
	w.clock.Move(time.Date(2031, 5, 6, 7, 3, 9, 0, time.UTC).Sub(w.clock.Now()))
	var written []string // names of stored
	wrote := func(id string, names ...string) {
		t.Helper()
		waiting, err := w.entries(ctx)
		ok(t, err)
		if len(waiting) != len(names) {
			t.Fatalf("%v is written as %d news", names, len(waiting))
		}
		for i, e := range waiting {
			want := stored[len(written)]
			data := debtID.ReplaceAllString(strings.ReplaceAll(string(e.Data), id, "mtg_1"), `"debt":"debt1"`)
			if want.name != names[i] || e.Kind != want.kind || data != want.data {
				t.Errorf("%s is written as\n%s %s\nand was %s\n%s %s", names[i], e.Kind, data, want.name, want.kind, want.data)
			}
			written = append(written, want.name)
			w.owes(t, id, debts[want.name])
		}
		ok(t, w.settle(ctx, w.Registry))
	}
	m, _, err := w.Create(ctx, ada, w.draft(5, "usr_grace"), meeting.Calendar, "")
	ok(t, err)
	wrote(m.ID, "made")
	_, err = w.Update(ctx, ada, m.ID, anyVersion, func(d *meeting.Draft) { d.Attendees = []meeting.Person{{UserID: "usr_linus"}} })
	ok(t, err)
	wrote(m.ID, "changed")
	at := w.service.all()[0].room.Place
	w.service.meddle(at, func(r *meeting.Room) { r.Subject = "Moved" })
	ok(t, w.Sync(ctx, m.ID))
	wrote(m.ID, "moved")
	_, _, err = w.Invite(ctx, ada, m.ID)
	ok(t, err)
	ok(t, w.Revoke(ctx, ada, m.ID))
	wrote(m.ID, "revoked")
	w.people.set("usr_linus", true)
	ok(t, w.Forget(ctx, "usr_linus"))
	wrote(m.ID, "erased", "left")
	ok(t, w.registry(&process{refuse: 1}, w.clock.Now).Cancel(ctx, ada, m.ID, anyVersion))
	wrote(m.ID, "cancelled")

	m, _, err = w.Import(ctx, ada, meeting.Wanted{Link: link("elsewhere")}, w.draft(5, "usr_grace"))
	ok(t, err)
	wrote(m.ID, "imported")
	ok(t, w.Cancel(ctx, ada, m.ID, anyVersion))
	wrote(m.ID, "dropped")

	d := w.draft(5)
	d.Attendees, d.WantedLobby = []meeting.Person{{Email: "grace@example.com"}}, "everyone"
	_, _, err = w.registry(&process{refuse: 1, landed: true}, w.clock.Now).Create(ctx, ada, d, meeting.Calendar, "key")
	refused(t, err, "graph_forbidden")
	waiting, err := w.entries(ctx)
	ok(t, err)
	wrote(strings.TrimPrefix(waiting[0].PK, "m:"), "undone")
	if len(written) != len(stored) || len(w.service.all()) > 0 {
		t.Errorf("news were %v; at the service there are %+v", written, w.service.all())
	}
}

// owes fails the test unless a meeting owes the service what is said, if anything.
func (w *world) owes(t *testing.T, id, what string) {
	t.Helper()
	found, err := storage.Find[owed](t.Context(), w.Store, storage.Query{PK: "m:" + id, Text: `SELECT * FROM c WHERE c.type = "debt"`}, 10)
	ok(t, err)
	got := ""
	for _, d := range found {
		text, err := json.Marshal(map[string]json.RawMessage{"place": d.Place, "plan": d.Plan})
		ok(t, err)
		got += strings.NewReplacer(id, "mtg_1", `,"plan":null`, "", `"place":null,`, "").Replace(string(text))
	}
	if got != what {
		t.Errorf("owed is\n%s\nand was\n%s", got, what)
	}
}

// event is what news tell of the calendar event behind a meeting, in the forms that there
// have been.
var event = regexp.MustCompile(`,"organizer":"[^"]*","event":"[^"]*"`)

// TestStoredNewsAreDone reads news of earlier versions, with members that are gone since, or
// that have come since.
func TestStoredNewsAreDone(t *testing.T) {
	t.Parallel()
	for _, n := range stored {
		t.Run(n.name, func(t *testing.T) {
			t.Parallel()
			for _, data := range []string{n.data, event.ReplaceAllString(n.data, "")} {
				done(t, n.name, n.kind, data)
			}
		})
	}
}

// done delivers one of the stored news, twice.
func done(t *testing.T, name, kind, data string) {
	t.Helper()
	w, ctx := opened(t), t.Context()
	m, _, err := w.Create(ctx, user("usr_ada"), w.draft(5, "usr_grace", "usr_linus"), meeting.Calendar, "")
	ok(t, err)
	if name == "cancelled" { // told the service, it is over
		w.watcher.set(organizer, "event of meeting0", m.ID, true)
		ok(t, w.registry(&process{refuse: 1}, w.clock.Now).Cancel(ctx, user("usr_ada"), m.ID, anyVersion))
	}
	if text, left := debts[name]; left {
		d := &owed{Head: storage.Head{PK: "m:" + m.ID, ID: "debt:debt1", Type: "debt"}, Due: w.clock.Now()}
		ok(t, json.Unmarshal([]byte(strings.ReplaceAll(text, "mtg_1", m.ID)), d))
		ok(t, w.Store.Create(ctx, d))
	}
	e, err := outbox.New("m:"+m.ID, kind, nil, "stored", w.clock.Now())
	ok(t, err)
	e.Data = []byte(strings.Replace(strings.ReplaceAll(data, "mtg_1", m.ID), "{", `{"since":1,`, 1))
	w.people.set("usr_linus", true)
	ok(t, deliver(ctx, w.Registry, e))
	ok(t, deliver(ctx, w.Registry, e))
	agendas, err := w.all(ctx)
	ok(t, err)
	if want := map[string]int{"made": 2, "changed": 2, "cancelled": 0}[name]; want > 0 && len(agendas["agenda"]) != want {
		t.Errorf("%d agendas have it", len(agendas["agenda"]))
	}
	if gone := len(w.service.all()) == 0; gone != (name == "cancelled" || name == "undone") {
		t.Errorf("is it gone at the service: %v", gone)
	}
	// An earlier version did not know what to unfollow.
	if followed := len(w.watcher.all()) > 0; followed != (kind == "meeting.changed" || name == "cancelled" && !event.MatchString(data)) {
		t.Errorf("%s: is it followed: %v", data, followed)
	}
}

// TestNewsThatAreNone gives every handler what nobody writes: it refuses, or there is
// nothing to do.
func TestNewsThatAreNone(t *testing.T) {
	t.Parallel()
	w, ctx := opened(t), t.Context()
	m, _, err := w.Create(ctx, user("usr_ada"), w.draft(5, "usr_grace"), meeting.Standalone, "")
	ok(t, err)
	ok(t, w.settle(ctx, w.Registry))
	before, err := w.all(ctx)
	ok(t, err)
	for kind := range w.Handlers() {
		for data, wrong := range map[string]bool{
			`{}`: false, `null`: false, `{"meeting":"mtg_none","users":["usr_none"],"user":"usr_none"}`: false,
			``: true, `{`: true, `[]`: true, `"meeting"`: true, `7`: true,
			`{"meeting":7,"user":7}`: true, `{"meeting":{},"user":[]}`: true,
		} {
			e := &outbox.Entry{Kind: kind, Data: []byte(data), At: w.clock.Now()}
			if err := deliver(ctx, w.Registry, e); wrong && err == nil {
				t.Errorf("%s took %q", kind, data)
			} else if !wrong && err != nil && kind != "meeting.undo" {
				t.Errorf("%s of %q: %v", kind, data, err)
			}
		}
	}
	after, err := w.all(ctx)
	ok(t, err)
	if asText(before) != asText(after) || len(w.service.all()) != 1 || w.service.all()[0].room.Join != m.Join {
		t.Errorf("there were %s, and are %s; the service has %+v", asText(before), asText(after), w.service.all())
	}
}

// TestAKeyIsTriedSoOften: a key begins anew each time that the service refuses, under
// another name, and not for ever.
func TestAKeyIsTriedSoOften(t *testing.T) {
	t.Parallel()
	w, ctx := opened(t), t.Context()
	names := map[string]bool{}
	d := w.draft(5)
	for range 21 {
		_, _, err := w.registry(&process{refuse: 1, landed: true}, w.clock.Now).Create(ctx, user("usr_ada"), d, meeting.Booking, "key")
		refused(t, err, "graph_forbidden")
		for _, h := range w.service.all() {
			names[h.plan] = true
		}
		ok(t, w.settle(ctx, w.Registry))
	}
	for range 2 {
		_, _, err := w.Create(ctx, user("usr_ada"), d, meeting.Booking, "key")
		refused(t, err, "idempotency_key_used")
	}
	if len(names) != 21 || len(w.service.all()) > 0 {
		t.Errorf("the plans were %v, of which is left %v", names, w.service.all())
	}
	if _, created, err := w.Create(ctx, user("usr_ada"), d, meeting.Booking, "another"); err != nil || !created {
		t.Errorf("another key: created %v, %v", created, err)
	}
}
