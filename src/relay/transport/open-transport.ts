import type { HttpClient } from "../../node/runtime/http-client.ts";
import { GrpcTransport } from "./grpc-transport.ts";
import { HttpTransport } from "./http-transport.ts";
import type { SubmissionTransport } from "./submission-transport.ts";

/** Whether `url` names an endpoint of gRPC. */
export function isGrpc(url: string): boolean {
  return /^grpcs?:/i.test(url);
}

/** The way to the gateway of `url`, by its scheme. Nothing is sent yet. */
export function openTransport(
  options: { readonly url: string; readonly deadlineMs: number },
  { http }: { readonly http: HttpClient },
): SubmissionTransport {
  return isGrpc(options.url) ? new GrpcTransport(options) : new HttpTransport(options, http);
}
