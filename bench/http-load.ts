import autocannon from "autocannon";

export interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

const headers = { "content-type": "application/json" };

/** Posts `body(0)`, `body(1)`, … for some seconds over so many connections; every answer must be a success. */
export async function postLoad(
  url: string,
  connections: number,
  seconds: number,
  body: (index: number) => string,
): Promise<Load> {
  let index = 0;
  const { pathname } = new URL(url);
  const found = await autocannon({
    url,
    connections,
    duration: seconds,
    // Servers close a connection after so many requests, and say so; this client does not listen.
    reconnectRate: 500,
    requests: [
      {
        // With headers of its own each time: else it keeps the content-length of the one before.
        setupRequest: (request) => {
          index += 1;
          return { ...request, method: "POST", path: pathname, headers: { ...headers }, body: body(index - 1) };
        },
      },
    ],
  });
  if (found.errors + found.non2xx > 0) {
    throw new Error(
      `${url}: ${found.errors} requests failed, ${found.non2xx} were refused: ${JSON.stringify(found.statusCodeStats)}`,
    );
  }
  return { perSecond: found["2xx"] / found.duration, p50: found.latency.p50, p99: found.latency.p99 };
}
