// Boots a charge point made of ocpp-rpc in strict mode at each URL, and prints what it was told.
//
//     node rpc_boots.cjs '[["ws://... without the identity", "IDENTITY", "PASSWORD or null"], ...]'

const { RPCClient } = require("ocpp-rpc");

async function boot([endpoint, identity, password]) {
  const client = new RPCClient({
    endpoint, identity, password: password ?? undefined, protocols: ["ocpp1.6"], strictMode: true, reconnect: false,
  });
  client.handle("GetConfiguration", () => ({ configurationKey: [], unknownKey: ["NumberOfConnectors"] }));
  await client.connect();
  const told = await client.call("BootNotification", { chargePointVendor: "ACME", chargePointModel: "One" });
  const { protocol } = client;
  await client.close();
  return [protocol, told.status];
}

async function main() {
  const told = [];
  for (const way of JSON.parse(process.argv[2])) told.push(await boot(way));
  console.log(JSON.stringify(told));
}

main().catch((error) => { console.error(error); process.exit(1); });
