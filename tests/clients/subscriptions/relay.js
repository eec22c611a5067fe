// Relay: what a query shows, as a subscription changes it.
import relay from "relay-runtime";
import WebSocket from "ws";
import query from "../artifacts/followingQuery.graphql.js";
import subscription from "../artifacts/followingSubscription.graphql.js";
import { makeEnvironment } from "../live-relay.js";
import { print } from "./documents.js";

const { createOperationDescriptor, fetchQuery, requestSubscription } = relay;
const [url, token, id] = process.argv.slice(2);
const environment = makeEnvironment({ url, token, webSocketImpl: WebSocket });
const variables = { id };
const operation = createOperationDescriptor(query, variables);
environment.retain(operation);
await fetchQuery(environment, query, variables).toPromise();
const shown = environment.lookup(operation.fragment);
print(shown.data.case);
environment.subscribe(shown, (next) => print(next.data.case));
requestSubscription(environment, { subscription, variables, onError: (error) => console.error(error) });
