"""GraphQL over WebSocket: the protocol graphql-transport-ws, its messages, and the connections of a process."""
