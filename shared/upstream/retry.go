package upstream

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// shortestTry is what must be left of the deadline for another try to make
// sense.
const shortestTry = 50 * time.Millisecond

// WithDefaults returns o with what is unset taken from d, and without a
// ShouldRetry: that is the business of each operation. A MaxRetryDelay below
// zero is no limit, as in azcore.
func WithDefaults(o, d policy.RetryOptions) policy.RetryOptions {
	o.ShouldRetry = nil
	o.MaxRetries = cmp.Or(o.MaxRetries, d.MaxRetries)
	o.TryTimeout = cmp.Or(o.TryTimeout, d.TryTimeout)
	o.RetryDelay = cmp.Or(o.RetryDelay, d.RetryDelay)
	o.MaxRetryDelay = cmp.Or(o.MaxRetryDelay, d.MaxRetryDelay)
	if o.MaxRetryDelay < 0 {
		o.MaxRetryDelay = math.MaxInt64
	}
	if o.StatusCodes == nil {
		o.StatusCodes = []int{
			http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}
	}
	return o
}

// WithPatience makes azcore's retry policy look at the deadline of ctx. On its
// own the policy sleeps until the deadline and then reports nothing but the
// deadline; here it gives up as soon as the wait and another try would not
// fit, so that the caller has the answer, and its Retry-After, at once. Nor is
// an answer asked for again that was too long.
//
// Where o.ShouldRetry is set, it can only forbid a retry: OnlyIfUnserved does.
func WithPatience(ctx context.Context, o policy.RetryOptions) context.Context {
	tries, may := 0, o.ShouldRetry
	o.ShouldRetry = func(resp *http.Response, err error) bool {
		tries++
		if _, endless := errors.AsType[*http.MaxBytesError](err); endless || may != nil && !may(resp, err) {
			return false
		}
		if err == nil && !runtime.HasStatusCode(resp, o.StatusCodes...) {
			return false
		}
		wait, told := RetryAfter(resp, time.Now())
		if !told {
			wait = longestBackoff(o, tries)
		}
		if wait > o.MaxRetryDelay {
			return false
		}
		deadline, limited := ctx.Deadline()
		return !limited || time.Until(deadline) >= wait+shortestTry
	}
	return policy.WithRetryOptions(ctx, o)
}

// OnlyIfUnserved is a ShouldRetry for calls that are not idempotent: it lets a
// call be repeated only where the service did not take it, because no
// connection came about or because it was throttled. After a lost answer or a
// 5xx nobody knows.
func OnlyIfUnserved(resp *http.Response, err error) bool {
	if err != nil {
		return IsDial(err)
	}
	return resp.StatusCode == http.StatusTooManyRequests
}

// longestBackoff is the most that azcore waits after so many tries: the delay
// doubles, and its jitter adds up to three tenths.
func longestBackoff(o policy.RetryOptions, tries int) time.Duration {
	delay := float64(max(o.RetryDelay, 0)) * (math.Exp2(float64(tries)) - 1) * 1.3
	return time.Duration(min(delay, float64(o.MaxRetryDelay)))
}

// RetryAfter reads when the service wants to be asked again, from the headers
// that azcore honours, in its order: two in milliseconds, then Retry-After in
// seconds or as a date (RFC 9110, section 10.2.3).
func RetryAfter(resp *http.Response, now time.Time) (wait time.Duration, told bool) {
	if resp == nil {
		return 0, false
	}
	for _, header := range []string{"retry-after-ms", "x-ms-retry-after-ms"} {
		if wait, told = count(resp.Header.Get(header), time.Millisecond); told {
			return wait, true
		}
	}
	value := resp.Header.Get("Retry-After")
	if wait, told = count(value, time.Second); told {
		return wait, true
	}
	if date, err := http.ParseTime(value); err == nil && date.After(now) {
		return date.Sub(now), true
	}
	return 0, false
}

// count reads a positive number of units, of which it believes a day's worth
// at most: a Duration cannot hold every number that a header can.
func count(value string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n <= 0 {
		return 0, false
	}
	return time.Duration(min(n, int64(24*time.Hour/unit))) * unit, true
}
