// What an application does with @azure/cosmos, against the address in argv.
// Every expectation is the SDK's documented behaviour ("@azure/cosmos", README
// and API reference). Prints "done" at the end.
"use strict";
const assert = require("node:assert/strict");
const { CosmosClient, ChangeFeedStartFrom } = require("@azure/cosmos");

const client = new CosmosClient({ endpoint: process.argv[2], key: process.argv[3] });

async function status(promise) {
  return promise.then((r) => r.statusCode ?? r.code, (error) => error.code);
}

async function crud(items) {
  const { container } = items;
  const created = await items.create({ id: "ada", pk: "a", n: 1 });
  assert.equal(created.statusCode, 201);
  assert.equal(await status(items.create({ id: "ada", pk: "a" })), 409);
  const ada = container.item("ada", "a");
  assert.equal((await ada.read()).resource.n, 1);
  assert.equal((await container.item("none", "a").read()).statusCode, 404);
  const replaced = await ada.replace({ id: "ada", pk: "a", n: 2 });
  assert.equal(replaced.resource.n, 2);
  const stale = { accessCondition: { type: "IfMatch", condition: created.etag } };
  assert.equal(await status(ada.replace({ id: "ada", pk: "a", n: 9 }, stale)), 412);
  assert.equal((await items.upsert({ id: "bob", pk: "a", n: 5 })).statusCode, 201);
  assert.equal((await container.item("bob", "a").delete()).statusCode, 204);
}

async function patch(container) {
  const ada = container.item("ada", "a");
  const list = [{ op: "add", path: "/tags", value: ["x"] }, { op: "incr", path: "/n", value: 3 }];
  assert.deepEqual((await ada.patch(list)).resource.tags, ["x"]);
  const condition = "from c where c.n = 5";
  const operations = [{ op: "set", path: "/n", value: 6 }];
  assert.equal((await ada.patch({ condition, operations })).resource.n, 6);
  assert.equal(await status(ada.patch({ condition, operations })), 412);
}

async function batch(items) {
  const good = await items.batch([
    { operationType: "Create", resourceBody: { id: "1", pk: "b", n: 1 } },
    { operationType: "Patch", id: "1", resourceBody: { operations: [{ op: "incr", path: "/n", value: 2 }] } },
    { operationType: "Upsert", resourceBody: { id: "2", pk: "b", n: 2 } },
    { operationType: "Read", id: "1" },
  ], "b");
  assert.deepEqual(good.result.map((r) => r.statusCode), [201, 200, 201, 200]);
  assert.equal(good.result[3].resourceBody.n, 3);
  const bad = await items.batch([
    { operationType: "Delete", id: "1" },
    { operationType: "Create", resourceBody: { id: "2", pk: "b" } },
  ], "b");
  assert.equal(bad.code, 207);
  assert.deepEqual(bad.result.map((r) => r.statusCode), [424, 409]);
}

async function query(items) {
  for (const n of [3, 4, 5]) await items.create({ id: String(n), pk: "b", n: n * 10 });
  const spec = {
    query: "SELECT VALUE c.n FROM c WHERE c.n > @min ORDER BY c.n DESC",
    parameters: [{ name: "@min", value: 2 }],
  };
  const pages = [];
  const iterator = items.query(spec, { partitionKey: "b", maxItemCount: 2 });
  while (iterator.hasMoreResults()) pages.push((await iterator.fetchNext()).resources);
  assert.deepEqual(pages.flat(), [50, 40, 30, 3]);
  assert.ok(pages.length > 1);
  assert.equal((await items.readAll().fetchAll()).resources.length, 6);
}

async function changes(items, options) {
  const seen = [];
  const iterator = items.getChangeFeedIterator({ maxItemCount: 2, ...options });
  for (;;) {
    const page = await iterator.readNext();
    if (page.statusCode === 304) return { seen, continuation: page.continuationToken };
    seen.push(...page.result.map((item) => item.id));
  }
}

async function changeFeed(items) {
  const all = await changes(items, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning() });
  assert.deepEqual(all.seen, ["ada", "1", "2", "3", "4", "5"]);
  const one = await changes(items, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning("a") });
  assert.deepEqual(one.seen, ["ada"]);
  await items.upsert({ id: "ada", pk: "a", n: 100 });
  for (const { continuation } of [all, one]) {
    const later = await changes(items, { changeFeedStartFrom: ChangeFeedStartFrom.Continuation(continuation) });
    assert.deepEqual(later.seen, ["ada"]);
  }
}

async function main() {
  const { database } = await client.databases.createIfNotExists({ id: "app" });
  const { container } = await database.containers.createIfNotExists({ id: "main", partitionKey: { paths: ["/pk"] } });
  await crud(container.items);
  await patch(container);
  await batch(container.items);
  await query(container.items);
  await changeFeed(container.items);
  await database.delete();
  client.dispose();
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
