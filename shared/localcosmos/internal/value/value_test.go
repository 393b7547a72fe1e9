package value_test

import (
	"encoding/json"
	"testing"

	"switchboard/shared/localcosmos/internal/value"
)

// FuzzParse: what Parse takes is JSON for encoding/json too, and reading and
// writing it again changes nothing.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e-7,"\ud83d\ude00\u0000",null,true,{}]}`, ` [ ] `, `"\ud800"`, `1e400`, `{"a":1,"a":2}`, `-0`, `1e21`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := value.Parse(text)
		if err != nil {
			return
		}
		written := value.Append(nil, v)
		if !json.Valid(text) || !json.Valid(written) {
			t.Fatalf("%q was read and written as %q", text, written)
		}
		again, err := value.Parse(written)
		if err != nil || !value.Equal(v, again) || string(value.Append(nil, again)) != string(written) {
			t.Errorf("%q became %q, %v", text, written, err)
		}
	})
}
