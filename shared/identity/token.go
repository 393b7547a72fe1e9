package identity

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/shared/calling"
	"switchboard/shared/problem"
	"switchboard/shared/storage"
)

// Want is what a token is wanted for.
type Want struct {
	Scopes []calling.Scope // sorted, without duplicates, at least one
	Life   time.Duration   // calling.MinLife to calling.MaxLife, whole minutes
}

// key names tokens that are as good as each other.
func (w Want) key() string {
	var b strings.Builder
	for _, s := range w.Scopes {
		b.WriteString(string(s))
		b.WriteByte(',')
	}
	return b.String() + strconv.Itoa(int(w.Life.Minutes()))
}

// Grant is a token and the identity it is for.
type Grant struct {
	CallingID   string
	DisplayName string
	Scopes      []calling.Scope
	Token       calling.Token
}

// Token returns a token for the subject, allocating its identity on first use.
// A token that was issued before is given again while enough of its life is
// left: then it costs one read. Conflict if the identity is, or was meanwhile,
// erased.
func (r *Registry) Token(ctx context.Context, who Subject, want Want) (Grant, error) {
	rec, err := r.read(ctx, who.Key)
	if err != nil {
		return Grant{}, err
	}
	if token, ok := r.warm(ctx, rec, want); ok {
		return grant(rec, want, token), nil
	}
	done, err := r.since(ctx, rec, want.key(), func(ctx context.Context) (outcome, error) {
		return r.issue(ctx, who, want, rec.Generation)
	})
	if err != nil {
		return Grant{}, err
	}
	return grant(done.record, want, done.token), nil
}

func grant(rec *Record, want Want, token calling.Token) Grant {
	return Grant{CallingID: rec.CallingID, DisplayName: rec.Profile.DisplayName, Scopes: want.Scopes, Token: token}
}

// erased refuses a request that came before the identity was erased: it must
// not bring it back.
type erased struct {
	error
	generation int // of the mark that the erasure left
}

func (e erased) Unwrap() error { return e.error }

// issue gets a token from the provider and keeps it, with an identity made
// first where there is none. It starts over whenever the document changed
// meanwhile, since then the token may have been revoked. The request found the
// given generation when it came: what was erased before that does not concern
// it, what is erased after ends it.
func (r *Registry) issue(ctx context.Context, who Subject, want Want, found int) (outcome, error) {
	for range tries {
		rec, err := r.rest(ctx, who.Key)
		if err != nil {
			return outcome{}, err
		}
		if !rec.ErasedAt.IsZero() && rec.Generation > found {
			return outcome{}, erased{generation: rec.Generation, error: problem.New(problem.Conflict, "identity_erased", "This identity was deleted while the request was under way.")}
		}
		if who.MustExist && rec.CreatedAt.IsZero() {
			return outcome{}, unknown(who.Key)
		}
		if token, ok := r.warm(ctx, rec, want); ok {
			return outcome{record: rec, token: token}, nil
		}
		done, err := r.renew(ctx, rec, who, want)
		if !errors.Is(err, storage.ErrStale) {
			return done, err
		}
	}
	return outcome{}, contended()
}

// renew makes one attempt at a token for a record at rest. ErrStale if the
// document changed meanwhile.
func (r *Registry) renew(ctx context.Context, rec *Record, who Subject, want Want) (outcome, error) {
	if rec.CallingID == "" {
		return r.allocate(ctx, rec, who, want)
	}
	token, err := r.Provider.Issue(ctx, rec.CallingID, want.Scopes, want.Life)
	if errors.Is(err, calling.ErrNotOwned) {
		// The provider's resource was replaced: the user stays, with a new identity.
		r.Log.WarnContext(ctx, "the provider does not know an identity; allocating anew", "callingId", rec.CallingID)
		return r.allocate(ctx, rec, who, want)
	}
	if err != nil {
		return outcome{}, err
	}
	lapsed := rec.Change != nil // an allocation that came to nothing: the identity is there after all
	rec.Change = nil
	if err := r.keep(ctx, rec, want, token, lapsed); err != nil {
		return outcome{}, err
	}
	return outcome{record: rec, token: token}, nil
}

