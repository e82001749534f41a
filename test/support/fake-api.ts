// What fakes of providers' APIs share: a server on loopback whose scenario is part of the base URL (`<url>/s/<scenario>`),
// so that one server serves many clients at once. Every request is recorded. Knows no API.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseObject, type JsonObject } from '../../src/lib/json.ts';

export interface ApiRequest {
  readonly scenario: string;
  readonly method: string;
  /** Below the scenario's base URL, without a query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: JsonObject;
}

export interface FakeApi<Scenario extends string> {
  /** Base URL of a scenario. */
  url(scenario: Scenario): string;
  /** In the order in which they came. */
  requestsOf(scenario: Scenario): readonly ApiRequest[];
  close(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1; `answer` is called once for each request. */
export async function startFakeApi<Scenario extends string>(answer: (request: ApiRequest, response: ServerResponse) => void): Promise<FakeApi<Scenario>> {
  const requests: ApiRequest[] = [];
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = '';
    for await (const chunk of incoming) text += String(chunk);
    const [, scenario = '', path = ''] = /^\/s\/([^/]+)(\/[^?]*)?/.exec(incoming.url ?? '') ?? [];
    const request = { scenario, method: incoming.method ?? '', path, headers: incoming.headers, body: parseObject(text) ?? {} };
    requests.push(request);
    answer(request, response);
  };
  const server = createServer((incoming, response) => void handle(incoming, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const requestsOf = (scenario: Scenario): readonly ApiRequest[] => requests.filter((request) => request.scenario === scenario);
  return {
    url: (scenario) => `http://127.0.0.1:${port}/s/${scenario}`,
    requestsOf,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

/** Answers with a JSON document. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Begins an answer of server-sent events; returns what sends one. */
export function sendEvents(response: ServerResponse): (data: unknown) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  return (data) => void response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
}
