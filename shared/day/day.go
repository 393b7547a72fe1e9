// Package day says when a calendar day begins and ends where somebody is.
//
// A day is named by its date, such as "2026-11-22", and the place by its time
// zone in the IANA Time Zone Database. It runs from the first instant at which the
// clocks there have come to that date to the first instant at which they have come
// to the next one. So days follow each other without gap or overlap, whatever
// clocks do:
//
//   - Where the time changes, a day has 23 or 25 hours, at some places 23½ or 24½.
//   - Where the clock is put forward over midnight (America/Sao_Paulo until 2018,
//     Asia/Beirut, America/Havana, Africa/Cairo) the day begins at a later time than
//     00:00, such as 01:00.
//   - Where midnight comes twice (America/Havana) the day begins with the first.
//   - Where the clock is put back into the day before (America/St_Johns until 2010,
//     at 00:01), the hour that is repeated belongs to the day that had begun.
//   - A day that a place left out, because it moved over the date line, is empty: it
//     ends where it begins (Pacific/Apia, 2011-12-30).
//
// # Time zones
//
// Programs with this package carry the time zone data of the Go release (package
// time/tzdata, some 450 kB): hosts of functions may have none, and without it the
// name of every zone would be unknown there. Where the host has zone files, package
// time prefers them, for they are newer or of the same age. Which names are known
// does not depend on the host: the other things in its directory of zone files, such
// as posix/ and localtime, are refused, and so is its own zone, "Local".
package day

import (
	"errors"
	"regexp"
	"time"
	_ "time/tzdata" // see above
)

// ErrDate says that a date is not one of the calendar, written as in 2026-11-22, in
// the years 0001 to 9998.
var ErrDate = errors.New("day: not a date")

// ErrZone says that a name is none of an IANA time zone, such as Europe/Istanbul.
var ErrZone = errors.New("day: not a time zone")

// Bounds returns the first instant of a date where the zone is, and the first one
// after it, in UTC. They are equal for a date that the place left out. The error is
// ErrDate or ErrZone.
func Bounds(date, zone string) (from, to time.Time, err error) {
	midnight, err := time.Parse(time.DateOnly, date)
	if err != nil || midnight.Year() < 1 || midnight.Year() > 9998 { // so that RFC 3339 can write both bounds
		return time.Time{}, time.Time{}, ErrDate
	}
	place, err := load(zone)
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	return start(midnight, place), start(midnight.AddDate(0, 0, 1), place), nil
}

// Today returns the date whose Bounds an instant is within. It is what calendars
// show there, but for an hour that is repeated over midnight. The error is ErrZone.
func Today(now time.Time, zone string) (date string, err error) {
	place, err := load(zone)
	if err != nil {
		return "", err
	}
	year, month, n := now.In(place).Date()
	midnight := time.Date(year, month, n, 0, 0, 0, 0, time.UTC)
	for {
		next := midnight.AddDate(0, 0, 1)
		if start(next, place).After(now) {
			return midnight.Format(time.DateOnly), nil
		}
		midnight = next
	}
}

// zoneName is the form of the names in the database, as all of them are. It leaves no
// way out of a directory of zone files.
var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9+_-]*(/[A-Z][A-Za-z0-9+_-]*){0,2}$`)

func load(zone string) (*time.Location, error) {
	if !zoneName.MatchString(zone) || zone == "Local" { // which package time takes for the host's
		return nil, ErrZone
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		return nil, ErrZone
	}
	return place, nil
}

// start returns the first instant at which the clocks of a place show the midnight at
// which a date begins, or a later time. The midnight is given in UTC.
//
// It goes along the stretches of time in which the place keeps one offset from UTC,
// beginning a day before, because no offset is as much as a day.
func start(midnight time.Time, place *time.Location) time.Time {
	for at := midnight.Add(-24 * time.Hour).In(place); ; {
		_, offset := at.Zone()
		begins := midnight.Add(-time.Duration(offset) * time.Second)
		end, endless := stretch(at)
		switch {
		case !begins.After(at): // the clock was put forward over it
			return at.UTC()
		case endless || begins.Before(end):
			return begins
		}
		at = end
	}
}

// stretch returns the end of the time from an instant on in which the place keeps its
// offset, or an earlier instant within. On the last day of a leap year ZoneBounds may
// give the beginning of that day: it takes years by rule to have 365 days.
func stretch(at time.Time) (end time.Time, endless bool) {
	_, end = at.ZoneBounds()
	if end.IsZero() {
		return end, true
	}
	if !end.After(at) {
		end = at.Truncate(24 * time.Hour).Add(24 * time.Hour) // the midnight of UTC, where the year ends
	}
	return end, false
}
