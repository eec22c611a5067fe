// What the test hands over, and how a result goes back.
interface Settings {
  address: string;
  contributor: string;
  reviewer: string;
}

export const settings = JSON.parse(process.argv[2] ?? "{}") as Settings;
export const url = `${settings.address}/graphql`;

// Counts the operations that are sent, and can be cut off from the gateway.
export class Line {
  sent: string[] = [];
  isDown = false;

  readonly fetch: typeof fetch = async (input, init) => {
    if (this.isDown) throw new TypeError("Failed to fetch");
    const body = init?.body;
    const text = body instanceof FormData ? String(body.get("operations")) : String(body);
    this.sent.push((JSON.parse(text) as { operationName: string }).operationName);
    return fetch(input, init);
  };
}

export function report(result: unknown): void {
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}
