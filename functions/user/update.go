package user

import (
	"context"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"switchboard/shared/api"
	"switchboard/shared/handle"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
)

// maxName is the longest display name, in characters: what ACS shows at most.
const maxName = 256

// patch is a merge patch of the profile.
type patch struct {
	DisplayName    api.Optional[string] `json:"displayName,omitempty" doc:"The name that others see, 1 to 256 characters; null removes it"`
	Handle         api.Optional[string] `json:"handle,omitempty" doc:"3 to 30 letters, digits, and . _ - between them; unique whatever the case; null gives it up"`
	PhoneNumber    api.Optional[string] `json:"phoneNumber,omitempty" doc:"In E.164 form; null removes it" example:"+14255550123"`
	PhoneVisibleTo api.Optional[string] `json:"phoneVisibleTo,omitempty" doc:"nobody or friends; null means nobody"`
	Discoverable   api.Optional[bool]   `json:"discoverable,omitempty" doc:"Whether others find the user by the handle; null means no"`
}

// update changes the profile. A handle is claimed in the directory before the
// profile says it, and given up after.
func (h handler) update(ctx context.Context, in *struct {
	IfMatch string `header:"If-Match" doc:"Change only this version of the profile"`
	Body    patch  `contentType:"application/merge-patch+json"`
}) (*found, error) {
	caller := api.Caller(ctx)
	if err := in.Body.normalise(); err != nil {
		return nil, err
	}
	key := identity.UserKey(caller.UserID)
	before, err := h.identities.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := api.CheckMatch(in.IfMatch, before.Profile.Version); err != nil {
		return nil, err
	}
	claimed := in.Body.Handle.Value
	if claimed != "" && handle.Fold(claimed) != handle.Fold(before.Profile.Handle) {
		if err := h.handles.Claim(ctx, claimed, caller.UserID); err != nil {
			return nil, err
		}
	}
	var given string // the handle that the change takes away
	rec, err := h.identities.Update(ctx, key, func(rec *identity.Record) error {
		given = rec.Profile.Handle
		if err := api.CheckMatch(in.IfMatch, rec.Profile.Version); err != nil {
			return err
		}
		in.Body.apply(&rec.Profile)
		return nil
	})
	if err != nil {
		return nil, err // a handle claimed in vain lapses
	}
	if given != "" && handle.Fold(given) != handle.Fold(rec.Profile.Handle) {
		h.handles.GiveUp(ctx, given, caller.UserID)
	}
	return show(http.StatusOK, caller, rec), nil
}

// normalise checks every member and brings it into the form that is stored. All
// faults are reported together.
func (p *patch) normalise() error {
	var faults []problem.Field
	fault := func(member, message string) {
		faults = append(faults, problem.Field{Location: "body." + member, Message: message})
	}
	if v := &p.DisplayName; v.Set && !v.Null {
		v.Value = strings.TrimSpace(v.Value)
		if n := utf8.RuneCountInString(v.Value); n < 1 || n > maxName || strings.ContainsFunc(v.Value, unicode.IsControl) {
			fault("displayName", "needs 1 to 256 characters, none of them a control character")
		}
	}
	if v := &p.Handle; v.Set && !v.Null && !handle.Valid(v.Value) {
		fault("handle", "needs 3 to 30 of A-Z a-z 0-9 . _ - and begins and ends with a letter or a digit")
	}
	if v := &p.PhoneNumber; v.Set && !v.Null {
		number, err := phonenumbers.Parse(v.Value, "")
		if err != nil || !strings.HasPrefix(v.Value, "+") || !phonenumbers.IsPossibleNumber(number) {
			fault("phoneNumber", "needs a phone number with its country code, such as +14255550123")
		} else {
			v.Value = phonenumbers.Format(number, phonenumbers.E164)
		}
	}
	if v := p.PhoneVisibleTo; v.Set && !v.Null && v.Value != "nobody" && v.Value != "friends" {
		fault("phoneVisibleTo", "is nobody or friends")
	}
	if len(faults) == 0 {
		return nil
	}
	err := problem.New(problem.Invalid, "request_invalid", "The request is not valid; errors lists what to mend.")
	err.Fields = faults
	return err
}

// apply merges the patch. The value of what is null is the zero value.
func (p *patch) apply(to *identity.Profile) {
	merge(p.DisplayName, &to.DisplayName)
	merge(p.Handle, &to.Handle)
	merge(p.PhoneNumber, &to.PhoneNumber)
	merge(p.PhoneVisibleTo, &to.PhoneVisibleTo)
	merge(p.Discoverable, &to.Discoverable)
}

func merge[T any](member api.Optional[T], to *T) {
	if member.Set {
		*to = member.Value
	}
}
