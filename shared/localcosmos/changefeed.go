package localcosmos

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// feedStart is where a reader of the change feed goes on.
type feedStart struct {
	after uint64    // a commit
	now   bool      // after the last one there is
	since time.Time // changes in later seconds only; zero for all
}

// feedStart reads If-None-Match: absent is from the beginning, * from now, an
// etag after the commit that it names. If-Modified-Since counts only without it
// ("Common Azure Cosmos DB REST request headers").
func (r *request) feedStart() (from feedStart, err error) {
	switch match := r.header.Get("If-None-Match"); match {
	case "":
		if date := r.header.Get("If-Modified-Since"); date != "" {
			if from.since, err = http.ParseTime(date); err != nil {
				return from, badRequest("The header if-modified-since is not a date of RFC 1123.")
			}
		}
	case "*":
		from.now = true
	default:
		if from.after, err = strconv.ParseUint(strings.Trim(match, `"`), 10, 64); err != nil {
			return from, badRequest("The header if-none-match is not an etag of this container's change feed.")
		}
	}
	return from, nil
}

// changeFeed answers with the newest version of every item that changed, in the
// order of commits ("Change feed modes", latest version mode; "List
// documents"). Deletes leave nothing in it.
func (s *Store) changeFeed(r *request, c *container) (*reply, error) {
	if mode := r.header.Get("A-Im"); !strings.EqualFold(mode, "Incremental feed") {
		return nil, unsupported("the change feed mode %q", mode)
	}
	key, _, err := c.headerKey(r)
	if err != nil {
		return nil, err
	}
	size, err := r.pageSize()
	if err != nil {
		return nil, err
	}
	from, err := r.feedStart()
	if err != nil {
		return nil, err
	}
	var answer *reply
	err = s.snapshot(r, c, func(docs *bolt.Bucket) error {
		latest := docs.Sequence()
		if from.now {
			from.after = latest
		}
		if from.after > latest {
			return badRequest("The header if-none-match names a commit that this container has not seen: the etag is another container's.")
		}
		page := feedPage{c: c, now: r.now, since: from.since, size: size, next: latest}
		page.fill(docs, s.changes(c, docs, key, from.after), from.after)
		answer = page.reply(latest)
		return nil
	})
	return answer, err
}

// feedPage gathers one page. It ends between commits: what a batch changed
// comes together, even if that is more than the page's size (Azure Functions,
// "Azure Cosmos DB trigger", maxItemsPerInvocation).
type feedPage struct {
	c     *container
	now   time.Time
	since time.Time
	size  int

	results []byte // JSON texts parted by commas
	count   int
	next    uint64 // the commit after which the next page starts
}

func (p *feedPage) fill(docs *bolt.Bucket, changes []change, after uint64) {
	last := after
	for _, at := range changes {
		// One more commit has up to half of what an answer may have.
		if at.lsn() != last && (p.count >= p.size || len(p.results) > maxResponse/2) {
			p.next = last
			return
		}
		last = at.lsn()
		r := p.c.find(docs, at.key, p.now)
		if r != nil && (p.since.IsZero() || r.ts > p.since.Unix()) {
			p.give(r)
		}
	}
}

// give adds an item with the number of its commit, as the feed shows it.
func (p *feedPage) give(r *record) {
	if p.count > 0 {
		p.results = append(p.results, ',')
	}
	p.results = append(p.results, r.json[:len(r.json)-1]...)
	p.results = append(p.results, `,"_lsn":`...)
	p.results = append(strconv.AppendUint(p.results, r.lsn(), 10), '}')
	p.count++
}

func (p *feedPage) reply(latest uint64) *reply {
	answer := &reply{status: http.StatusNotModified, lsn: latest, etag: `"` + strconv.FormatUint(p.next, 10) + `"`, charge: chargeRead(len(p.results))}
	if p.count > 0 {
		answer.status = http.StatusOK
		answer.body = feedBody(p.c.rid, "Documents", p.results, p.count)
		answer.extra = map[string]string{"X-Ms-Item-Count": strconv.Itoa(p.count)}
	}
	return answer
}

// feed is what changed in a container, or in one of its partitions, after one
// commit and up to another: the newest write of every item, in order.
type feed struct {
	after, latest uint64
	changes       []change
}

// change is a record's place in the feed, and its key in the file.
type change struct {
	write uint64
	key   []byte
}

func (c change) lsn() uint64 { return c.write >> 8 }

type feedID struct {
	container uint32
	partition partitionKey
}

// keptFeeds is how many feeds are kept for the next page.
const keptFeeds = 16

// changes gives the feed after a commit. The file has no index of it: the
// records are looked through, and what was found is kept for the next page as
// long as nothing is written.
func (s *Store) changes(c *container, docs *bolt.Bucket, key partitionKey, after uint64) []change {
	id := feedID{c.number, key}
	f, ok := s.feeds.Get(id)
	if !ok || f.latest != docs.Sequence() || f.after > after {
		f = feed{after: after, latest: docs.Sequence()}
		for k, r := range records(docs, key.prefix()) {
			if r.lsn() > after {
				f.changes = append(f.changes, change{r.write, bytes.Clone(k)})
			}
		}
		slices.SortFunc(f.changes, func(a, b change) int { return cmp.Compare(a.write, b.write) })
		s.feeds.Add(id, f)
	}
	next, _ := slices.BinarySearchFunc(f.changes, after+1, func(c change, lsn uint64) int { return cmp.Compare(c.lsn(), lsn) })
	return f.changes[next:]
}
