// Audits a server for GraphQL over HTTP: `node audit.mjs URL`. Prints each rule that is not kept; exits with 1 for any.
import { auditServer } from "graphql-http";

const [, , url] = process.argv;
const results = await auditServer({ url });
for (const { id, name, status, reason } of results.filter((each) => each.status !== "ok")) {
  console.log(`${status} ${id} ${name}: ${reason}`);
}
const kept = results.filter((each) => each.status === "ok").length;
console.log(`${kept} of ${results.length} audits passed`);
process.exit(kept === results.length ? 0 : 1);
