// Package handle is the directory of user handles: the names by which people
// find each other, each held by one user at most.
//
// Uniqueness comes from the document's id: a handle is a partition of its own,
// and the second to create it is refused. A handle and its holder's profile are
// in two partitions, so a crash between the two writes can leave a handle
// without a holder; the next one who wants it finds that out and takes it over.
package handle

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// settling is how long a handle counts as held although the profile does not
// say so: a change of profile is under way, or has just ended. A handle that is
// given up is free for others after that.
const settling = time.Minute

// Pattern is what a handle looks like, in either case. ASCII only, so that few
// handles look alike; Fold takes care of those.
const Pattern = `^[A-Za-z0-9](?:[A-Za-z0-9._-]{1,28})[A-Za-z0-9]$`

var form = regexp.MustCompile(Pattern)

// Valid reports whether text is a handle: 3 to 30 letters, digits, and . _ -
// between them.
func Valid(text string) bool { return form.MatchString(text) }

// Fold returns the form by which handles are compared: in lower case, with the digits
// that pass for letters as those (Unicode Technical Standard 39, section 4).
func Fold(handle string) string { return alike.Replace(strings.ToLower(handle)) }

var alike = strings.NewReplacer("0", "o", "1", "l")

// Store is where the directory is; *storage.Container is one.
type Store interface {
	Read(ctx context.Context, pk, id string, d storage.Document) error
	Create(ctx context.Context, d storage.Document) error
	Replace(ctx context.Context, d storage.Document) error
	Delete(ctx context.Context, d storage.Document) error
}

// Directory hands out handles.
type Directory struct {
	Store Store
	Now   func() time.Time
	// HandleOf returns the handle that a user's profile says, "" if none.
	HandleOf func(ctx context.Context, userID string) (string, error)
	Log      *slog.Logger
}

// entry is the document of one handle.
type entry struct {
	storage.Head
	UserID string    `json:"userId"`
	Since  time.Time `json:"since"`
}

const documentType = "handle"

// Claim gives the handle to a user, before the profile says so. Conflict if
// another user holds it.
func (d *Directory) Claim(ctx context.Context, handle, userID string) error {
	for range 3 {
		err := d.claim(ctx, handle, userID)
		if !errors.Is(err, storage.ErrExists) && !errors.Is(err, storage.ErrStale) {
			return err
		}
		// Somebody was first: another user, or the same one on another device.
	}
	return taken()
}

func (d *Directory) claim(ctx context.Context, handle, userID string) error {
	e, err := d.read(ctx, handle)
	if err != nil {
		return err
	}
	if e.UserID != "" && e.UserID != userID {
		abandoned, err := d.abandoned(ctx, e)
		if err != nil {
			return err
		}
		if !abandoned {
			return taken()
		}
	}
	e.UserID, e.Since = userID, d.Now().UTC()
	if e.ETag == "" {
		return d.Store.Create(ctx, e)
	}
	return d.Store.Replace(ctx, e)
}

// Holder returns the user who has claimed a handle, "" if nobody has. Whether the
// user's profile says it is for the caller to check.
func (d *Directory) Holder(ctx context.Context, handle string) (userID string, err error) {
	e, err := d.read(ctx, handle)
	return e.UserID, err
}

// Release takes a handle from a user who is leaving. One that the user does not
// hold is no error.
func (d *Directory) Release(ctx context.Context, handle, userID string) error {
	for range 3 {
		e, err := d.read(ctx, handle)
		if err != nil || e.UserID != userID {
			return err
		}
		if err := d.Store.Delete(ctx, e); !errors.Is(err, storage.ErrStale) {
			return err
		}
		// A change by the same user, on another device, has just claimed it anew.
	}
	return problem.New(problem.Unavailable, "handle_contended", "Too many changes at once. Try again.").After(time.Second)
}

// GiveUp frees a handle that the user's profile no longer says, and reports
// whether it is the user's no more. One that was claimed only just now stays for
// a while, because another change by the same user may be about to say it.
func (d *Directory) GiveUp(ctx context.Context, handle, userID string) (free bool) {
	e, err := d.read(ctx, handle)
	switch {
	case err != nil:
	case e.UserID != userID:
		return true
	case d.Now().Sub(e.Since) < settling:
		return false
	default:
		err = d.Store.Delete(ctx, e)
	}
	if err != nil && !errors.Is(err, storage.ErrStale) {
		d.Log.WarnContext(ctx, "a handle that was given up is not free yet", "error", err)
	}
	return err == nil
}

// abandoned reports whether the holder's profile no longer says the handle, and
// has had time to.
func (d *Directory) abandoned(ctx context.Context, e *entry) (bool, error) {
	if d.Now().Sub(e.Since) < settling {
		return false, nil
	}
	says, err := d.HandleOf(ctx, e.UserID)
	return Fold(says) != strings.TrimPrefix(e.PK, partition), err
}

const partition = "d:handle:"

func (d *Directory) read(ctx context.Context, handle string) (*entry, error) {
	e := &entry{Head: storage.Head{PK: partition + Fold(handle), ID: documentType, Type: documentType}}
	return e, storage.Look(ctx, d.Store, e)
}

func taken() error {
	return problem.New(problem.Conflict, "handle_taken", "This handle is taken. Choose another.")
}
