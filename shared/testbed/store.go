package testbed

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/storage"
)

// Stored returns the documents in the store that a query finds, whichever
// partition they are in. The query may not sort or aggregate.
func (b *Bed) Stored(query string) []json.RawMessage {
	b.t.Helper()
	docs, err := b.stored(query)
	if err != nil {
		b.t.Fatal(err)
	}
	return docs
}

func (b *Bed) stored(query string) (docs []json.RawMessage, err error) {
	key, err := azcosmos.NewKeyCredential(b.Cloud.Cosmos.Key())
	if err != nil {
		return nil, err
	}
	opts := &azcosmos.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: b.Cloud.Cosmos}}
	client, err := azcosmos.NewClientWithKey("https://cosmos.localhost", key, opts)
	if err != nil {
		return nil, err
	}
	container, err := client.NewContainer("switchboard", "main")
	if err != nil {
		return nil, err
	}
	for pager := container.NewQueryItemsPager(query, azcosmos.NewPartitionKey(), nil); pager.More(); {
		page, err := pager.NextPage(b.t.Context())
		if err != nil {
			return nil, err
		}
		for _, doc := range page.Items {
			docs = append(docs, doc)
		}
	}
	return docs, nil
}

// Store is the container of the functions, for tests that fill it themselves.
func (b *Bed) Store() *storage.Container {
	b.t.Helper()
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: b.Cloud.Cosmos.Key(), Transport: b.Cloud.Cosmos, NewID: rand.Text,
		Schema: storage.Schema{Database: "switchboard", Container: "main"},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return store
}

// Drain waits until the outbox is empty: everybody has heard of everything.
func (b *Bed) Drain() {
	b.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); len(b.Stored(`SELECT c.id FROM c WHERE c.type = "outbox"`)) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("the outbox never gets empty")
		}
	}
}
