// A query of one's own: change it, and `npm start` generates its types, compiles, and shows what it gives.
import { Client, fetchExchange } from "@urql/core";
import { graphql } from "./gql/gql.js";

const mine = graphql(`
  query Mine {
    cases(first: 5) {
      nodes {
        reference
        status
        title
      }
    }
  }
`);

const client = new Client({
  url: process.env["GATEWAY"] ?? "http://127.0.0.1:8000/graphql",
  preferGetMethod: false,
  fetchOptions: { headers: { Authorization: `Bearer ${process.env["TOKEN"]}` } },
  exchanges: [fetchExchange],
});

const { data, error } = await client.query(mine, {}).toPromise();
if (error) throw error;
for (const found of data?.cases?.nodes ?? []) console.log(found.reference, found.status, found.title);
