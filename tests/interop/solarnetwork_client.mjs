// Asks a server with SolarNetwork's own JavaScript library, as a program that was written for SolarNetwork does.
//
//     node solarnetwork_client.mjs HOST PORT TOKEN_ID SECRET
//
// Only host and token differ from what it would ask data.solarnetwork.net. Prints what it was told, as JSON.

import { Aggregations, DatumFilter, DatumReadingTypes, InstructionStates, Pagination, SortDescriptor } from "solarnetwork-api-core/lib/domain";
import { AuthorizationV2Builder, Environment, HttpMethod, SolarQueryApi, SolarUserApi } from "solarnetwork-api-core/lib/net";

const [host, port, tokenId, secret] = process.argv.slice(2);
const environment = new Environment({ protocol: "http", host, port: Number(port) });
const query = new SolarQueryApi(environment);
const user = new SolarUserApi(environment);
const auth = new AuthorizationV2Builder(tokenId, environment);
auth.saveSigningKey(secret);

async function ask(url, { method = HttpMethod.GET, body } = {}) {
  auth.reset().method(method).snDate(true).url(url);
  const headers = {};
  if (body !== undefined) {
    headers["Content-Type"] = "application/json; charset=utf-8";
    auth.contentType(headers["Content-Type"]).computeContentDigest(body);
    headers.Digest = auth.httpHeaders.firstValue("Digest");
  }
  headers["X-SN-Date"] = auth.requestDateHeaderValue;
  headers.Authorization = auth.buildWithSavedKey();
  const answer = await fetch(url, { method, headers, body });
  return { status: answer.status, ...(await answer.json()) };
}

const filter = new DatumFilter();
filter.nodeId = 1;
filter.sourceIds = ["/ocpp/cp/CP001/*/Outlet", "/ocpp/cp/É +&=(x)/**"];
filter.startDate = new Date("2026-03-01T00:00:00Z");
filter.endDate = new Date("2026-03-02T00:00:00Z");
const newest = [new SortDescriptor("created", true)];
const told = {};
told.nodes = await ask(query.listAllNodeIdsUrl());
told.sources = await ask(query.findSourcesUrl(filter));
told.datums = await ask(query.listDatumUrl(filter, newest, new Pagination(2)));
filter.aggregation = Aggregations.Hour;
told.hours = await ask(query.listDatumUrl(filter));
filter.aggregation = undefined;
told.reading = await ask(query.datumReadingUrl(DatumReadingTypes.Difference, filter));
const ocpp = `${user.baseUrl()}/user/ocpp`;
told.made = await ask(`${ocpp}/authorizations`, {
  method: HttpMethod.POST,
  body: JSON.stringify({ userId: 1, token: "ÄBC 123" }),
});
told.chargers = await ask(`${ocpp}/chargers`);
const instruction = (charger, connector) => [
  SolarUserApi.instructionParameter("action", "ChangeAvailability"),
  SolarUserApi.instructionParameter("chargerIdentifier", charger),
  SolarUserApi.instructionParameter("connectorId", String(connector)),
  SolarUserApi.instructionParameter("type", "Inoperative"),
];
const post = { method: HttpMethod.POST };
told.executed = await ask(user.execInstructionUrl("OCPP_v16", instruction("CP001", 1), 1), post);
told.viewed = await ask(user.viewInstructionUrl(told.executed.data.id));
told.queued = await ask(user.queueInstructionUrl("OCPP_v16", instruction("CP002", 2), 1), post);
told.request = await ask(`${user.baseUrl()}/instr/add`, {
  method: HttpMethod.POST,
  body: JSON.stringify(user.queueInstructionRequest("OCPP_v16", instruction("CP002", 3), 1)),
});
told.pending = await ask(user.viewPendingInstructionsUrl(1));
told.active = await ask(user.viewActiveInstructionsUrl(1));
told.takenBack = await ask(user.updateInstructionStateUrl(told.queued.data.id, InstructionStates.Declined), post);
told.declined = await ask(user.viewInstructionUrl(told.queued.data.id));
auth.saveSigningKey(`${secret}x`);
told.forged = await ask(`${ocpp}/chargers`);
console.log(JSON.stringify(told));
