// What relay-compiler makes the operations of subscriptions/relay.js from.
const graphql = () => null;

graphql`
  query followingQuery($id: ID!) {
    case(id: $id) {
      id
      version
      status
    }
  }
`;

graphql`
  subscription followingSubscription($id: ID!) {
    caseChanged(id: $id) {
      id
      version
      status
    }
  }
`;
