// What a person is told of a refusal. Each switch names all that there is: the compiler refuses one that leaves any out.
import type { ErrorPartsFragment } from "./gql/graphql.js";

type Refusal = ErrorPartsFragment;

// A later version of the gateway may have members that this code was not compiled for: they are told by their message.
function other(refusal: never): string {
  return (refusal as Refusal).message;
}

export function explain(refusal: Refusal): string {
  switch (refusal.__typename) {
    case "InputError":
      return `${refusal.path.join(".")}: ${refusal.code}`;
    case "NotFoundError":
      return `no ${refusal.resource}`;
    case "AccessError":
      return `not allowed: ${refusal.requiredRoles.join(" or ") || refusal.code}`;
    case "StateError":
      return `${refusal.code} while ${refusal.caseStatus ?? "unknown"}`;
    case "VersionConflictError":
      return `somebody was faster: ${refusal.expectedVersion} is ${refusal.actualVersion} now`;
    case "AdministrationError":
      return `${refusal.code}: ${refusal.changeStatus ?? "unknown"}`;
    default:
      return other(refusal);
  }
}
