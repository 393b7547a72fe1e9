package day_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/shared/day"
)

func bounds(t interface{ Fatalf(string, ...any) }, date, zone string) (from, to time.Time) {
	from, to, err := day.Bounds(date, zone)
	if err != nil {
		t.Fatalf("%s in %s: %v", date, zone, err)
	}
	return from, to
}

func TestDaysThatAreUnlikeOthers(t *testing.T) {
	for _, test := range []struct {
		name, zone, date string
		from             string
		hours            float64
	}{
		{"a plain day", "Europe/Istanbul", "2026-11-22", "2026-11-21T21:00:00Z", 24},
		{"of Greenwich", "UTC", "2026-11-22", "2026-11-22T00:00:00Z", 24},
		{"the clock goes forward", "Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23},
		{"the clock goes back", "Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25},
		{"half an hour forward", "Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23.5},
		{"half an hour back", "Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24.5},
		{"no midnight", "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23},
		{"no midnight", "Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", 23},
		{"no midnight", "America/Havana", "2026-03-08", "2026-03-08T05:00:00Z", 23},
		{"no midnight", "Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", 23},
		{"from half past eleven to midnight at once", "Asia/Pyongyang", "2018-05-04", "2018-05-03T15:30:00Z", 23.5},
		{"midnight twice", "America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 25},
		{"eleven to midnight twice", "America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", 25},
		{"eleven to midnight twice", "Africa/Cairo", "2026-10-29", "2026-10-28T21:00:00Z", 25},
		{"its first minute, then an hour of the day before", "America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z", 25},
		{"whose last hour is repeated after its end", "America/St_Johns", "2010-11-06", "2010-11-06T02:30:00Z", 24},
		{"left out", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0},
		{"before the one left out", "Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", 24},
		{"after the one left out", "Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24},
		{"left out", "Pacific/Kwajalein", "1993-08-21", "1993-08-21T12:00:00Z", 0},
		{"the end of a leap year by rule", "America/New_York", "2048-12-31", "2048-12-31T05:00:00Z", 24},
		{"the beginning of the next", "Pacific/Auckland", "2049-01-01", "2048-12-31T11:00:00Z", 24},
		{"far away", "Europe/Berlin", "9998-12-31", "9998-12-30T23:00:00Z", 24},
		{"long ago, by the sun", "America/New_York", "0001-01-01", "0001-01-01T04:56:02Z", 24},
	} {
		t.Run(test.zone+" "+test.date, func(t *testing.T) {
			from, to := bounds(t, test.date, test.zone)
			if got := from.Format(time.RFC3339Nano); got != test.from || to.Sub(from).Hours() != test.hours {
				t.Errorf("%s: from %s for %v, want from %s for %v hours", test.name, got, to.Sub(from), test.from, test.hours)
			}
		})
	}
}

// zones are such as have had, since 1990, everything that clocks do.
var zones = []string{
	"UTC", "Etc/GMT+12", "Europe/Istanbul", "Europe/Berlin", "Europe/Dublin", "Europe/Moscow", "Europe/Lisbon",
	"Africa/Cairo", "Africa/Casablanca", "Africa/Juba", "Africa/Tripoli", "Antarctica/Casey", "Antarctica/Troll",
	"Asia/Amman", "Asia/Beirut", "Asia/Damascus", "Asia/Dhaka", "Asia/Gaza", "Asia/Kathmandu", "Asia/Manila", "Asia/Pyongyang", "Asia/Tehran",
	"America/Adak", "America/Asuncion", "America/Campo_Grande", "America/Caracas", "America/Godthab", "America/Havana", "America/New_York",
	"America/Santiago", "America/Sao_Paulo", "America/Scoresbysund", "America/St_Johns", "Atlantic/Azores",
	"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Enderbury", "Pacific/Kiritimati", "Pacific/Kwajalein", "Pacific/Tongatapu",
}

func anyZone() *rapid.Generator[string] { return rapid.SampledFrom(zones) }

// anyInstant is in the years 1990 to 2037, often near the end of a day.
func anyInstant() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		since := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
		quarters := rapid.IntRange(0, 48*365*24*4).Draw(t, "quarters of an hour")
		return since.Add(time.Duration(quarters)*15*time.Minute + time.Duration(rapid.IntRange(-1, 1).Draw(t, "second"))*time.Second)
	})
}

func after(date string) string {
	midnight, _ := time.Parse(time.DateOnly, date)
	return midnight.AddDate(0, 0, 1).Format(time.DateOnly)
}

// TestDaysMeet: one ends where the next begins, and each begins with the first instant at
// which a clock there shows its date or a later one, looked for minute by minute.
func TestDaysMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, date := anyZone().Draw(t, "zone"), anyInstant().Draw(t, "near").Format(time.DateOnly)
		from, to := bounds(t, date, zone)
		if next, _ := bounds(t, after(date), zone); !next.Equal(to) || to.Before(from) {
			t.Fatalf("%s is from %v to %v, the day after it from %v", date, from, to, next)
		}
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		midnight, _ := time.Parse(time.DateOnly, date)
		clock := midnight.Add(-15 * time.Hour)
		for clock.In(place).Format(time.DateOnly) < date {
			clock = clock.Add(time.Minute)
		}
		if !clock.Equal(from) {
			t.Fatalf("%s begins at %v, by the clock at %v", date, from, clock)
		}
	})
}

// TestEveryInstantIsOfOneDay, and almost always of the one that the clock shows.
func TestEveryInstantIsOfOneDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, now := anyZone().Draw(t, "zone"), anyInstant().Draw(t, "now")
		date, err := day.Today(now, zone)
		if err != nil {
			t.Fatal(err)
		}
		if from, to := bounds(t, date, zone); now.Before(from) || !now.Before(to) {
			t.Fatalf("%v is not within %s, from %v to %v", now, date, from, to)
		}
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		_, offset := now.In(place).Zone()
		_, before := now.Add(-time.Hour).In(place).Zone()
		if shown := now.In(place).Format(time.DateOnly); shown != date && offset == before {
			t.Fatalf("the clock shows %s, today is %s", shown, date)
		}
	})
}

