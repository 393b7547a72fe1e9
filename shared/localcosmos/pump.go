package localcosmos

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"switchboard/shared/localcosmos/internal/value"
)

// Trigger says which changes a handler gets and what happens when it fails.
// The names in parentheses are those of the settings of Azure Functions'
// Cosmos DB trigger that mean the same.
type Trigger struct {
	Database, Container string
	// Handle gets the newest versions of items that changed, a JSON array in
	// the order of their commits. The items of one partition never come out of
	// order and no two calls overlap. It may get items again, and has to end
	// when its context does.
	Handle func(ctx context.Context, documents json.RawMessage) error

	// Leases is a container in the same database that keeps how far the
	// handler is; it is made if need be. Empty means "leases".
	Leases string
	// Name tells the leases of several triggers on one container apart
	// (leaseContainerPrefix).
	Name string
	// FromBeginning gives a trigger without a lease all items there are; by
	// default it gets those that change from then on (startFromBeginning).
	FromBeginning bool
	// MaxItems is how many items a call gets, or more where a batch changed
	// more in one commit; 0 means 100 (maxItemsPerInvocation).
	MaxItems int

	// Attempts is how often a call is made before the pump gives up; 0 means 5.
	Attempts int
	// Backoff is the time before the second attempt; 0 means a second. It
	// doubles up to a minute, and up to half of it is taken off at random.
	Backoff time.Duration
	// Timeout ends the context of a call; 0 means 5 minutes (functionTimeout).
	Timeout time.Duration
	// GaveUp hears of a batch whose attempts all failed; the pump then goes on
	// after it, as the trigger does. Without it the pump ends with the error,
	// and the batch comes again when it is started again.
	GaveUp func(documents json.RawMessage, err error)
}

const maxBackoff = time.Minute

// pump is a trigger at work.
type pump struct {
	Trigger
	store *Store
	rid   string // of the container
	lease string // id of the item that keeps how far the handler is
}

// Pump calls a handler with what changes in a container until the context ends,
// which gives nil, or the store is closed, the container goes or a batch cannot
// be handled. How far it is outlasts the process. A trigger runs once at a
// time: a second one with the same name on the same container is refused.
func (s *Store) Pump(ctx context.Context, t Trigger) error {
	p, err := s.newPump(t)
	if err != nil {
		return fmt.Errorf("localcosmos: pump: %w", err)
	}
	if _, running := s.pumps.LoadOrStore(p.lease, true); running {
		return fmt.Errorf("localcosmos: pump: a trigger with the name %q runs on container %q already", p.Name, p.Container)
	}
	defer s.pumps.Delete(p.lease)
	if err := p.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("localcosmos: pump: %w", err)
	}
	return nil
}

func (s *Store) newPump(t Trigger) (*pump, error) {
	t.Leases = cmp.Or(t.Leases, "leases")
	t.MaxItems = cmp.Or(t.MaxItems, defaultPage)
	t.Attempts = cmp.Or(t.Attempts, 5)
	t.Backoff = cmp.Or(t.Backoff, time.Second)
	t.Timeout = cmp.Or(t.Timeout, 5*time.Minute)
	switch {
	case t.Handle == nil:
		return nil, errors.New("there is no handler")
	case t.MaxItems < 0 || t.Attempts < 0 || t.Backoff < 0 || t.Timeout < 0:
		return nil, errors.New("a limit of the trigger is negative")
	case t.Leases == t.Container:
		return nil, errors.New("the leases want a container of their own")
	}
	p := &pump{Trigger: t, store: s}
	c, err := s.catalog.Load().container(p.request(http.MethodGet, nil, "colls", t.Container))
	if err != nil {
		return nil, err
	}
	p.rid = c.rid
	p.lease = t.Name + "." + c.rid + ".." + rangeID
	return p, nil
}