// keep stores a token that was just issued, and the record where it was changed
// besides. Where another request stored a token at the same time, both are good;
// where tokens ended meanwhile, ErrStale. Where there is no key to seal with,
// nothing is stored, and a look at the document tells.
func (r *Registry) keep(ctx context.Context, rec *Record, want Want, token calling.Token, changed bool) error {
	r.remember(ctx, rec, want, token)
	if r.Ring != nil || changed {
		if err := r.save(ctx, rec); !errors.Is(err, storage.ErrStale) {
			return err
		}
	}
	now, readErr := r.read(ctx, Key{rec.PK, rec.ID})
	if readErr != nil {
		return readErr
	}
	if now.Generation == rec.Generation && now.CallingID == rec.CallingID && now.Change == nil {
		return nil
	}
	return storage.ErrStale
}

// kept is a token as it is kept. Sealed is empty for one in memory.
type kept struct {
	For        string    `json:"for"` // what it was wanted for, and the provider's resource
	IssuedAt   time.Time `json:"issuedAt"`
	ExpiresOn  time.Time `json:"expiresOn"`
	Sealed     string    `json:"sealed"`
	plain      string
	generation int
}

// maxKept is how many tokens a document holds: the usual sets of scopes, at
// about a kilobyte each.
const maxKept = 4

// remember puts the token into the record, sealed, or into memory. A token that
// cannot be sealed is good all the same; the next request is just not warm.
func (r *Registry) remember(ctx context.Context, rec *Record, want Want, token calling.Token) {
	k := kept{For: r.purpose(want), IssuedAt: r.Now().UTC(), ExpiresOn: token.ExpiresOn.UTC()}
	if r.Ring == nil {
		k.plain, k.generation = token.Value, rec.Generation
		r.memory.Add(rec.place(k.For), k)
		return
	}
	sealed, err := r.Ring.Seal(ctx, []byte(token.Value), rec.place(k.For))
	if err != nil {
		r.Log.ErrorContext(ctx, "a token could not be sealed and is not kept; check the key ring", "error", err)
		return
	}
	k.Sealed = sealed
	others := slices.DeleteFunc(slices.Clone(rec.Tokens), func(o kept) bool { return o.For == k.For || !o.fresh(r.Now()) })
	rec.Tokens = append([]kept{k}, others[:min(len(others), maxKept-1)]...)
}

// warm returns a token that was kept, if it fits and is fresh.
func (r *Registry) warm(ctx context.Context, rec *Record, want Want) (calling.Token, bool) {
	if !rec.mapped() || rec.Change != nil {
		return calling.Token{}, false
	}
	k, ok := r.find(rec, r.purpose(want))
	if !ok || !k.fresh(r.Now()) {
		return calling.Token{}, false
	}
	if r.Ring != nil {
		plain, err := r.Ring.Open(ctx, k.Sealed, rec.place(k.For))
		if err != nil {
			r.Log.WarnContext(ctx, "a stored token does not open; issuing anew", "error", err)
			return calling.Token{}, false
		}
		k.plain = string(plain)
	}
	return calling.Token{Value: k.plain, ExpiresOn: k.ExpiresOn}, true
}

func (r *Registry) find(rec *Record, wanted string) (kept, bool) {
	if r.Ring == nil {
		k, ok := r.memory.Get(rec.place(wanted))
		return k, ok && k.generation == rec.Generation
	}
	i := slices.IndexFunc(rec.Tokens, func(k kept) bool { return k.For == wanted })
	if i < 0 {
		return kept{}, false
	}
	return rec.Tokens[i], true
}

// fresh reports whether enough of the token's life is left: clients renew ten
// minutes before the end and fail on less, so a quarter of an hour, or half of
// a life that is shorter than twice that.
func (k kept) fresh(now time.Time) bool {
	return k.ExpiresOn.Sub(now) >= min(15*time.Minute, k.ExpiresOn.Sub(k.IssuedAt)/2)
}

// purpose names what a token that is kept is good for.
func (r *Registry) purpose(want Want) string { return want.key() + "@" + r.Provider.Resource() }

// place binds a sealed token to its document, its identity and its purpose.
func (rec *Record) place(purpose string) string {
	return strings.Join([]string{rec.PK, rec.ID, rec.CallingID, purpose}, "\x00")
}
