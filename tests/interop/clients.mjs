// Other people's clients against a server: `node clients.mjs WHAT '{"url": ..., "key": ...}'` prints what they got.
import { VeniceClient } from "venice-x402-client";
import { x402Client, x402HTTPClient } from "@x402/core/client";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { privateKeyToAccount } from "viem/accounts";
import { createPaymentHeader } from "x402/client";
import { createSigner } from "x402/types";

const VIDEO = { model: "longcat-distilled-text-to-video", prompt: "a wave", duration: "5s", aspect_ratio: "16:9" };
const HEADERS = ["PAYMENT-SIGNATURE", "X-402-Payment", "X-PAYMENT"];

async function attempt(act) {
  try {
    return await act();
  } catch (error) {
    return { error: error.code ?? error.name, message: error.message, details: error.details };
  }
}

async function finished(venice, queue_id, model) {
  for (let polls = 0; polls < 200; polls++) {
    const answer = await venice.video.retrieve({ queue_id, model });
    if (answer instanceof Blob) return { polls, size: answer.size, type: answer.type };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("never finished");
}

async function vendor({ url, key }) {
  const venice = new VeniceClient(key, { apiUrl: url });
  const found = { address: venice.address, before: await venice.getBalance() };
  found.poor = await attempt(() => venice.video.queue(VIDEO));
  found.low = await attempt(() => venice.topUp(1));
  await venice.topUp(10);
  found.told = venice.balance;
  found.models = (await venice.request("/api/v1/models?type=video")).data.length;
  const queued = await venice.video.queue(VIDEO);
  found.left = venice.balance;
  found.video = await finished(venice, queued.queue_id, queued.model);
  found.complete = await attempt(() => venice.video.complete({ model: queued.model, queue_id: queued.queue_id }));
  found.generate = await attempt(async () => (await venice.video.generate(VIDEO, 100, 20000)).size);
  found.chat = await attempt(() => venice.chat({ model: "any", messages: [{ role: "user", content: "hi" }] }));
  found.transactions = await venice.getTransactions({ limit: 10 });
  found.after = await venice.getBalance();
  return found;
}

async function crowd({ url, key, count }) {
  const venice = new VeniceClient(key, { apiUrl: url });
  const asked = Array.from({ length: count }, () => attempt(() => venice.video.queue(VIDEO)));
  return { answers: await Promise.all(asked), after: await venice.getBalance() };
}

async function automatic({ url, key }) {
  const venice = new VeniceClient(key, { apiUrl: url, autoTopUp: { enabled: true, amount: 5 } });
  return { queued: await venice.video.queue(VIDEO), balance: venice.balance };
}

async function post(url, name, payment) {
  const reply = await fetch(`${url}/api/v1/x402/top-up`, { method: "POST", headers: { [name]: payment } });
  const told = reply.headers.get("PAYMENT-RESPONSE");
  const settled = told && JSON.parse(Buffer.from(told, "base64").toString());
  return { header: name, status: reply.status, body: await reply.json(), settled };
}

async function discover(url) {
  const reply = await fetch(`${url}/api/v1/x402/top-up`, { method: "POST" });
  return { reply, body: await reply.clone().json() };
}

// The network as v1 of the npm package x402 spells it, with either version number in the envelope.
async function v1({ url, key }) {
  const signer = await createSigner("base", key);
  const { body } = await discover(url);
  const [{ payTo, asset, amount, extra }] = body.accepts;
  const said = { scheme: "exact", network: "base", maxAmountRequired: amount, payTo, asset, extra, maxTimeoutSeconds: 300,
    resource: `${url}/api/v1/x402/top-up`, description: "", mimeType: "application/json" };
  const answers = [];
  for (const version of [1, 2])
    for (const name of HEADERS) answers.push(await post(url, name, await createPaymentHeader(signer, version, said)));
  return { answers };
}

// The current packages read the 402 themselves and choose among its entries.
async function v2({ url, key }) {
  const core = new x402Client().register("eip155:*", new ExactEvmScheme(privateKeyToAccount(key)));
  core.setSpendControls(false); // its own cap of $1 is below the least top-up
  const http = new x402HTTPClient(core);
  const { reply, body } = await discover(url);
  const required = http.getPaymentRequiredResponse((name) => reply.headers.get(name), body);
  const sent = http.encodePaymentSignatureHeader(await http.createPaymentPayload(required));
  const [[name, payment]] = Object.entries(sent);
  const [first, again] = [await post(url, name, payment), await post(url, name, payment)];
  const settle = await fetch(`${url}/api/v1/x402/top-up`, { method: "POST", headers: { [name]: payment } });
  return { required, first, again, settled: http.getPaymentSettleResponse((each) => settle.headers.get(each)) };
}

const [what, options] = process.argv.slice(2);
const found = await { vendor, crowd, automatic, v1, v2 }[what](JSON.parse(options));
process.stdout.write(JSON.stringify(found), () => process.exit(0));
