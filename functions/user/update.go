package user

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"switchboard/shared/api"
	"switchboard/shared/handle"
	"switchboard/shared/identity"
	"switchboard/shared/problem"
)

// patch is a merge patch of the profile.
type patch struct {
	DisplayName    api.Optional[string] `json:"displayName,omitempty" doc:"The name that others see, 1 to 256 characters; null removes it"`
	Handle         api.Optional[string] `json:"handle,omitempty" doc:"3 to 30 letters, digits, and . _ - between them; unique whatever the case, and with 0 for o or 1 for l; null gives it up"`
	PhoneNumber    api.Optional[string] `json:"phoneNumber,omitempty" doc:"In E.164 form; null removes it" example:"+14255550123"`
	PhoneVisibleTo api.Optional[string] `json:"phoneVisibleTo,omitempty" doc:"nobody or friends; null means nobody"`
	Discoverable   api.Optional[bool]   `json:"discoverable,omitempty" doc:"Whether others find the user by the handle; null means no"`
}

// update changes the profile.
func (h handler) update(ctx context.Context, in *struct {
	IfMatch string `header:"If-Match" doc:"Change only this version of the profile"`
	Body    patch  `contentType:"application/merge-patch+json"`
}) (*found, error) {
	caller := api.Caller(ctx)
	key := identity.UserKey(caller.UserID)
	wanted := in.Body.Handle.Value
	if wanted != "" {
		if err := h.claim(ctx, key, in.IfMatch, wanted); err != nil {
			return nil, err
		}
	}
	rec, err := h.identities.Update(ctx, key, func(rec *identity.Record) error {
		if err := api.CheckMatch(in.IfMatch, rec.Profile.Version); err != nil {
			return err
		}
		in.Body.apply(&rec.Profile)
		note(rec, wanted) // another change may have tidied it away
		return nil
	})
	if err != nil {
		if wanted != "" && problem.Is(err, problem.NotFound) {
			// The user left meanwhile, and may not have taken this handle along.
			err = errors.Join(err, h.handles.Release(ctx, wanted, caller.UserID))
		}
		return nil, err
	}
	return show(http.StatusOK, caller, h.tidy(ctx, key, rec, "")), nil
}

// Resolve checks every member and brings it into the form that is stored.
func (p *patch) Resolve(api.Context) (faults []error) {
	fault := func(member, message string) {
		faults = append(faults, api.Fault("body."+member, message))
	}
	if v := &p.DisplayName; v.Given() {
		if v.Value = strings.TrimSpace(v.Value); !identity.ValidName(v.Value) {
			fault("displayName", "needs 1 to 256 characters, none of them a control character or one that turns the direction of writing")
		}
	}
	if v := &p.Handle; v.Given() && !handle.Valid(v.Value) {
		fault("handle", "needs 3 to 30 of A-Z a-z 0-9 . _ - and begins and ends with a letter or a digit")
	}
	if v := &p.PhoneNumber; v.Given() {
		number, err := phonenumbers.Parse(v.Value, "")
		if err != nil || !strings.HasPrefix(v.Value, "+") || !phonenumbers.IsPossibleNumber(number) || number.GetExtension() != "" {
			fault("phoneNumber", "needs a phone number with its country code and no extension, such as +14255550123")
		} else {
			v.Value = phonenumbers.Format(number, phonenumbers.E164)
		}
	}
	if v := p.PhoneVisibleTo; v.Given() && v.Value != "nobody" && v.Value != identity.VisibleToFriends {
		fault("phoneVisibleTo", "is nobody or friends")
	}
	return faults
}

// apply merges the patch.
func (p *patch) apply(to *identity.Profile) {
	p.DisplayName.Into(&to.DisplayName)
	p.Handle.Into(&to.Handle)
	p.PhoneNumber.Into(&to.PhoneNumber)
	p.PhoneVisibleTo.Into(&to.PhoneVisibleTo)
	p.Discoverable.Into(&to.Discoverable)
}
