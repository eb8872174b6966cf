import { ConfigError } from "./errors.ts";

/** Where a server listens; without a host on all interfaces, with port 0 on a free one. */
export interface ListenAddress {
  host?: string;
  port: number;
}

/**
 * Reads `:8080`, `127.0.0.1:0`, `localhost:8080` or `[::1]:8080`.
 *
 * @throws {ConfigError}
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[^\s:[\]/]*)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (!match || port > 65535) {
    throw new ConfigError(`"${text}" is no address to listen on: write host:port, e.g. 127.0.0.1:8080, or :8080`);
  }
  const { v6, host } = match.groups!;
  return { host: v6 ?? (host || undefined), port };
}

/** `127.0.0.1:8080`, `[::1]:8080` or `:8080`. */
export const formatListenAddress = ({ host = "", port }: ListenAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
