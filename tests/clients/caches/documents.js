// The documents of src/screen.js as texts, by their names there.
import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../src/screen.js", import.meta.url), "utf8");

export const documents = Object.fromEntries(
  [...source.matchAll(/export const (\w+) = graphql`([^`]*)`/g)].map(([, name, text]) => [name, text]),
);
