package localcosmos

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"switchboard/shared/localcosmos/internal/value"
)

// maxContinuation bounds a token, which travels in a header.
const maxContinuation = 12 << 10

// sealContinuation writes a position as an opaque token. It is signed together
// with the query, its partition and its container, so that no other query, and
// no other text, resumes with it.
func (s *Store) sealContinuation(p position, binding string) (string, error) {
	// Each sort key in a list of its own, which is empty for Undefined.
	keys := make([]any, len(p.sort))
	for i, v := range p.sort {
		keys[i] = []any{v}
	}
	payload := value.Append(nil, []any{keys, p.key, float64(p.skip), float64(p.take)})
	token := base64.RawURLEncoding.EncodeToString(append(s.bind(payload, binding), payload...))
	if len(token) > maxContinuation {
		return "", unsupported("pages that end at ORDER BY values of more than 8 KB")
	}
	return token, nil
}

// openContinuation gives nil for the first page.
func (s *Store) openContinuation(token, binding string) (*position, error) {
	if token == "" {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(sealed) < sha256.Size {
		return nil, invalidContinuation()
	}
	mac, payload := sealed[:sha256.Size], sealed[sha256.Size:]
	if !hmac.Equal(mac, s.bind(payload, binding)) {
		return nil, invalidContinuation()
	}
	// What the store signed has the form that it wrote.
	v, err := value.Parse(payload)
	fields, ok := v.([]any)
	if err != nil || !ok || len(fields) != 4 {
		return nil, invalidContinuation()
	}
	p := &position{}
	keys, _ := fields[0].([]any)
	for _, key := range keys {
		if list, _ := key.([]any); len(list) == 1 {
			p.sort = append(p.sort, list[0])
		} else {
			p.sort = append(p.sort, value.Undefined{})
		}
	}
	p.key, _ = fields[1].(string)
	skip, _ := fields[2].(float64)
	take, _ := fields[3].(float64)
	p.skip, p.take = int(skip), int(take)
	return p, nil
}

func invalidContinuation() *failure {
	return badRequest("The continuation token is invalid, or belongs to another query, partition or container.")
}

func (s *Store) bind(payload []byte, binding string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte("continuation\x00" + binding + "\x00"))
	mac.Write(payload)
	return mac.Sum(nil)
}
