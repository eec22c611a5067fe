"""HTTP that GraphQL, documents and later APIs share."""
