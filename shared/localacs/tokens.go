package localacs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// scp is the same in all tokens of ACS, whatever their scopes.
const scp = 1792

// claims are those of an ACS user token, which has no iss, aud or sub.
type claims struct {
	SkypeID          string `json:"skypeid"` // the identity without its "8:"
	SCP              int    `json:"scp"`
	CSI              string `json:"csi"` // iat, as text
	Region           string `json:"rgn"`
	Scope            string `json:"acsScope"` // joined by comma, in the order asked for
	ResourceID       string `json:"resourceId"`
	ResourceLocation string `json:"resourceLocation"`
	jwt.RegisteredClaims
}

// Access is what a valid token allows.
type Access struct {
	Identity  string // "8:acs:…", or "8:orgid:…" for a Teams user
	Scopes    []string
	ExpiresOn time.Time
}

// Validate checks a token as calling and chat would: its signature and expiry,
// and that its identity exists and had no revocation since.
func (s *Service) Validate(token string) (Access, error) {
	key, err := s.signer()
	if err != nil {
		return Access{}, err
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return &key.private.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now))
	if err != nil {
		return Access{}, err
	}
	access := Access{Identity: "8:" + c.SkypeID, Scopes: strings.Split(c.Scope, ","), ExpiresOn: c.ExpiresAt.UTC()}
	if strings.HasPrefix(c.SkypeID, "orgid:") {
		return access, nil
	}
	revoked, ok := s.state.revoked(access.Identity)
	if !ok {
		return Access{}, errors.New("localacs: the identity does not exist")
	}
	if c.IssuedAt == nil || c.IssuedAt.Unix() <= revoked {
		return Access{}, errors.New("localacs: the token was revoked")
	}
	return access, nil
}

// TokenValid reports whether Validate accepts a token.
func (s *Service) TokenValid(token string) bool {
	_, err := s.Validate(token)
	return err == nil
}

// mint makes a token for an identity of this resource.
//
// Tokens are dated in whole seconds, so one issued in the very second of a
// revocation is dated one second later: it must outlive the revocation that
// ends its predecessors.
func (s *Service) mint(id string, scopes []string, life time.Duration) (token string, expires time.Time, err error) {
	issued := s.now()
	if revoked, ok := s.state.revoked(id); ok && issued.Unix() <= revoked {
		issued = time.Unix(revoked+1, 0)
	}
	expires = issued.Add(life)
	token, err = s.sign(claims{SkypeID: strings.TrimPrefix(id, "8:"), Scope: strings.Join(scopes, ",")}, issued, expires)
	return token, expires, err
}

// sign fills in the claims that all tokens share.
func (s *Service) sign(c claims, issued, expires time.Time) (string, error) {
	key, err := s.signer()
	if err != nil {
		return "", err
	}
	c.SCP = scp
	c.CSI = strconv.FormatInt(issued.Unix(), 10)
	c.Region, c.ResourceLocation = "amer", "unitedstates"
	c.ResourceID = s.resourceID
	c.IssuedAt, c.ExpiresAt = jwt.NewNumericDate(issued), jwt.NewNumericDate(expires)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
	token.Header["kid"], token.Header["x5t"] = key.kid, key.x5t
	return token.SignedString(key.private)
}

// signer is the key that signs user tokens, with its names. ACS names the
// certificate of the key; here they name the public key.
type signer struct {
	private  *rsa.PrivateKey
	kid, x5t string // the same SHA-1, in upper hexadecimal and in base64url
}

// loadSigner takes the key that is given or kept, or makes one.
func loadSigner(st *state, given *rsa.PrivateKey) (*signer, error) {
	key := given
	if key == nil {
		var err error
		if key, err = keptKey(st); err != nil {
			return nil, err
		}
	}
	sum := sha1.Sum(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	return &signer{key, fmt.Sprintf("%X", sum), base64.RawURLEncoding.EncodeToString(sum[:])}, nil
}

func keptKey(st *state) (*rsa.PrivateKey, error) {
	text, err := st.setting("signingKey", func() (string, error) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return "", err
		}
		return base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key)), nil
	})
	if err != nil {
		return nil, err
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("localacs: the kept signing key: %w", err)
	}
	return x509.ParsePKCS1PrivateKey(der)
}
