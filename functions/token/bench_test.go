package token_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"switchboard/shared/hosting"
)

// connections is how many clients ask at the same time.
const connections = 32

// BenchmarkWarmToken compares warm token requests with a bare net/http handler
// that answers a constant of the same size, over loopback. Clients are as cheap
// as can be, so that the servers' cost is what is compared:
//
//	go test -run '^$' -bench WarmToken -benchtime 3s ./functions/token
//
// With -benchtime 1000000x it shows that memory is steady: heap-MB-begin is
// what is in use after the first ten thousand requests, heap-MB-end after the last.
func BenchmarkWarmToken(b *testing.B) {
	hosting.Tune(os.Getenv) // as in production
	bed := bed(b, map[string]string{})
	url := bed.StartWith(slog.LevelInfo) // as in production
	ada := bed.As("ada").At(url)
	body := ada.Get("/api/token").Want(http.StatusOK).Body
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}))
	b.Cleanup(bare.Close)
	b.Run("bare", func(b *testing.B) { hammer(b, bare.URL, ada.Token, b.N) })
	b.Run("token", func(b *testing.B) {
		hammer(b, url, ada.Token, 10_000)
		begin := heap()
		hammer(b, url, ada.Token, b.N)
		b.StopTimer()
		b.ReportMetric(begin, "heap-MB-begin")
		b.ReportMetric(heap(), "heap-MB-end")
	})
}

// heap is the memory in use, in megabytes.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse) / 1e6
}

// hammer sends n requests over connections that stay open.
func hammer(b *testing.B, url, token string, n int) {
	host := strings.TrimPrefix(url, "http://")
	request := []byte("GET /api/token HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + token + "\r\n\r\n")
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	b.ResetTimer()
	for range connections {
		all.Go(func() {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for left.Add(-1) >= 0 {
				if err := exchange(conn, answers, request); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "requests/s")
}

// exchange sends a request and reads its answer to the end.
func exchange(conn net.Conn, answers *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	lines := textproto.NewReader(answers)
	status, err := lines.ReadLine()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200") {
		return fmt.Errorf("%s", status)
	}
	length := -1
	for {
		line, err := lines.ReadLineBytes()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if name, value, _ := strings.Cut(string(line), ": "); name == "Content-Length" {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without a length")
	}
	_, err = io.CopyN(io.Discard, answers, int64(length))
	return err
}
