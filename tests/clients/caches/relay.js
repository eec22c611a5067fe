// Relay's runtime, with what its compiler makes of src/screen.js.
import relay from "relay-runtime";
import accept from "../artifacts/screenAcceptMutation.graphql.js";
import close from "../artifacts/screenCloseMutation.graphql.js";
import comment from "../artifacts/screenCommentMutation.graphql.js";
import live from "../artifacts/screenQuery.graphql.js";
import snapshot from "../artifacts/screenSnapshotQuery.graphql.js";
import { caseId, play, send } from "./story.js";

const { Environment, Network, RecordSource, Store, commitMutation, createOperationDescriptor, fetchQuery } = relay;
const environment = new Environment({
  network: Network.create((request, variables) => send(request.text, variables)),
  store: new Store(new RecordSource()),
});
const documents = { accept, close, comment, live, snapshot };
let latest;

function updater(store) {
  const edge = store.getRootField("closeCase")?.getLinkedRecord("actionEdge");
  if (!edge) return;
  const list = store.get(caseId).getLinkedRecord("actions", { first: 10 });
  list.setLinkedRecords([edge, ...list.getLinkedRecords("edges")], "edges");
}

await play({
  async open(variables) {
    const operation = createOperationDescriptor(live, variables);
    environment.retain(operation);
    await fetchQuery(environment, live, variables).toPromise();
    const first = environment.lookup(operation.fragment);
    latest = first.data;
    environment.subscribe(first, (next) => {
      latest = next.data;
    });
  },
  shown: () => latest,
  stored: () => environment.getStore().getSource().toJSON(),
  query: (name, variables) => fetchQuery(environment, documents[name], variables).toPromise(),
  mutate: (name, variables) =>
    new Promise((resolve, reject) => {
      commitMutation(environment, {
        mutation: documents[name],
        variables,
        updater: name === "close" ? updater : undefined,
        onCompleted: resolve,
        onError: reject,
      });
    }),
});