func TestTheRepeatedHourIsOfTheDayThatHadBegun(t *testing.T) {
	again := time.Date(2010, 11, 7, 3, 0, 0, 0, time.UTC) // 23:30 on the 6th, for the second time
	if date, err := day.Today(again, "America/St_Johns"); date != "2010-11-07" || err != nil {
		t.Errorf("%s, %v", date, err)
	}
}

func TestWhatIsNoDay(t *testing.T) {
	for _, date := range []string{"", "2026-11-31", "2026-02-29", "2026-1-02", "26-11-22", "2026-11-22T00:00:00Z", " 2026-11-22", "2026-11-22 ", "0000-01-01", "9999-01-01", "-001-01-01", "+2026-11-22", "today"} {
		if _, _, err := day.Bounds(date, "Europe/Istanbul"); !errors.Is(err, day.ErrDate) {
			t.Errorf("the date %q: %v", date, err)
		}
	}
	for _, zone := range []string{
		"", "Local", "local", "Europe/Atlantis", "europe/istanbul", "Europe", "Europe/", "/Europe/Istanbul", "CEST", "+03:00", "UTC+3", "W. Europe Standard Time",
		"posix/Europe/Istanbul", "right/Europe/Istanbul", "localtime", "posixrules", "zone.tab", "../zoneinfo/Europe/Istanbul", "Europe/../Europe/Istanbul",
		`Europe\Istanbul`, "Europe/Istanbul\x00", "Europe/Istanbul\n", strings.Repeat("A", 1<<16),
	} {
		if _, _, err := day.Bounds("2026-11-22", zone); !errors.Is(err, day.ErrZone) {
			t.Errorf("the zone %.50q: %v", zone, err)
		}
		if _, err := day.Today(time.Now(), zone); !errors.Is(err, day.ErrZone) {
			t.Errorf("today in %.50q: %v", zone, err)
		}
	}
}

// TestZonesTravelWithTheProgram: where tests run, the host has zone files, and nothing
// else would tell.
func TestZonesTravelWithTheProgram(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains("\n"+string(out), "\ntime/tzdata\n") {
		t.Error("the time zone data is not linked")
	}
}

func FuzzBounds(f *testing.F) {
	for _, zone := range append(zones, "", "Local", "../etc/passwd") {
		f.Add("2026-11-22", zone)
	}
	f.Add("2011-12-30", "Pacific/Apia")
	f.Add("9998-12-31", "Pacific/Kiritimati")
	f.Add("0001-01-01", "Etc/GMT-14")
	f.Fuzz(func(t *testing.T, date, zone string) {
		from, to, err := day.Bounds(date, zone)
		if err != nil {
			if !errors.Is(err, day.ErrDate) && !errors.Is(err, day.ErrZone) {
				t.Fatal(err)
			}
			return
		}
		for _, at := range []time.Time{from, to} {
			if text, err := at.MarshalJSON(); err != nil || at.Location() != time.UTC {
				t.Fatalf("%s, %v", text, err)
			}
		}
		if life := to.Sub(from); life < 0 || life > 50*time.Hour {
			t.Fatalf("%s in %s lasts %v", date, zone, life)
		}
		if today, err := day.Today(from, zone); from.Before(to) && (today != date || err != nil) {
			t.Fatalf("%s in %s begins on %s, %v", date, zone, today, err)
		}
	})
}
