package localcosmos_test

import (
	"context"
	"fmt"
	"log"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"switchboard/shared/localcosmos"
)

// The store is the client's transport: no port, no process, no account.
func Example() {
	store, err := localcosmos.Open(localcosmos.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	key, _ := azcosmos.NewKeyCredential(store.Key())
	client, _ := azcosmos.NewClientWithKey("http://cosmos.local", key,
		&azcosmos.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: store}})

	ctx := context.Background()
	_, _ = client.CreateDatabase(ctx, azcosmos.DatabaseProperties{ID: "app"}, nil)
	database, _ := client.NewDatabase("app")
	_, _ = database.CreateContainer(ctx, azcosmos.ContainerProperties{ID: "main",
		PartitionKeyDefinition: azcosmos.PartitionKeyDefinition{Paths: []string{"/pk"}, Version: 2}}, nil)
	items, _ := database.NewContainer("main")
	ada := azcosmos.NewPartitionKeyString("ada")
	if _, err := items.CreateItem(ctx, ada, []byte(`{"id":"user","pk":"ada","name":"Ada"}`), nil); err != nil {
		log.Fatal(err)
	}
	page, err := items.NewQueryItemsPager("SELECT VALUE c.name FROM c WHERE c.id = 'user'", ada, nil).NextPage(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", page.Items[0])
	// Output: "Ada"
}
