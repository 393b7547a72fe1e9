package space

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// What a draft may be.
const (
	longestName        = 100  // characters
	longestDescription = 1000 // characters
	longestEvent       = 14 * 24 * time.Hour
	farthestStart      = 5 * 365 * 24 * time.Hour // from now
)

// clean brings a draft into the form that is stored.
func (d Draft) clean() Draft {
	d.Name, d.Description = strings.TrimSpace(d.Name), strings.TrimSpace(strings.ReplaceAll(d.Description, "\r\n", "\n"))
	if d.JoinPolicy == "" {
		d.JoinPolicy = ByInvite
	}
	d.StartsAt, d.EndsAt = seconds(d.StartsAt), seconds(d.EndsAt)
	return d
}

// digest tells drafts apart.
func (d Draft) digest() string {
	times := fmt.Sprint(d.StartsAt.Unix(), d.EndsAt.Unix())
	return storage.Digest(string(d.Kind), d.Name, d.Description, string(d.JoinPolicy), times)
}

func seconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// check tells every fault of a draft, and of its change from what it was. What has not
// changed is not found fault with for the time that has passed.
func (d Draft) check(now time.Time, was *Draft) error {
	var faults []problem.Field
	fault := func(member, message string) {
		faults = append(faults, problem.Field{Location: "body." + member, Message: message})
	}
	if d.Kind != Club && d.Kind != Event {
		fault("kind", "is club or event")
	}
	if !showable(d.Name, longestName, false) || !strings.ContainsFunc(d.Name, unicode.IsGraphic) {
		fault("name", "needs 1 to 100 characters, not all of them invisible, none of them a control character or one that turns the direction of writing")
	}
	if !showable(d.Description, longestDescription, true) {
		fault("description", "may have 1,000 characters, none of them a control character besides new lines, or one that turns the direction of writing")
	}
	if p := d.JoinPolicy; p != Open && p != Request && p != ByInvite {
		fault("joinPolicy", "is open, request or invite")
	}
	d.checkTimes(now, was, fault)
	if faults == nil {
		return nil
	}
	invalid := problem.New(problem.Invalid, "space_invalid", "The space cannot be like this. See errors.")
	invalid.Fields = faults
	return invalid
}

func (d Draft) checkTimes(now time.Time, was *Draft, fault func(member, message string)) {
	if d.Kind == Club {
		const only = "is for events; a club is always open"
		if !d.StartsAt.IsZero() {
			fault("startsAt", only)
		}
		if !d.EndsAt.IsZero() {
			fault("endsAt", only)
		}
		return
	}
	if d.StartsAt.IsZero() {
		fault("startsAt", "is missing: an event has one")
	}
	if d.EndsAt.IsZero() {
		fault("endsAt", "is missing: an event has one")
	}
	if d.StartsAt.IsZero() || d.EndsAt.IsZero() {
		return
	}
	if was == nil || !d.StartsAt.Equal(was.StartsAt) {
		if d.StartsAt.After(now.Add(farthestStart)) {
			fault("startsAt", "is more than five years ahead")
		}
	}
	switch {
	case !d.EndsAt.After(d.StartsAt):
		fault("endsAt", "must be after startsAt")
	case d.EndsAt.Sub(d.StartsAt) > longestEvent:
		fault("endsAt", "is more than 14 days after startsAt")
	case (was == nil || !d.EndsAt.Equal(was.EndsAt)) && !d.EndsAt.After(now):
		fault("endsAt", "has passed")
	}
}

// showable reports whether a text may be shown as it is.
func showable(text string, longest int, lines bool) bool {
	n := 0
	for _, c := range text {
		n++
		if n > longest || c == unicode.ReplacementChar || unicode.Is(unicode.Bidi_Control, c) || unicode.IsControl(c) && !(lines && c == '\n') {
			return false
		}
	}
	return true
}
