package localcosmos

import (
	"bytes"
	"encoding/binary"
	"net/http"
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
	err = s.snapshot(r, c, func(docs, feed *bolt.Bucket) error {
		latest := feed.Sequence()
		if from.now {
			from.after = latest
		}
		if from.after > latest {
			return badRequest("The header if-none-match names a commit that this container has not seen: the etag is another container's.")
		}
		page := feedPage{c: c, now: r.now, since: from.since, size: size, next: latest}
		if key != "" {
			page.prefix = key.prefix()
		}
		if err := page.fill(docs, feed, from.after); err != nil {
			return err
		}
		answer = page.reply(latest)
		return nil
	})
	return answer, err
}

// feedPage gathers one page. It ends between commits: what a batch changed
// comes together, even if that is more than the page's size (Azure Functions,
// "Azure Cosmos DB trigger", maxItemsPerInvocation).
type feedPage struct {
	c      *container
	prefix []byte // of the keys of a partition; empty for all
	now    time.Time
	since  time.Time
	size   int

	results []byte // JSON texts parted by commas
	count   int
	next    uint64 // the commit after which the next page starts
}

func (p *feedPage) fill(docs, feed *bolt.Bucket, after uint64) error {
	cursor := feed.Cursor()
	last := after
	for at, key := cursor.Seek(binary.BigEndian.AppendUint64(nil, after+1)); at != nil; at, key = cursor.Next() {
		lsn := binary.BigEndian.Uint64(at)
		// One more commit has up to half of what an answer may have.
		if lsn != last && (p.count >= p.size || len(p.results) > maxResponse/2) {
			p.next = last
			return nil
		}
		last = lsn
		if !bytes.HasPrefix(key, p.prefix) {
			continue
		}
		r, err := p.c.find(docs, key, p.now)
		if err != nil {
			return err
		}
		if r != nil && (p.since.IsZero() || r.ts > p.since.Unix()) {
			p.give(r)
		}
	}
	return nil
}

// give adds an item with the number of its commit, as the feed shows it.
func (p *feedPage) give(r *record) {
	if p.count > 0 {
		p.results = append(p.results, ',')
	}
	p.results = append(p.results, r.json[:len(r.json)-1]...)
	p.results = append(p.results, `,"_lsn":`...)
	p.results = append(strconv.AppendUint(p.results, r.lsn, 10), '}')
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
