package storage

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
)

// Schema declares the container once, for the infrastructure templates and for
// the local store alike.
type Schema struct {
	Database  string
	Container string
}

// Properties is the container's definition: partitioned by /pk, documents
// expire only when they say so, everything indexed but what is never asked for.
func (s Schema) Properties() azcosmos.ContainerProperties {
	neverByDefault := int32(-1)
	return azcosmos.ContainerProperties{
		ID:                     s.Container,
		DefaultTimeToLive:      &neverByDefault,
		PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{Paths: []string{"/pk"}, Version: 2},
		IndexingPolicy: &azcosmos.IndexingPolicy{
			Automatic:     true,
			IndexingMode:  azcosmos.IndexingModeConsistent,
			IncludedPaths: []azcosmos.IncludedPath{{Path: "/*"}},
			ExcludedPaths: []azcosmos.ExcludedPath{{Path: "/tokens/*"}, {Path: `/"_etag"/?`}},
		},
	}
}

// Config says where the container is. Exactly one of Key and Credential is set.
type Config struct {
	Endpoint   string // https://<account>.documents.azure.com
	Key        string // base64 account key
	Credential azcore.TokenCredential
	Schema     Schema
	Transport  policy.Transporter // nil = HTTP
	NewID      func() string      // makes operation ids
}

// ParseConnectionString reads "AccountEndpoint=…;AccountKey=…;".
func ParseConnectionString(text string) (endpoint, key string, err error) {
	for part := range strings.SplitSeq(text, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); strings.ToLower(name) {
		case "accountendpoint":
			endpoint = value
		case "accountkey":
			key = value
		}
	}
	if _, err := base64.StdEncoding.DecodeString(key); err != nil || endpoint == "" || key == "" {
		return "", "", errors.New("AccountEndpoint=…;AccountKey=… is expected, the key in base64")
	}
	return endpoint, key, nil
}

// Open returns the container. It makes no request.
//
// Retries are few and quick: a caller waits, and the request's deadline bounds
// them all. A Retry-After beyond MaxRetryDelay is left to the caller.
func Open(cfg Config) (*Container, error) {
	opts := &azcosmos.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: cfg.Transport,
		Retry: policy.RetryOptions{
			MaxRetries:    2,
			TryTimeout:    time.Second,
			RetryDelay:    30 * time.Millisecond,
			MaxRetryDelay: 400 * time.Millisecond,
		},
	}}
	client, err := dial(cfg, opts)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	items, err := client.NewContainer(cfg.Schema.Database, cfg.Schema.Container)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return &Container{client: client, items: items, schema: cfg.Schema, newID: cfg.NewID}, nil
}

func dial(cfg Config, opts *azcosmos.ClientOptions) (*azcosmos.Client, error) {
	if cfg.Credential != nil {
		return azcosmos.NewClient(cfg.Endpoint, cfg.Credential, opts)
	}
	key, err := azcosmos.NewKeyCredential(cfg.Key)
	if err != nil {
		return nil, errors.New("the account key is not base64")
	}
	return azcosmos.NewClientWithKey(cfg.Endpoint, key, opts)
}

// Provision makes the database and the container where they are missing. It
// needs the account key: in the cloud the templates make them, since the data
// plane may not with Entra credentials.
func (c *Container) Provision(ctx context.Context) error {
	_, err := c.client.CreateDatabase(ctx, azcosmos.DatabaseProperties{ID: c.schema.Database}, nil)
	if err != nil && status(err) != http.StatusConflict {
		return fmt.Errorf("storage: making the database: %w", err)
	}
	database, err := c.client.NewDatabase(c.schema.Database)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	_, err = database.CreateContainer(ctx, c.schema.Properties(), nil)
	if err != nil && status(err) != http.StatusConflict {
		return fmt.Errorf("storage: making the container: %w", err)
	}
	return nil
}