func (p *pump) run(ctx context.Context) error {
	etag, err := p.start()
	for err == nil && ctx.Err() == nil {
		// Before the feed is read, so that no commit after it goes unnoticed.
		changed := p.store.changed()
		var page *reply
		if page, err = p.changes(etag); err != nil {
			break
		}
		etag = page.etag
		if page.status == http.StatusOK {
			err = p.pass(ctx, page)
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-p.store.closing:
			err = closed()
		}
	}
	return err
}

// start finds where the handler was. A new trigger notes at once where it
// starts, so that it misses nothing should it end before the first change.
func (p *pump) start() (etag string, err error) {
	if err := p.makeLeases(); err != nil {
		return "", err
	}
	answer, err := p.ask(http.MethodGet, nil, "colls", p.Leases, "docs", p.lease)
	switch {
	case err == nil:
		lease, err := parseObject(answer.body)
		return property(lease, "continuation"), err
	case !refused(err, http.StatusNotFound):
		return "", err
	case p.FromBeginning:
		return "", nil
	}
	now, err := p.changes("*")
	if err != nil {
		return "", err
	}
	return now.etag, p.save(now.etag)
}

// makeLeases makes the container as the trigger demands it, partitioned by id
// (createLeaseContainerIfNotExists).
func (p *pump) makeLeases() error {
	const definition = `{"id":%s,"partitionKey":{"paths":["/id"],"version":2}}`
	_, err := p.ask(http.MethodPost, fmt.Appendf(nil, definition, value.Append(nil, p.Leases)), "colls")
	if refused(err, http.StatusConflict) {
		return nil
	}
	return err
}

// changes reads a page of the feed of the container that the pump began with,
// and not of one that was made in its place.
func (p *pump) changes(etag string) (*reply, error) {
	r := p.request(http.MethodGet, nil, "colls", p.Container, "docs")
	r.header.Set("A-Im", "Incremental feed")
	r.header.Set("If-None-Match", etag)
	r.header.Set("X-Ms-Max-Item-Count", strconv.Itoa(p.MaxItems))
	c, err := p.store.catalog.Load().container(r)
	if err != nil || c.rid != p.rid {
		return nil, ownerNotFound()
	}
	return p.store.changeFeed(r, c)
}

// pass hands a page to the handler and then moves the lease behind it.
func (p *pump) pass(ctx context.Context, page *reply) error {
	var body struct{ Documents json.RawMessage }
	if err := json.Unmarshal(page.body, &body); err != nil {
		return err
	}
	if err := p.deliver(ctx, body.Documents); err != nil {
		if ctx.Err() != nil || p.GaveUp == nil {
			return err
		}
		p.GaveUp(body.Documents, err)
	}
	return p.save(page.etag)
}

func (p *pump) deliver(ctx context.Context, documents json.RawMessage) error {
	delay := p.Backoff
	for attempt := 1; ; attempt++ {
		err := p.call(ctx, documents)
		if err == nil || attempt >= p.Attempts || wait(ctx, delay-rand.N(delay/2+1)) != nil {
			return err
		}
		delay = min(2*delay, maxBackoff)
	}
}

func (p *pump) call(ctx context.Context, documents json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	return p.Handle(ctx, documents)
}

func (p *pump) save(etag string) error {
	lease := value.Object{{Name: "id", Value: p.lease}, {Name: "continuation", Value: etag}}
	_, err := p.ask(http.MethodPost, value.Append(nil, lease), "colls", p.Leases, "docs")
	return err
}

// ask has the store answer a request that reads or upserts the lease, whose id
// is its partition key, or makes its container.
func (p *pump) ask(method string, body []byte, path ...string) (*reply, error) {
	r := p.request(method, body, path...)
	r.header.Set("X-Ms-Documentdb-Partitionkey", string(value.Append(nil, []any{p.lease})))
	r.header.Set("X-Ms-Documentdb-Is-Upsert", "True")
	return p.store.answer(r)
}

// request makes a request below the trigger's database that needs no signature
// and uses no throughput.
func (p *pump) request(method string, body []byte, path ...string) *request {
	r := &request{method: method, header: http.Header{}, body: body, now: p.store.options.Now(), own: true}
	r.setPath(append([]string{"dbs", p.Database}, path...)...)
	return r
}
