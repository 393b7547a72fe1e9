package localgraph

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The page size of calendarView: as it is without $top, and the most.
const (
	defaultPage = 10
	maxPage     = 1000
)

// view is what a calendarView is asked for.
type view struct {
	from, to   time.Time
	selection  string
	descending bool
	top, skip  int
}

// calendarView lists the events that touch a span of time ("List
// calendarView"). The offsets of the bounds decide what is in it; Prefer only
// decides on which clock it is shown.
func (s *Server) calendarView(c call) (answer, error) {
	query := c.URL.Query()
	v, err := readView(query)
	if err != nil {
		return answer{}, err
	}
	z, asked, err := c.outputZone()
	if err != nil {
		return answer{}, err
	}
	events, err := c.eventsWithin(v)
	if err != nil {
		return answer{}, err
	}
	page := events[min(v.skip, len(events)):min(v.skip+v.top, len(events))]
	shown := make([]object, len(page))
	for i, e := range page {
		if shown[i], err = e.wire(z, v.selection); err != nil {
			return answer{}, err
		}
	}
	a := c.list("users('"+c.user.ID+"')/calendarView", shown)
	if v.skip+v.top < len(events) {
		query.Set("$top", strconv.Itoa(v.top))
		query.Set("$skip", strconv.Itoa(v.skip+v.top))
		a.body.(object)["@odata.nextLink"] = c.root + c.URL.EscapedPath() + "?" + query.Encode()
	}
	a.header = applied(z, asked)
	return a, nil
}

// eventsWithin are the events of a mailbox in the order of their starts.
func (c call) eventsWithin(v view) (found []event, err error) {
	for e := range all[event](c.tx, eventBucket) {
		start, end, err := e.times()
		if err != nil {
			return nil, err
		}
		if e.Mailbox == c.user.ID && start.Before(v.to) && end.After(v.from) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b event) int { // kept times are as long as each other
		if v.descending {
			a, b = b, a
		}
		return strings.Compare(a.Start.DateTime, b.Start.DateTime)
	})
	return found, nil
}

func readView(query url.Values) (v view, err error) {
	for name := range query {
		switch name {
		case "startDateTime", "endDateTime", "$select", "$orderby", "$top", "$skip":
		case "$filter":
			return view{}, refusedFilter(query.Get(name))
		default:
			return view{}, badRequest("The query option '" + name + "' is not supported.")
		}
	}
	if v.from, err = bound(query, "startDateTime"); err != nil {
		return view{}, err
	}
	if v.to, err = bound(query, "endDateTime"); err != nil {
		return view{}, err
	}
	if v.top, err = number(query, "$top", defaultPage, 1, maxPage); err != nil {
		return view{}, err
	}
	if v.skip, err = number(query, "$skip", 0, 0, 1<<20); err != nil {
		return view{}, err
	}
	switch order := strings.TrimSpace(query.Get("$orderby")); order {
	case "", "start/dateTime", "start/dateTime asc":
	case "start/dateTime desc":
		v.descending = true
	default:
		return view{}, badRequest("Ordering by '" + order + "' is not supported.")
	}
	v.selection = query.Get("$select")
	if !v.from.Before(v.to) {
		return view{}, failure{http.StatusBadRequest, "ErrorInvalidParameter", "The endDateTime must be after the startDateTime."}
	}
	return v, nil
}

// refusedFilter: Exchange cannot search by isOnlineMeeting, which many try;
// other filters are not served here.
func refusedFilter(filter string) error {
	if strings.Contains(strings.ToLower(filter), "isonlinemeeting") {
		return failure{http.StatusBadRequest, "ErrorInvalidProperty", "The property 'isOnlineMeeting' does not support filtering."}
	}
	return badRequest("The query option '$filter' is not supported here.")
}

// bound reads an end of the span. Without an offset it is UTC. A "+" that was
// not escaped has become a space, and is as wrong as at the service.
func bound(query url.Values, name string) (time.Time, error) {
	text := query.Get(name)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, failure{http.StatusBadRequest, "ErrorInvalidParameter", "The value '" + text + "' of parameter '" + name + "' is missing or invalid."}
}

func number(query url.Values, name string, standard, least, most int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badRequest("The value '" + text + "' of '" + name + "' is invalid.")
	}
	return n, nil
}
