// Other people's verifiers over our sign-in headers and payments: JSON list in, list of verdicts out.
import { createRequire } from "node:module";
import { createPublicKey, verify as nodeVerify } from "node:crypto";
import bs58 from "bs58";
import { TypedDataEncoder, getAddress, verifyMessage as ethersMessage, verifyTypedData as ethersTyped } from "ethers";
import { SiweMessage } from "siwe";
import nacl from "tweetnacl";
import { hashTypedData, recoverTypedDataAddress, verifyMessage, verifyTypedData } from "viem";
import { createSiweMessage, parseSiweMessage, validateSiweMessage } from "viem/siwe";
import { decodePaymentSignatureHeader } from "@x402/core/http";
import { PaymentPayloadV2Schema } from "@x402/core/schemas";
import { ExactEvmScheme } from "@x402/evm/exact/facilitator";
import { verify as verifyV1 } from "x402/facilitator";
import { PaymentPayloadSchema } from "x402/types";

const require = createRequire(import.meta.url);
const { SiweMessage: OlderSiwe } = createRequire(require.resolve("venice-x402-client"))("siwe");
const USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";
const DOMAIN = { name: "USD Coin", version: "2", chainId: 8453, verifyingContract: USDC };
const words = (text) => text.split(" ").map((pair) => ({ name: pair.split(":")[0], type: pair.split(":")[1] }));
const TYPES = {
  TransferWithAuthorization: words(
    "from:address to:address value:uint256 validAfter:uint256 validBefore:uint256 nonce:bytes32",
  ),
};

async function evmSignIn({ header, domain, now }) {
  const { address, message, signature, timestamp, chainId } = JSON.parse(Buffer.from(header, "base64").toString());
  const fields = parseSiweMessage(message);
  const time = new Date(now * 1000).toISOString();
  const verdicts = {
    checksummed: getAddress(address) === address && fields.address === address,
    "chain id": Number(chainId) === 8453 && fields.chainId === 8453,
    timestamp: timestamp === undefined || fields.issuedAt.getTime() === timestamp,
    "ethers.verifyMessage": ethersMessage(message, signature) === address,
    "viem.verifyMessage": await verifyMessage({ address, message, signature }),
    "viem.validateSiweMessage": validateSiweMessage({ address, message: fields, domain, time: new Date(time) }),
    "viem.createSiweMessage": createSiweMessage(fields) === message,
  };
  for (const [name, Siwe] of [["siwe 3", SiweMessage], ["siwe 2", OlderSiwe]]) {
    const parsed = new Siwe(message);
    verdicts[`${name} prepareMessage`] = parsed.prepareMessage() === message;
    const nonce = parsed.nonce;
    verdicts[`${name} verify`] = (await parsed.verify({ signature, domain, nonce, time })).success;
  }
  return verdicts;
}

function solanaSignIn({ header }) {
  const { address, message, signature, type } = JSON.parse(Buffer.from(header, "base64").toString());
  const [key, text] = [bs58.decode(address), new TextEncoder().encode(message)];
  const signed = /^[1-9A-HJ-NP-Za-km-z]{80,90}$/.test(signature) ? bs58.decode(signature) : Buffer.from(signature, "base64");
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(key).toString("base64url") };
  return {
    type: type === "ed25519",
    "tweetnacl.sign.detached.verify": nacl.sign.detached.verify(text, signed, key),
    "node crypto.verify": nodeVerify(null, text, createPublicKey({ key: jwk, format: "jwk" }), signed),
  };
}

// A chain on which everybody is rich and every transfer goes through: what is judged is the payment itself.
const readContract = async ({ functionName }) =>
  ({ balanceOf: 10n ** 12n, name: "USD Coin", version: "2", authorizationState: false })[functionName];
const getCode = async ({ address }) => (address.toLowerCase() === USDC.toLowerCase() ? "0x6001" : "0x");
const onChain = { readContract, verifyTypedData, getCode, getAddresses: () => [] };

async function payment({ header, requirements, digest }) {
  const payload = decodePaymentSignatureHeader(header);
  const { authorization, signature } = payload.payload;
  const typed = { domain: DOMAIN, types: TYPES, primaryType: "TransferWithAuthorization", message: authorization };
  const { from } = authorization;
  const flat = { x402Version: 1, scheme: "exact", network: "base", payload: payload.payload };
  const { amount, ...rest } = requirements;
  const told = { ...rest, network: "base", maxAmountRequired: amount, resource: "http://127.0.0.1/x", description: "", mimeType: "" };
  const chain = { chain: { id: 8453 }, transport: {}, ...onChain };
  return {
    "viem.hashTypedData": hashTypedData(typed) === digest,
    "ethers.TypedDataEncoder": TypedDataEncoder.hash(DOMAIN, TYPES, authorization) === digest,
    "viem.recoverTypedDataAddress": (await recoverTypedDataAddress({ ...typed, signature })) === from,
    "viem.verifyTypedData": await verifyTypedData({ ...typed, address: from, signature }),
    "ethers.verifyTypedData": ethersTyped(DOMAIN, TYPES, authorization, signature) === from,
    "@x402/core schema": PaymentPayloadV2Schema.safeParse(payload).success,
    "@x402/evm facilitator": why(await new ExactEvmScheme(onChain).verify(payload, requirements)),
    "x402 v1 schema": PaymentPayloadSchema.safeParse(flat).success,
    "x402 v1 facilitator": why(await verifyV1(chain, flat, told)),
  };
}

const why = (verdict) => verdict.isValid || `${verdict.invalidReason}: ${verdict.invalidMessage ?? ""}`;
const JUDGES = { base: evmSignIn, solana: solanaSignIn, payment };

let text = "";
for await (const chunk of process.stdin) text += chunk;
const verdicts = [];
for (const item of JSON.parse(text)) {
  try {
    verdicts.push(await JUDGES[item.kind](item));
  } catch (error) {
    verdicts.push({ thrown: String(error?.error?.type ?? error?.stack ?? error) });
  }
}
process.stdout.write(JSON.stringify(verdicts));
process.exit(0);
