package localcosmos

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// feedStart tells after which commit to go on, and after which second. It reads
// If-None-Match: absent is from the beginning, * from now, an etag after the
// commit that it names. If-Modified-Since counts only without it ("Common Azure
// Cosmos DB REST request headers").
func (r *request) feedStart(latest uint64) (after uint64, since int64, err error) {
	match, date := r.header.Get("If-None-Match"), r.header.Get("If-Modified-Since")
	switch {
	case match == "*":
		return latest, 0, nil
	case match != "":
		after, err = strconv.ParseUint(strings.Trim(match, `"`), 10, 64)
		if err != nil || after > latest {
			return 0, 0, badRequest("The header if-none-match is not an etag of this container's change feed.")
		}
	case date != "":
		at, err := http.ParseTime(date)
		if err != nil {
			return 0, 0, badRequest("The header if-modified-since is not a date of RFC 1123.")
		}
		since = at.Unix()
	}
	return after, since, nil
}

// changeFeed answers with the newest version of every item that changed, in the
// order of commits ("Change feed modes", latest version mode; "List
// documents"). Deletes leave nothing in it. A page ends between commits: what a
// batch changed comes together, even if that is more than the page's size (Azure
// Functions, "Azure Cosmos DB trigger", maxItemsPerInvocation).
func (s *Store) changeFeed(r *request, c *container) (answer *reply, err error) {
	if mode := r.header.Get("A-Im"); !strings.EqualFold(mode, "Incremental feed") {
		return nil, unsupported("the change feed mode %q", mode)
	}
	key, err := c.headerKey(r)
	if err != nil {
		return nil, err
	}
	size, err := r.pageSize()
	if err != nil {
		return nil, err
	}
	err = s.snapshot(r, c, func(docs *bolt.Bucket) error {
		latest := docs.Sequence()
		last, since, err := r.feedStart(latest)
		if err != nil {
			return err
		}
		page, next := list{}, latest
		for _, at := range s.changes(c, docs, key, last) {
			// One more commit has up to half of what an answer may have.
			if at.lsn() != last && (page.count >= size || len(page.texts) > maxResponse/2) {
				next = last
				break
			}
			last = at.lsn()
			if found := c.find(docs, at.key, r.now); found != nil && found.ts > since {
				page.add(fmt.Appendf(nil, `%s,"_lsn":%d}`, found.json[:len(found.json)-1], last))
			}
		}
		answer = page.reply(c.rid, "Documents")
		answer.lsn, answer.charge, answer.etag = latest, chargeRead(len(page.texts)), `"`+strconv.FormatUint(next, 10)+`"`
		if page.count == 0 {
			answer.status, answer.body, answer.extra = http.StatusNotModified, nil, nil
		}
		return nil
	})
	return answer, err
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
