package localgraph

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// windowsZones gives the usual Windows time zones their IANA names (Unicode
// CLDR, supplemental data windowsZones, territory 001).
func windowsZones() map[string]string {
	return map[string]string{
		"Hawaiian Standard Time": "Pacific/Honolulu", "Alaskan Standard Time": "America/Anchorage",
		"Pacific Standard Time": "America/Los_Angeles", "US Mountain Standard Time": "America/Phoenix",
		"Mountain Standard Time": "America/Denver", "Central Standard Time": "America/Chicago",
		"Central Standard Time (Mexico)": "America/Mexico_City", "Canada Central Standard Time": "America/Regina",
		"Eastern Standard Time": "America/New_York", "SA Pacific Standard Time": "America/Bogota",
		"Atlantic Standard Time": "America/Halifax", "Newfoundland Standard Time": "America/St_Johns",
		"E. South America Standard Time": "America/Sao_Paulo", "Argentina Standard Time": "America/Buenos_Aires",
		"Azores Standard Time": "Atlantic/Azores", "GMT Standard Time": "Europe/London",
		"Greenwich Standard Time": "Atlantic/Reykjavik", "W. Europe Standard Time": "Europe/Berlin",
		"Central Europe Standard Time": "Europe/Budapest", "Central European Standard Time": "Europe/Warsaw",
		"Romance Standard Time": "Europe/Paris", "W. Central Africa Standard Time": "Africa/Lagos",
		"GTB Standard Time": "Europe/Bucharest", "E. Europe Standard Time": "Europe/Chisinau",
		"FLE Standard Time": "Europe/Kiev", "Turkey Standard Time": "Europe/Istanbul",
		"Egypt Standard Time": "Africa/Cairo", "Israel Standard Time": "Asia/Jerusalem",
		"South Africa Standard Time": "Africa/Johannesburg", "E. Africa Standard Time": "Africa/Nairobi",
		"Russian Standard Time": "Europe/Moscow", "Arab Standard Time": "Asia/Riyadh",
		"Arabian Standard Time": "Asia/Dubai", "Iran Standard Time": "Asia/Tehran",
		"Pakistan Standard Time": "Asia/Karachi", "India Standard Time": "Asia/Calcutta",
		"Nepal Standard Time": "Asia/Katmandu", "Bangladesh Standard Time": "Asia/Dhaka",
		"SE Asia Standard Time": "Asia/Bangkok", "China Standard Time": "Asia/Shanghai",
		"Singapore Standard Time": "Asia/Singapore", "W. Australia Standard Time": "Australia/Perth",
		"Taipei Standard Time": "Asia/Taipei", "Tokyo Standard Time": "Asia/Tokyo",
		"Korea Standard Time": "Asia/Seoul", "AUS Eastern Standard Time": "Australia/Sydney",
		"New Zealand Standard Time": "Pacific/Auckland",
	}
}

// location knows IANA names and the usual Windows ones.
func location(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	if iana, ok := windowsZones()[name]; ok {
		name = iana
	}
	if name == "" || name == "Local" { // which time.LoadLocation knows
		return nil, errors.New("localgraph: no time zone")
	}
	return time.LoadLocation(name)
}

// unknownZone is Graph's answer to a name that it does not know.
func unknownZone(name string) error {
	return failure{http.StatusBadRequest, "TimeZoneNotSupportedException", "A valid TimeZone value must be specified. The following TimeZone value is not supported: '" + name + "'."}
}

// zone is a time zone under the name that the client has for it.
type zone struct {
	name string
	*time.Location
}

// outputZone is that of Prefer: outlook.timezone="…", or UTC.
func (c call) outputZone() (z zone, asked bool, err error) {
	for _, preference := range c.preferences() {
		if name, found := strings.CutPrefix(preference, "outlook.timezone="); found {
			name = strings.Trim(name, `"`)
			place, err := location(name)
			if err != nil {
				return zone{}, false, unknownZone(name)
			}
			return zone{name, place}, true, nil
		}
	}
	return zone{"UTC", time.UTC}, false, nil
}

// dateTimeZone is Graph's dateTimeTimeZone: the time of a wall clock.
type dateTimeZone struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

// instant is the moment that the clock showed. A time that says its own offset
// has no use for the zone.
func (d dateTimeZone) instant() (time.Time, error) {
	place, err := location(d.TimeZone)
	if err != nil {
		return time.Time{}, unknownZone(d.TimeZone)
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, d.DateTime, place); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, badRequest("The dateTime '" + d.DateTime + "' is not a time.")
}

// clock is a moment on the clock of a zone, with seven digits as Exchange writes.
func (z zone) clock(at time.Time) dateTimeZone {
	return dateTimeZone{at.In(z.Location).Format("2006-01-02T15:04:05.0000000"), z.name}
}
