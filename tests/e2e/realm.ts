import type { Keycloak } from "../../playground/keycloak.ts";
import { within } from "../clusters.ts";
import { AUDIENCE } from "../key_server.ts";

export const REALM = "klutch";
export const PASSWORD = "of everybody";
export const SECRET = "of each client";

const groupsMapper = {
  name: "groups",
  protocol: "openid-connect",
  protocolMapper: "oidc-group-membership-mapper",
  config: { "claim.name": "groups", "full.path": "false", "id.token.claim": "true", "access.token.claim": "true" },
};
const audienceMapper = {
  name: "audience",
  protocol: "openid-connect",
  protocolMapper: "oidc-audience-mapper",
  config: { "included.custom.audience": AUDIENCE, "access.token.claim": "true" },
};
const program = (clientId: string, ...protocolMappers: object[]) => ({
  clientId,
  secret: SECRET,
  serviceAccountsEnabled: true,
  standardFlowEnabled: false,
  protocolMappers,
});
const person = (username: string, ...groups: string[]) => ({
  username,
  enabled: true,
  firstName: username,
  lastName: "of Acme",
  email: `${username}@example.com`,
  emailVerified: true,
  credentials: [{ type: "password", value: PASSWORD, temporary: false }],
  groups,
});

/** Makes the realm that docs/backend.md describes, with some people and programs. */
export async function createRealm(keycloak: Keycloak, callbackUrl: string): Promise<void> {
  await keycloak.admin("POST", "", {
    realm: REALM,
    enabled: true,
    groups: ["dbas", "devs", "programs"].map((name) => ({ name })),
    users: [
      person("alice", "/dbas"),
      person("bob", "/devs"),
      person("mallory"),
      {
        username: "service-account-builder",
        enabled: true,
        serviceAccountClientId: "builder",
        groups: ["/dbas", "/programs"],
      },
    ],
    clients: [
      {
        clientId: "klutch",
        secret: SECRET,
        redirectUris: [callbackUrl],
        attributes: { "pkce.code.challenge.method": "S256" },
        protocolMappers: [groupsMapper],
      },
      {
        clientId: "klutch-cli",
        publicClient: true,
        standardFlowEnabled: false,
        attributes: { "oauth2.device.authorization.grant.enabled": "true" },
        protocolMappers: [groupsMapper],
      },
      program("builder", groupsMapper, audienceMapper),
      program("stray", groupsMapper),
    ],
  }, within(60_000));
}

/** Gives the realm a new signing key, and takes all others that sign as it does away. */
export async function rotateKeys(keycloak: Keycloak): Promise<void> {
  const type = "org.keycloak.keys.KeyProvider";
  const components = `/${REALM}/components`;
  const old = await keycloak.admin("GET", `${components}?type=${type}`, undefined, within(30_000));
  const config = { algorithm: ["RS256"], keySize: ["2048"], priority: ["200"], active: ["true"], enabled: ["true"] };
  const added = { name: "rotated", providerId: "rsa-generated", providerType: type, config };
  await keycloak.admin("POST", components, added, within(30_000));
  for (const { id, providerId } of old as { id: string; providerId: string }[]) {
    if (providerId !== "rsa-generated") continue;
    await keycloak.admin("DELETE", `${components}/${id}`, undefined, within(30_000));
  }
}
