package signin

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// How keys are kept.
const (
	minFresh     = time.Hour        // a set is not asked for again before, whatever Cache-Control says
	maxFresh     = 24 * time.Hour   // and is asked for again after
	maxStale     = 72 * time.Hour   // how old a set may serve while its issuer is away
	missInterval = 30 * time.Second // between fetches because of unknown key ids
	fetchTimeout = 5 * time.Second  // one fetch, discovery included
	waitLimit    = 1500 * time.Millisecond
	maxBackoff   = 30 * time.Second // between fetches while they fail; starts at a second
)

// errAway says that an issuer failed so recently that it is left alone.
var errAway = errors.New("signin: the issuer's keys could not be fetched a moment ago")

// keySource keeps the keys of one issuer.
//
//   - The first token fetches them. All that wait share that fetch, each for no
//     longer than waitLimit and its own context; the fetch goes on without them.
//   - A set is refreshed by the first token that comes after its time
//     (Cache-Control, within minFresh and maxFresh), behind that token's back.
//     No timer does it: Lambda stops the process between requests.
//   - A set older than maxFresh, because nobody called for long or the process
//     was frozen, is refreshed before it is used; a failing issuer is asked no
//     more often for that.
//   - An unknown key id fetches at most once in missInterval for the whole
//     issuer. That is also the negative cache: until then every unknown id is
//     refused at once, however many there are, and a new key is never unknown
//     for longer.
//   - A bad signature fetches nothing.
//   - Failures back off, doubled and jittered. Meanwhile the last set serves,
//     until maxStale.
//
// jwkset's HTTP storage is not used for this: it refreshes on a timer, blocks
// requests on its limiter, reads bodies without limit and drops the JWKs'
// member issuer.
type keySource struct {
	is     Issuer
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	mu        sync.Mutex // guards all below; never held over a fetch
	set       *keySet    // nil until the first successful fetch
	flight    *flight    // the fetch under way
	failures  int        // fetches failed in a row
	retryAt   time.Time  // no fetch before
	missAt    time.Time  // last fetch because of an unknown key id
	jwksURL   string     // as discovery said
	discovery time.Time  // when it said so
}

// flight is one fetch. done is closed when set and err are there to read.
type flight struct {
	done chan struct{}
	set  *keySet
	err  error
}

func newKeySource(is Issuer, opts Options) *keySource {
	return &keySource{
		is:     is,
		client: &http.Client{Transport: opts.Transport, CheckRedirect: sameHostOnly},
		now:    opts.Now,
		log:    opts.Log,
	}
}

// find returns the set to verify a token with that key id. The set may lack
// the id; then the issuer has no such key. The error is signin_unavailable.
func (s *keySource) find(ctx context.Context, kid string) (*keySet, error) {
	set, pending := s.plan(kid)
	if pending == nil {
		if set == nil {
			return nil, unavailable(s.retryAfter(), errAway)
		}
		return set, nil
	}
	fetched, err := pending.wait(ctx)
	switch {
	case err == nil:
		return fetched, nil
	case set != nil:
		return set, nil // the fetch logs its failure
	}
	return nil, unavailable(s.retryAfter(), err)
}

// plan decides, in one step for all that arrive together, which set serves and
// which fetch to wait for first. With a fetch, the set is what serves should
// it fail.
func (s *keySource) plan(kid string) (set *keySet, pending *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	age := time.Duration(0)
	if s.set != nil {
		age = now.Sub(s.set.fetched)
	}
	switch {
	case s.set == nil || age >= maxStale:
		return nil, s.fetchLocked(now)
	case !s.set.knows(kid):
		return s.planMissLocked(now)
	case now.Before(s.set.due):
		return s.set, nil
	case age >= maxFresh:
		return s.set, s.fetchLocked(now)
	}
	s.fetchLocked(now) // not waited for
	return s.set, nil
}

// planMissLocked plans for a key id that the set lacks.
func (s *keySource) planMissLocked(now time.Time) (*keySet, *flight) {
	switch {
	case s.flight != nil:
		return nil, s.flight
	case s.missAt.IsZero() || now.Sub(s.missAt) >= missInterval:
		s.missAt = now
		return nil, s.fetchLocked(now)
	case s.failures > 0:
		return nil, nil // the key may be new and the issuer away: no reason to sign anyone out
	}
	return s.set, nil
}

// fetchLocked returns the fetch under way, or starts one. It returns nil while
// a failed issuer is left alone.
func (s *keySource) fetchLocked(now time.Time) *flight {
	if s.flight == nil && !now.Before(s.retryAt) {
		s.flight = &flight{done: make(chan struct{})}
		go s.fetch(s.flight)
	}
	return s.flight
}

// fetch fetches the whole set anew and keeps it, or notes the failure.
func (s *keySource) fetch(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	f.set, f.err = s.download(ctx)

	failures, serving := s.landed(f)
	close(f.done)
	if f.err != nil {
		s.log.Warn("the keys of an issuer could not be fetched",
			"issuer", s.is.Issuer, "failures", failures, "serving", serving, "error", f.err)
	}
}

// landed takes the outcome of a fetch over. A failed one does not count as a
// look for an unknown key id: the back-off alone says when to try again.
func (s *keySource) landed(f *flight) (failures int, serving bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
	if f.err == nil {
		s.set, s.failures, s.retryAt = f.set, 0, time.Time{}
	} else {
		s.failures++
		s.retryAt = s.now().Add(backoff(s.failures))
		s.missAt = time.Time{}
	}
	return s.failures, s.set != nil
}

// backoff is 1 s, 2 s, 4 s … up to maxBackoff, less up to a quarter so that
// instances do not move in step.
func backoff(failures int) time.Duration {
	d := min(time.Second<<min(failures-1, 10), maxBackoff)
	return d - rand.N(d/4)
}

// retryAfter is when a client may try again.
func (s *keySource) retryAfter() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.retryAt.Sub(s.now()), time.Second)
}

// wait returns the outcome of the fetch.
func (f *flight) wait(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	select {
	case <-f.done:
		return f.set, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
