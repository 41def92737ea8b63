// A charge point made of ocpp-rpc in strict mode: it checks every message, ours too, against its own
// schemas, and ends the link over the first that does not fit. One whole session; then it prints what it was told.
//
//     node rpc_charge_point.cjs URL IDENTITY PASSWORD

const { RPCClient } = require("ocpp-rpc");

const [endpoint, identity, password] = process.argv.slice(2);
const day = "2026-03-01T";

const sample = (measurand, value, unit, more = {}) => ({ measurand, value, unit, ...more });

const readings = (time, energy, watts, amperes, volts) => ({
  timestamp: day + time,
  sampledValue: [
    sample("Energy.Active.Import.Register", energy, "kWh"),
    sample("Power.Active.Import", watts, "W"),
    ...amperes.map((value, i) => sample("Current.Import", value, "A", { phase: `L${i + 1}` })),
    ...volts.map((value, i) => sample("Voltage", value, "V", { phase: `L${i + 1}-N` })),
  ],
});

const register = (time, energy, context) => ({
  timestamp: day + time,
  sampledValue: [sample("Energy.Active.Import.Register", energy, "Wh", { context })],
});

async function main() {
  const client = new RPCClient({ endpoint, identity, password, protocols: ["ocpp1.6"], strictMode: true, reconnect: false });
  const broken = [];
  client.on("strictValidationFailure", ({ error }) => broken.push(String(error)));
  client.handle("GetConfiguration", () => ({
    configurationKey: [{ key: "NumberOfConnectors", readonly: true, value: "1" }],
    unknownKey: [],
  }));
  await client.connect();

  const status = (time, connectorId, state) =>
    client.call("StatusNotification", { connectorId, errorCode: "NoError", status: state, timestamp: day + time });

  const boot = await client.call("BootNotification", { chargePointVendor: "ACME", chargePointModel: "One" });
  await status("10:00:00Z", 0, "Available");
  await status("10:00:00Z", 1, "Available");
  const authorize = await client.call("Authorize", { idTag: "TAG-A" });
  await status("10:00:05Z", 1, "Preparing");
  const start = await client.call("StartTransaction", {
    connectorId: 1, idTag: "TAG-A", meterStart: 1000, timestamp: day + "10:00:10Z",
  });
  const { transactionId } = start;
  await status("10:00:11Z", 1, "Charging");
  for (const meterValue of [
    readings("10:01:10Z", "1.115", "6900", ["10", "10.1", "9.9"], ["230", "231.5", "229"]),
    readings("10:02:10Z", "1.2301", "6906.5", ["10.01", "10", "10"], ["230.1", "230.2", "230.3"]),
    readings("10:03:10Z", "1.345", "6900", ["10", "10", "10"], ["230", "230", "230"]),
  ]) {
    await client.call("MeterValues", { connectorId: 1, transactionId, meterValue: [meterValue] });
  }
  await status("10:04:09Z", 1, "Finishing");
  const stop = await client.call("StopTransaction", {
    transactionId, idTag: "TAG-A", meterStop: 1460, timestamp: day + "10:04:10Z", reason: "Local",
    transactionData: [
      register("10:00:10Z", "1000", "Transaction.Begin"),
      register("10:03:40Z", "1403", "Sample.Periodic"),
      register("10:04:10Z", "1460", "Transaction.End"),
    ],
  });
  await status("10:04:12Z", 1, "Available");
  const heartbeat = await client.call("Heartbeat", {});
  await client.close();
  console.log(JSON.stringify({
    boot: boot.status,
    authorize: authorize.idTagInfo.status,
    start: start.idTagInfo.status,
    transactionId,
    stop: stop.idTagInfo.status,
    subprotocol: client.protocol,
    heartbeat: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(heartbeat.currentTime),
    broken,
  }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
