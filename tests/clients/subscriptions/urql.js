// urql with Graphcache: what a query shows, as a subscription changes it.
import { gql } from "@urql/core";
import WebSocket from "ws";
import { makeClient } from "../live-urql.js";
import { print, QUERY, SUBSCRIPTION } from "./documents.js";

const [url, token, id] = process.argv.slice(2);
const client = makeClient({ url, token, webSocketImpl: WebSocket });
const variables = { id };
await client.query(gql(QUERY), variables).toPromise();
client.query(gql(QUERY), variables, { requestPolicy: "cache-first" }).subscribe(({ data }) => print(data?.case));
client.subscription(gql(SUBSCRIPTION), variables).subscribe(({ error }) => error && console.error(error));
