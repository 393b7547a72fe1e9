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
	undefined := []any{}
	for i, v := range p.sort {
		if value.IsUndefined(v) {
			undefined = append(undefined, float64(i))
			v = nil
		}
		p.sort[i] = v
	}
	payload := value.Append(nil, []any{p.sort, undefined, p.key, float64(p.skip), float64(p.take)})
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
	if err != nil || !ok || len(fields) != 5 {
		return nil, invalidContinuation()
	}
	p := &position{}
	p.sort, _ = fields[0].([]any)
	undefined, _ := fields[1].([]any)
	for _, i := range undefined {
		p.sort[int(i.(float64))] = value.Undefined{}
	}
	p.key, _ = fields[2].(string)
	skip, _ := fields[3].(float64)
	take, _ := fields[4].(float64)
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
