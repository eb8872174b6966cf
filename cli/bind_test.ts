import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parse } from "yaml";
import { API_SERVICE_BINDINGS, API_VERSION, KLUTCH_NAMESPACE, KUBECONFIG } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import { within } from "../tests/clusters.ts";
import { bind, klutch, openStage, requestManifest, type Run, type Stage } from "./bind_fixture.ts";

const claim = (resource: string): PermissionClaim => ({
  group: "",
  resource,
  version: "v1",
  selector: { owner: "Provider" },
});

function expectNoToken({ kubeconfig }: Stage, { stdout, stderr }: Run) {
  const token = /token: (\S+)/.exec(kubeconfig)![1]!;
  ok(token.length > 20);
  ok(!stdout.includes(token) && !stderr.includes(token), "no credentials on the screen");
}

async function expectNothingLeft(stage: Stage) {
  deepEqual(await stage.secrets(), []);
  equal(await stage.binding(), undefined);
}

Deno.test("bind leads from a URL to a Ready binding, and can be repeated", async (test) => {
  await using stage = await openStage({ claims: [claim("secrets"), claim("configmaps")] });
  stage.markBindings("ready");
  let secretName = "";

  await test.step("the first time it asks, stores and creates", async () => {
    const run = await bind(stage, [], { stdin: "y\nno\n" });
    equal(run.code, 0, run.stderr);
    expectNoToken(stage, run);
    match(run.stdout, /The provider wants to write secrets objects \(apiVersion: "v1"\) which are referenced with:/);
    match(run.stdout, /\nNAME +PROVIDER +READY +MESSAGE +AGE\n/);
    match(run.stdout, new RegExp(`\napiservicebinding\\.klutch\\.anynines\\.com/${stage.api} +True +\\S+\n$`));
    match(run.stderr, /\nTo authenticate, visit in your browser:\n\n\thttp:\S+\/authorize\?c=\w{6}&p=\d+&s=\w{6}\n/);
    ok(run.stderr.includes(`🔑 Successfully authenticated to ${stage.url}\n`));
    ok(run.stderr.includes(`✅ Created APIServiceBinding ${stage.api}\n`));
    ok(run.stderr.includes(`✅ APIServiceBinding ${stage.api} is Ready`));
    const [secret, ...others] = await stage.secrets();
    equal(others.length, 0);
    secretName = secret!.metadata.name;
    match(secretName, /^kubeconfig-/);
    match(
      run.stderr,
      new RegExp(`🔒 Created secret klutch-bind/${secretName} for host https:\\S+, namespace ${stage.namespace}\n`),
    );
    equal(atob(secret!.data![KUBECONFIG]!), stage.kubeconfig);
    const { spec } = (await stage.binding())!;
    deepEqual(spec.kubeconfigSecretRef, { name: secretName, key: KUBECONFIG, namespace: KLUTCH_NAMESPACE });
    deepEqual(spec.permissionClaims?.map(({ resource, state }) => [resource, state]), [
      ["secrets", "Accepted"],
      ["configmaps", "Rejected"],
    ]);
  });

  await test.step("the second time it asks nothing and changes nothing", async () => {
    const before = await stage.binding();
    const run = await bind(stage);
    equal(run.code, 0, run.stderr);
    ok(run.stderr.includes(`✅ Updating existing APIServiceBinding ${stage.api}.\n`));
    ok(!run.stderr.includes("🔒"));
    ok(!run.stdout.includes("The provider wants"));
    equal((await stage.binding())!.metadata.resourceVersion, before!.metadata.resourceVersion);
    equal((await stage.requests()).length, 2);
  });

  await test.step("new credentials go into the same Secret", async () => {
    stage.behaviour.kubeconfig = (text) => `# renewed\n${text}`;
    const run = await bind(stage, ["-o", "name"]);
    equal(run.code, 0, run.stderr);
    equal(run.stdout, `apiservicebinding.klutch.anynines.com/${stage.api}\n`);
    ok(run.stderr.includes(`🔒 Updated secret klutch-bind/${secretName} for host`));
    const secrets = await stage.secrets();
    equal(secrets.length, 1);
    match(atob(secrets[0]!.data![KUBECONFIG]!), /^# renewed\n/);
  });

  await test.step("apiservice takes the Secret and a manifest, and prints what was asked for", async () => {
    const run = await klutch(stage, [
      "bind",
      "apiservice",
      "--remote-kubeconfig-namespace",
      KLUTCH_NAMESPACE,
      "--remote-kubeconfig-name",
      secretName,
      "-f",
      "-",
      "--skip-konnector=true",
      "--no-banner",
      "-o=json",
    ], { stdin: requestManifest(stage) });
    equal(run.code, 0, run.stderr);
    const { items } = JSON.parse(run.stdout);
    deepEqual(items.map(({ kind }: { kind: string }) => kind), ["Namespace", API_SERVICE_BINDINGS.kind]);
    deepEqual(Object.keys(items[1]), ["apiVersion", "kind", "metadata", "spec"]);
    deepEqual(items[1].metadata, { name: stage.api, namespace: KLUTCH_NAMESPACE });
  });

  await test.step("another provider of the same API is refused before anything is written", async () => {
    await using rival = await openStage();
    const run = await klutch(stage, [
      "bind",
      "apiservice",
      "--remote-kubeconfig",
      await stage.file(rival.kubeconfig),
      "-f",
      await stage.file(requestManifest(stage)),
      "--skip-konnector",
    ]);
    equal(run.code, 1);
    match(run.stderr, /Error: found existing APIServiceBinding \S+ not from this service provider/);
    deepEqual(await rival.secrets(), []);
    deepEqual(await rival.requests(), []);
  });
});

Deno.test("bind --dry-run prints the requests and writes neither Secret nor request", async () => {
  await using stage = await openStage({ claims: [claim("secrets")] });
  const run = await bind(stage, ["--dry-run"]);
  equal(run.code, 0, run.stderr);
  const request = parse(run.stdout);
  equal(request.apiVersion, API_VERSION);
  deepEqual(request.metadata, { name: stage.api });
  deepEqual(request.status, {});
  equal(request.spec.resources[0].permissionClaims.length, 1);
  const json = await bind(stage, ["-d", "-ojson"]);
  deepEqual(JSON.parse(json.stdout), request);
  await expectNothingLeft(stage);
  deepEqual(await stage.requests(), []);
});

Deno.test("bind leaves nothing behind when the input ends before the claims are answered", async () => {
  await using stage = await openStage({ claims: [claim("secrets"), claim("configmaps")] });
  const run = await bind(stage, [], { stdin: "y\n" });
  equal(run.code, 1);
  match(run.stderr, /Error: Cannot bind: the input ended before the question about configmaps was answered/);
  await expectNothingLeft(stage);
  deepEqual(await stage.requests(), []);
});

Deno.test("bind keeps what is bound, whatever becomes of its output", async (test) => {
  await using stage = await openStage();
  stage.markBindings("ready");
  await test.step("a file that cannot be written is told before the login", async () => {
    // Nothing can be made beside that directory, whoever one is.
    for (const [path, why] of [["/no/such/secret.yaml", /no such/i], ["/proc/self", /is a directory/]] as const) {
      const run = await bind(stage, ["--secret-file", path]);
      equal(run.code, 1);
      match(run.stderr, /Error: Cannot write the Secret to \/\S+: /);
      match(run.stderr, why);
      ok(!run.stderr.includes("visit in your browser"));
    }
    await expectNothingLeft(stage);
  });
  await test.step("one that cannot be written any more undoes nothing", async () => {
    const directory = await Deno.makeTempDir();
    const run = await bind(stage, ["--secret-file", `${directory}/secret.yaml`], {
      when: ["Successfully authenticated", () => Deno.removeSync(directory)],
    });
    equal(run.code, 1);
    match(run.stderr, /Error: Cannot write the Secret to /);
    ok(!run.stderr.includes("Took back"));
    ok(await stage.binding());
    equal((await stage.secrets()).length, 1);
  });
});

Deno.test("bind says why a provider has turned the request down, and leaves nothing behind", async () => {
  await using stage = await openStage({ answer: "Failed" });
  const run = await bind(stage);
  equal(run.code, 1);
  match(run.stderr, /Error: binding request failed: no such API\n$/);
  await expectNothingLeft(stage);
});

const hostile: [name: string, behaviour: Parameters<typeof openStage>[0], why: RegExp][] = [
  ["another session", {
    tamper: (response) => ({ ...response, authentication: { oauth2CodeGrant: { sid: "x", id: "" } } }),
  }, /sessionID does not match/],
  [
    "another kind",
    { tamper: () => ({ apiVersion: "v1", kind: "Secret" }) },
    /unexpected response type "v1", Kind="Secret"/,
  ],
  ["an API of Kubernetes", {
    tamper: (response) => ({
      ...response,
      requests: [{
        ...(response.requests as object[])[0],
        spec: { resources: [{ group: "rbac.authorization.k8s.io", resource: "clusterroles" }] },
      }],
    }),
  }, /"clusterroles\.rbac\.authorization\.k8s\.io", which may never be bound/],
  [
    "a kubeconfig that runs a program",
    { kubeconfig: (text) => text.replace(/token: .*/, "exec: {command: id}") },
    /"exec"/,
  ],
  [
    "a kubeconfig that reads a file",
    { kubeconfig: (text) => text.replace(/token: .*/, "tokenFile: /etc/passwd") },
    /"tokenFile"/,
  ],
];
for (const [name, behaviour, why] of hostile) {
  Deno.test(`bind refuses ${name} from a provider`, async () => {
    await using stage = await openStage(behaviour);
    const run = await bind(stage);
    equal(run.code, 1);
    match(run.stderr, why);
    match(run.stderr.trim().split("\n").at(-1)!, /^Error: /);
    expectNoToken(stage, run);
    await expectNothingLeft(stage);
    deepEqual(await stage.requests(), []);
  });
}

Deno.test("bind tells what is still missing when time is out", async (test) => {
  await using stage = await openStage();
  await test.step("nobody works on the binding", async () => {
    const run = await bind(stage, ["--wait-timeout", "1s"]);
    equal(run.code, 1);
    match(
      run.stderr,
      /Error: Cannot see APIServiceBinding \S+ become Ready within 1s\n {2}no konnector has looked at it/,
    );
  });
  await test.step("the konnector reports a problem", async () => {
    stage.markBindings("unreachable");
    const run = await bind(stage, ["--wait-timeout=2s"]);
    equal(run.code, 1);
    match(run.stderr, /within 2s\n {2}Connected=False ProviderUnreachable: no route to host\. Check that this cluster/);
  });
  await test.step("nobody waits", async () => {
    const run = await bind(stage, ["--wait-timeout=0"]);
    equal(run.code, 0, run.stderr);
    match(run.stdout, / +False +no route to host +/);
  });
});

Deno.test("bind ends at once when interrupted, and leaves nothing behind", async (test) => {
  await test.step("by Ctrl-C during the login", async () => {
    await using stage = await openStage();
    const run = await bind(stage, [], {
      logIn: false,
      when: ["visit in your browser", (child) => child.kill("SIGINT")],
    });
    equal(run.code, 130, run.stderr);
    ok(!run.stderr.includes("Error"));
    await expectNothingLeft(stage);
  });
  await test.step("by Ctrl-C at the question about a claim", async () => {
    await using stage = await openStage({ claims: [claim("secrets")] });
    const run = await bind(stage, [], { isStdinOpen: true, when: ["🛂", (child) => child.kill("SIGINT")] });
    equal(run.code, 130, run.stderr);
    ok(
      run.stderr.includes(`🛂 ${stage.api}: secrets of the provider are copied into this cluster. In every namespace`),
    );
    await expectNothingLeft(stage);
    deepEqual(await stage.requests(), []);
  });
  await test.step("by SIGTERM while the provider thinks", async () => {
    await using stage = await openStage({ answer: "never" });
    const run = await bind(stage, [], {
      when: ["Successfully authenticated", (child) => setTimeout(() => child.kill("SIGTERM"), 300)],
    });
    equal(run.code, 143, run.stderr);
    await expectNothingLeft(stage);
    deepEqual(await stage.requests(), []);
  });
  await test.step("by Ctrl-C while the binding becomes Ready", async () => {
    await using stage = await openStage();
    const run = await bind(stage, [], { when: ["⏳", (child) => child.kill("SIGINT")] });
    equal(run.code, 130, run.stderr);
    match(run.stderr, /↩️ Took back APIServiceBinding [^]*Took back Secret [^]*Took back APIServiceExportRequest /);
    await expectNothingLeft(stage);
    deepEqual(await stage.requests(), []);
  });
  await test.step("but for what was there before", async () => {
    await using stage = await openStage();
    equal((await bind(stage, ["--wait-timeout=0"])).code, 0);
    const [before, secrets] = [await stage.binding(), await stage.secrets()];
    const run = await bind(stage, [], { when: ["⏳", (child) => child.kill("SIGINT")] });
    equal(run.code, 130, run.stderr);
    equal((await stage.binding())!.metadata.resourceVersion, before!.metadata.resourceVersion);
    deepEqual(await stage.secrets(), secrets);
  });
});

Deno.test("bind waits for the rights that a provider grants a moment after the login", async () => {
  await using stage = await openStage();
  stage.markBindings("ready");
  const { client, kubectl } = stage.provider;
  const serviceAccount = { namespace: stage.namespace, name: "binder" };
  equal((await kubectl(["-n", stage.namespace, "create", "serviceaccount", "binder"])).code, 0);
  const { status } = await client.request<{ status: { token: string } }>(
    "POST",
    `/api/v1/namespaces/${stage.namespace}/serviceaccounts/binder/token`,
    { body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} } },
    within(5000),
  );
  stage.behaviour.kubeconfig = (text) => text.replace(/token: .*/, `token: ${status.token}`);
  const grant = async () => {
    await kubectl([
      "-n",
      stage.namespace,
      "create",
      "role",
      "binder",
      "--verb=*",
      "--resource=apiserviceexportrequests.klutch.anynines.com",
    ]);
    const subject = `--serviceaccount=${serviceAccount.namespace}:${serviceAccount.name}`;
    return await kubectl(["-n", stage.namespace, "create", "rolebinding", "binder", "--role=binder", subject]);
  };
  let granted: ReturnType<typeof grant> | undefined;
  const run = await bind(stage, [], {
    when: ["Successfully authenticated", () => setTimeout(() => granted = grant(), 1200)],
  });
  equal(run.code, 0, run.stderr);
  equal((await granted)?.code, 0);
});

Deno.test("bind says when no provider is there, before it changes anything", async () => {
  await using stage = await openStage();
  const run = await klutch(stage, ["bind", "http://127.0.0.1:1/export", "--no-browser"]);
  equal(run.code, 1);
  equal(run.stderr, "Error: Cannot get http://127.0.0.1:1/export: nothing listens there (connection refused)\n");
});

Deno.test("bind says when the provider's certificate does not verify, and takes its authority on demand", async () => {
  await using stage = await openStage();
  const { server, caData } = stage.provider.config; // an API server is no provider, but it speaks TLS
  const untrusted = await klutch(stage, ["bind", `${server}/export`]);
  equal(untrusted.code, 1);
  match(
    untrusted.stderr,
    /its TLS certificate does not verify \(UnknownIssuer\); --provider-ca-file adds an authority/,
  );
  const trusted = await klutch(stage, ["bind", `${server}/export`, "--provider-ca-file", await stage.file(caData!)]);
  equal(trusted.code, 1);
  match(trusted.stderr, /40[13] /);
});
