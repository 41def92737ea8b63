// A charge point made of ocpp-rpc in strict mode that answers every action as orders.json says, until it is killed.
//
//     node rpc_told.cjs 'ws://... without the identity' IDENTITY PASSWORD

const { RPCClient } = require("ocpp-rpc");
const orders = require("./orders.json");

async function main([endpoint, identity, password]) {
  const client = new RPCClient({
    endpoint, identity, password, protocols: ["ocpp1.6"], strictMode: true, reconnect: false,
  });
  client.on("strictValidationFailure", ({ error }) => console.error(String(error), JSON.stringify(error.details)));
  for (const [action, [, answer]] of Object.entries(orders)) client.handle(action, () => answer);
  await client.connect();
  await client.call("BootNotification", { chargePointVendor: "ACME", chargePointModel: "One" });
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
