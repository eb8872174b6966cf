import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import type { KeyPair, TestAuthority } from "../playground/certificates.ts";

/** A new certificate for servers on loopback. */
export const issueForLoopback = (authority: TestAuthority): Promise<KeyPair> =>
  authority.issueServer({ dns: ["localhost"], ip: ["127.0.0.1"] });

export const serialOf = ({ certificate }: KeyPair): string => new X509Certificate(certificate).serialNumber;

/** A new connection, the server's certificate verified. */
export async function connectTls(port: number, authority: TestAuthority): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ca: authority.certificate });
  await once(socket, "secureConnect");
  return socket;
}

/** The beginning of the answer to a GET. */
export async function ask(socket: TLSSocket, path = "/"): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  const [answer] = await once(socket, "data", { signal: AbortSignal.timeout(5_000) });
  return String(answer);
}

/** Serial number of the certificate that a new connection is shown. */
export async function serialShown(port: number, authority: TestAuthority): Promise<string> {
  const socket = await connectTls(port, authority);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  await once(socket, "close");
  return serialNumber;
}
