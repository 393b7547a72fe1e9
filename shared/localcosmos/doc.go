// Package localcosmos is an embedded store that speaks Azure Cosmos DB's REST
// protocol (API for NoSQL, x-ms-version 2020-11-05), for development and tests.
package localcosmos
