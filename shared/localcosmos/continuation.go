package localcosmos

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"switchboard/shared/localcosmos/internal/query"
	"switchboard/shared/localcosmos/internal/value"
)

// maxContinuation bounds a token, which travels in a header.
const maxContinuation = 12 << 10

// position is where a page ended: at which item, and how many results are still
// to be skipped, which is none after the first page, and to be given. Where take
// is below 0 there is no limit.
type position struct {
	rank
	skip, take int
}

// token writes a position as an opaque continuation. It is signed together with
// the query, its partition and its container, so that no other query, and no
// other text, resumes with it.
func (s *Store) token(p position, binding string) (string, error) {
	fields := value.Object{{Name: "key", Value: string(p.key)}, {Name: "take", Value: float64(p.take)}}
	for i, v := range p.sort {
		fields = append(fields, value.Member{Name: strconv.Itoa(i), Value: v}) // left out if it is Undefined
	}
	token := base64.RawURLEncoding.EncodeToString(s.seal(value.Append(nil, fields), binding))
	if len(token) > maxContinuation {
		return "", unsupported("pages that end at ORDER BY values of more than 8 KB")
	}
	return token, nil
}

// position reads a continuation; without one it is the start of the query.
func (s *Store) position(token, binding string, q *query.Query) (position, error) {
	if token == "" {
		return position{skip: q.Skip, take: q.Take}, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	payload := sealed[min(sha256.Size, len(sealed)):]
	if err != nil || !hmac.Equal(sealed, s.seal(payload, binding)) {
		return position{}, badRequest("The continuation token is invalid, or is another query's, partition's or container's.")
	}
	fields, err := parseObject(payload)
	take, _ := fields.Get("take").(float64)
	p := position{rank: rank{key: []byte(property(fields, "key"))}, take: int(take)}
	for i := range len(q.Keys(nil)) {
		p.sort = append(p.sort, fields.Get(strconv.Itoa(i)))
	}
	return p, err
}

// seal puts before a payload its signature.
func (s *Store) seal(payload []byte, binding string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte("continuation\x00" + binding + "\x00"))
	mac.Write(payload)
	return append(mac.Sum(nil), payload...)
}
