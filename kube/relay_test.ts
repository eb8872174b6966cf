import { deepEqual, equal } from "node:assert/strict";
import { relay } from "./relay.ts";

/** Two connections with a relay between them. */
async function connectThrough(): Promise<{ client: Deno.TcpConn; server: Deno.TcpConn; relayed: Promise<void> }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [client, toClient] = await Promise.all([connectTo(listener), listener.accept()]);
  const [server, toServer] = await Promise.all([connectTo(listener), listener.accept()]);
  return { client, server, relayed: relay(toClient, toServer) };
}

const connectTo = ({ addr: { port } }: Deno.TcpListener) => Deno.connect({ port });

async function send(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

/** All that comes until the other side has said everything. */
async function receive(connection: Deno.Conn): Promise<Uint8Array> {
  const buffer = new Uint8Array(10_000_000);
  let size = 0;
  for (let count; (count = await connection.read(buffer.subarray(size))) !== null;) size += count;
  return buffer.slice(0, size);
}

const bytes = new Uint8Array(1_000_000).map((_, index) => index % 251);

Deno.test("relay() carries bytes both ways, also to a client that has said everything", async () => {
  const { client, server, relayed } = await connectThrough();
  const [received] = await Promise.all([receive(server), send(client, bytes).then(() => client.closeWrite())]);
  deepEqual(received, bytes);
  const answer = receive(client);
  await send(server, bytes);
  server.close();
  deepEqual(await answer, bytes);
  await relayed;
  client.close();
});

Deno.test("relay() brings the answer of a server that does not wait for the whole request", async () => {
  const { client, server, relayed } = await connectThrough();
  await send(client, bytes.subarray(0, 200_000));
  const answer = receive(client);
  await send(server, bytes.subarray(0, 10));
  await server.closeWrite();
  deepEqual(await answer, bytes.subarray(0, 10));
  await relayed;
  server.close();
  client.close();
});

Deno.test("relay() ends the server's connection when the client is killed in the middle of an answer", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const program = `
    const server = await Deno.connect({ port: ${listener.addr.port} });
    await server.read(new Uint8Array(1));
    Deno.kill(Deno.pid, "SIGKILL");`;
  const killed = new Deno.Command(Deno.execPath(), { args: ["eval", program] }).output();
  const toClient = await listener.accept();
  const [server, toServer] = await Promise.all([connectTo(listener), listener.accept()]);
  const relayed = relay(toClient, toServer);
  await send(server, bytes.subarray(0, 10));
  equal(await server.read(new Uint8Array(1)), null);
  await relayed;
  server.close();
  await killed;
});
