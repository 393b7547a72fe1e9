// What an application does with @microsoft/microsoft-graph-client, against the
// address in argv. Every expectation is the client's documented behaviour
// ("Microsoft Graph JavaScript Client Library", README and docs). Prints "done"
// at the end.
"use strict";
const assert = require("node:assert/strict");
const { Client, PageIterator, ResponseType } = require("@microsoft/microsoft-graph-client");

const [, , address, token, organizer, attendee, webhook] = process.argv;
const client = Client.init({
  baseUrl: address + "/",
  customHosts: new Set([new URL(address).hostname]),
  authProvider: (done) => done(null, token),
});
const meetings = `/users/${organizer}/onlineMeetings`;

async function failure(promise) {
  return promise.then(() => assert.fail("it should have failed"), (error) => error);
}

async function createOrGet() {
  const body = { externalId: "js", subject: "From JavaScript" };
  const raw = () => client.api(meetings + "/createOrGet").responseType(ResponseType.RAW).post(body);
  assert.equal((await raw()).status, 201);
  const again = await raw();
  assert.equal(again.status, 200);
  const meeting = await again.json();
  const changed = await client.api(`${meetings}/${meeting.id}`)
    .header("Prefer", "include-unknown-enum-members")
    .patch({ lobbyBypassSettings: { scope: "invited" } });
  assert.equal(changed.lobbyBypassSettings.scope, "invited");
  return meeting;
}

async function filters(meeting) {
  const link = encodeURIComponent(meeting.joinWebUrl);
  const byLink = await client.api(meetings).filter(`JoinWebUrl eq '${link}'`).get();
  assert.deepEqual(byLink.value.map((m) => m.id), [meeting.id]);
  const stranger = client.api(`/users/${attendee}/onlineMeetings`).filter(`JoinWebUrl eq '${link}'`);
  const error = await failure(stranger.get());
  assert.equal(error.statusCode, 404);
  assert.equal(error.code, "NotFound");
  assert.ok(error.requestId);
  assert.equal(JSON.parse(error.body).message, error.message);
}

async function calendar() {
  const at = (hour) => ({ dateTime: `2026-11-22T${hour}:00:00`, timeZone: "UTC" });
  for (const hour of ["09", "11", "13"]) {
    const event = { subject: hour, start: at(hour), end: at(hour), isOnlineMeeting: true, transactionId: hour };
    const made = await client.api(`/users/${organizer}/events`).post(event);
    assert.ok(made.onlineMeeting.joinUrl.startsWith("https://teams.microsoft.com/"));
  }
  const view = () => client.api(`/users/${organizer}/calendarView`)
    .query({ startDateTime: "2026-11-22T00:00:00Z", endDateTime: "2026-11-23T00:00:00Z" });
  const first = await view().header("Prefer", 'outlook.timezone="Europe/Berlin"').top(2)
    .select("subject,start,isOnlineMeeting,onlineMeeting").orderby("start/dateTime").get();
  assert.equal(first.value[0].start.dateTime, "2026-11-22T10:00:00.0000000");
  const subjects = [];
  await new PageIterator(client, first, (event) => subjects.push(event.subject)).iterate();
  assert.deepEqual(subjects, ["09", "11", "13"]);
  const error = await failure(view().filter("isOnlineMeeting eq true").get());
  assert.deepEqual([error.statusCode, error.code], [400, "ErrorInvalidProperty"]);
}

async function subscription() {
  const made = await client.api("/subscriptions").post({
    changeType: "created", notificationUrl: webhook, resource: `users/${organizer}/events`,
    expirationDateTime: "2026-11-23T00:00:00Z", clientState: "js",
  });
  const path = "/subscriptions/" + made.id;
  const renewed = await client.api(path).patch({ expirationDateTime: "2026-11-24T00:00:00Z" });
  assert.equal(renewed.expirationDateTime, "2026-11-24T00:00:00Z");
  await client.api(path).delete();
  assert.equal((await failure(client.api(path).get())).statusCode, 404);
}

(async () => {
  const meeting = await createOrGet(); // its first request is throttled, and repeated
  await filters(meeting);
  await calendar();
  await subscription();
  await client.api(`${meetings}/${meeting.id}`).delete();
  console.log("done");
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
