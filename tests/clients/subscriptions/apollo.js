// Apollo Client: what a query shows, as a subscription changes it.
import { gql } from "@apollo/client";
import WebSocket from "ws";
import { makeClient } from "../live-apollo.js";
import { print, QUERY, SUBSCRIPTION } from "./documents.js";

const [url, token, id] = process.argv.slice(2);
const client = makeClient({ url, token, webSocketImpl: WebSocket });
const variables = { id };
await client.query({ query: gql(QUERY), variables });
client.watchQuery({ query: gql(QUERY), variables, fetchPolicy: "cache-only" }).subscribe(({ data }) => print(data?.case));
client.subscribe({ query: gql(SUBSCRIPTION), variables }).subscribe({ error: (error) => console.error(error) });
