package seal

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// maxVersions is how many versions of the secret make up the ring: the newest
// seals, the older ones open what is still stored. A sealed token lives a day.
const maxVersions = 3

// Vault is a Source in Azure Key Vault: one secret whose enabled versions are
// the keys, each the base64 of 32 bytes. Setting a new version rotates the key
// everywhere within minutes; disabling a version retires it.
type Vault struct {
	client *azsecrets.Client
	name   string
}

// NewVault reads a secret by its URL, https://<vault>.vault.azure.net/secrets/<name>.
// It makes no request yet.
func NewVault(secretURL string, cred azcore.TokenCredential, opts *azsecrets.ClientOptions) (*Vault, error) {
	u, err := url.Parse(secretURL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("a secret's URL is expected, https://<vault>.vault.azure.net/secrets/<name>")
	}
	name, found := strings.CutPrefix(strings.TrimSuffix(u.Path, "/"), "/secrets/")
	if !found || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("the path of a secret's URL is /secrets/<name>, without a version")
	}
	client, err := azsecrets.NewClient("https://"+u.Host, cred, opts)
	return &Vault{client: client, name: name}, err
}

// Keys lists the secret's versions and reads the newest ones.
func (v *Vault) Keys(ctx context.Context) ([]Key, error) {
	versions, err := v.versions(ctx)
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, id := range versions {
		secret, err := v.client.GetSecret(ctx, v.name, id, nil)
		if err != nil {
			return nil, err
		}
		if secret.Value == nil {
			return nil, fmt.Errorf("version %s of the secret has no value", id)
		}
		raw, err := base64.StdEncoding.DecodeString(*secret.Value)
		if err != nil {
			return nil, fmt.Errorf("version %s of the secret is not base64", id)
		}
		keys = append(keys, Key{ID: id, Secret: raw})
	}
	return keys, nil
}

// versions returns the ids of the enabled versions, newest first.
func (v *Vault) versions(ctx context.Context) ([]string, error) {
	var found []*azsecrets.SecretProperties
	for pager := v.client.NewListSecretPropertiesVersionsPager(v.name, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Value {
			if p.ID != nil && p.Attributes != nil && p.Attributes.Created != nil && p.Attributes.Enabled != nil && *p.Attributes.Enabled {
				found = append(found, p)
			}
		}
	}
	slices.SortFunc(found, func(a, b *azsecrets.SecretProperties) int {
		return b.Attributes.Created.Compare(*a.Attributes.Created)
	})
	var ids []string
	for _, p := range found[:min(len(found), maxVersions)] {
		ids = append(ids, p.ID.Version())
	}
	return ids, nil
}
