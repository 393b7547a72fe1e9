// Package localcosmos is an embedded store that answers as Azure Cosmos DB
// (API for NoSQL, REST, x-ms-version 2020-11-05) answers, for laptops and
// tests. A client in the same process uses a Store as its transport; others
// talk to it as an http.Handler behind a listener. It is tested with
// azcosmos v1.4.1 and, for what one partition serves, with @azure/cosmos 4.10.
//
// It is strict: what the service refuses it refuses with the same status,
// sub-status and body, so that mistakes show on the laptop. Ids that the
// service takes and cannot read back are refused when they are written, unless
// Options.Lenient is set. It is not a database for production: there is one
// key, one region, and no replica.
//
// # What there is
//
// The account document; databases and containers with their queries and manual
// throughput, which Options.Throttle enforces with 429; partition keys of
// version 1 and 2 and hierarchical ones; default TTL; indexing policies, as far
// as they decide which ORDER BY is refused; unique keys. Items: create, upsert,
// replace, read, patch with condition, delete, If-Match, If-None-Match;
// transactional batches; queries (see internal/query) with continuations;
// lists; the change feed in latest version mode, of a partition or a container;
// time to live. Key signatures are verified, Microsoft Entra tokens by
// Options.VerifyBearer.
//
// Store.Pump calls a handler with a container's changes, as Azure Functions'
// Cosmos DB trigger would. Options.Fault breaks requests on demand: a status, a
// delay, a connection that is cut before or after the work.
//
// # Storage
//
// One bbolt file, or one without a name that is never synced. A write is
// answered after its commit is on disk; requests that wait for the disk
// together share a commit. Readers see committed snapshots. A batch is one
// commit. A file serves one process.
//
// # Limits
//
//   - Absent, and answered with a 400 that names it: the change feed with all
//     versions and deletes, autoscale throughput, stored procedures, triggers,
//     user-defined functions, users and permissions, bulk (batches that are not
//     atomic), query plans, ranges of hashed keys (so also the change feed of a
//     part of a hierarchical key), JOIN, GROUP BY, subqueries, methods, computed
//     properties, vector, spatial and full-text search.
//   - Without throughput of its own or its database's a container has none and
//     no limit, as in a serverless account. Throttling measures items only, by
//     estimated charges, and lets a request overdraw its second.
//   - Queries look at every item of their partition: 100,000 items of 1 KB take
//     seconds. ORDER BY sorts in memory what WHERE kept. Without ORDER BY items
//     come by id, with DISTINCT by value: the service promises neither. Parsed
//     items are kept for the next query, up to 8,192 of up to 4 KB.
//   - A container has one physical partition, and one partition key range that
//     never splits: the service spreads a query across partitions over more
//     pages.
//   - The change feed has no index: to find what is new every record of the
//     container is looked at, which takes about 10 ms for 100,000.
//   - Unique keys are indexed in memory, by the first write to the container.
//   - Numbers are doubles, as in the service: 9007199254740993 reads back as
//     9007199254740992. Objects in which a name occurs twice are refused.
//   - NOT before a comparison without parentheses is refused, because the
//     service and its readers understand it differently.
//   - Half a surrogate pair, \ud800 alone, is refused in texts.
//   - Request charges are estimates, marked by the header x-localcosmos-charge.
//     There are no 449 or 403/3 answers but those that Options.Fault asks for.
//   - A pump has one lease for its container and makes one call at a time: the
//     trigger has one per partition key range, and calls for each at once. Its
//     leases are items of this store's own form.
//   - Every request sees the latest commit, whatever consistency it asks for.
//     Session tokens count a container's commits; a read with a token of more
//     commits than there were is answered with 404/1002.
//   - Expired items are gone at once for all requests. Once a minute they leave
//     the file; writes wait while that looks through a container with time to live,
//     about 10 ms for 100,000 items.
//   - Signatures are checked by the machine's clock, everything else goes by
//     Options.Now.
//   - A file of bbolt takes about twice the space of its items and does not
//     shrink.
package localcosmos
