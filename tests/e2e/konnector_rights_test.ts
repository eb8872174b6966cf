import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "yaml";
import type { RightFinding } from "../../cli/rbac/compare.ts";
import { KLUTCH_NAMESPACE, KONNECTOR, KONNECTOR_ROLE } from "../../crds/names.ts";
import type { PermissionClaim } from "../../crds/shared.ts";
import {
  CLUSTER_ROLES,
  DEPLOYMENTS,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  SECRETS,
} from "../../kube/resources.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { eventually, klutchBinary, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { assertGolden } from "./golden.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import { CTRL_C, TerminalSession } from "./terminal_session.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const USER = `system:serviceaccount:${KLUTCH_NAMESPACE}:${KONNECTOR}`;
const CREDENTIALS: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };
const SETTINGS: PermissionClaim = {
  group: "",
  resource: "configmaps",
  version: "v1",
  selector: { owner: "Consumer", namespaces: ["default", "kube-system", "later"] },
};

Deno.test("a konnector that was installed with the rights it needs does all its work, and may do nothing else", async (t) => {
  await using story = await Story.open();
  await using directory = await makeOwnedDirectory();
  const mangos = new Mangos(story, GROUP);
  const { consumer, provider } = story;
  const klutch = (...args: string[]) => story.runToEnd([...args, `--kubeconfig=${consumer.plane.kubeconfigPath}`]);
  const may = async (...what: string[]) => {
    const { stdout } = await consumer.plane.kubectl(["auth", "can-i", ...what, `--as=${USER}`], {
      signal: within(10_000),
    });
    return stdout.trim();
  };

  await story.step(
    t,
    "install asks for an image that can be restricted, and applies manifests that can be read before",
    async () => {
      const original = await klutch("konnector", "install", "--rights=bound", "--wait-timeout=0");
      assert.equal(original.code, 1);
      assert.match(original.stderr, /Cannot restrict .*: the Go implementation watches everything/);
      const manifests = await klutch("konnector", "manifests", "--image=klutch:test");
      assert.equal(manifests.code, 0, manifests.stderr);
      await assertGolden("konnector_manifests", manifests.stdout);
      await using terminal = new TerminalSession([
        ...[klutchBinary(), "konnector", "install", "--image=klutch:test"],
        `--kubeconfig=${consumer.plane.kubeconfigPath}`,
      ]);
      await terminal.says(/Installing konnector klutch:test .*\s+Waiting for its pods/);
      await terminal.type(CTRL_C);
      assert.equal(await terminal.ended(), 130);
      assert.doesNotMatch(terminal.screen, /Error|\n +at /);
      assert.match(
        (await klutch("konnector", "install", "--image=x")).stderr,
        /there is a konnector already; use upgrade/,
      );
    },
  );

  await story.step(
    t,
    "as that ServiceAccount, it starts, and a bind gives it the rights for what is bound",
    async () => {
      assert.equal(await may("create", "mangodbs.mangodb.com"), "no");
      const token = (await consumer.kubectl(["create", "token", KONNECTOR, "-n", KLUTCH_NAMESPACE])).trim();
      const { server, caData } = consumer.plane.config;
      const kubeconfig = join(directory.path, "kubeconfig");
      await Deno.writeTextFile(
        kubeconfig,
        stringify({
          apiVersion: "v1",
          kind: "Config",
          clusters: [{ name: "a", cluster: { server, "certificate-authority-data": btoa(caData!) } }],
          users: [{ name: "a", user: { token } }],
          contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
          "current-context": "a",
        }),
      );
      await story.startKonnector(`--kubeconfig=${kubeconfig}`, `--lease-namespace=${KLUTCH_NAMESPACE}`);
      await story.startBackend();
      await story.backendReady();
      await story.offer(mangoDbCrd(GROUP), [CREDENTIALS, SETTINGS]);
      const { code, stderr } = await story.bind(API, { stdin: "y\ny\n" });
      assert.equal(code, 0, stderr);
      assert.match(
        stderr,
        /ℹ️ namespace later of a claim does not exist; once it does, `kubectl klutch konnector upgrade`/,
      );
    },
  );

  await story.step(t, "spec, status, claimed objects and deletion cross", async () => {
    await mangos.create();
    const { metadata: { namespace } } = await mangos.until("provider", "appears");
    await mangos.report({ phase: "Running" });
    await mangos.until("consumer", "is Running", ({ status }) => (status as { phase?: string })?.phase === "Running");
    const { stdout } = await klutch("explain", "mangodb", "test"); // one of the claims lists a namespace that is not there
    assert.match(stdout, /^OK {4}Rights +konnector on this cluster may do all it has to$/m);
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "password" }, data: { value: btoa("x") } };
    const metadata = { name: "password", namespace };
    await provider.client.api(SECRETS).create({ ...secret, metadata }, within(5_000));
    await eventually(
      "the Secret comes down",
      () => consumer.client.api(SECRETS).find({ namespace: "default", name: "password" }, within(5_000)),
    );
    await mangos.delete("consumer");
    await mangos.untilGone("consumer");
    assert.deepEqual((await mangos.list("provider")).length, 0);
  });

  await story.step(t, "whoever steals its token may do that, and nothing else", async () => {
    const cases: [string[], "yes" | "no"][] = [
      [["patch", "mangodbs.mangodb.com", "-A"], "yes"],
      [["watch", "configmaps", "-n", "default"], "yes"],
      [["watch", "configmaps", "-n", "kube-system"], "no"],
      [["create", "configmaps", "-n", "default"], "no"],
      [["get", "pods", "-A"], "no"],
      [["create", "clusterroles"], "no"],
      [["escalate", "clusterroles"], "no"],
      [["bind", "clusterroles"], "no"],
      [["create", "clusterrolebindings"], "no"],
      [["impersonate", "users"], "no"],
      [["create", "serviceaccounts", "--subresource=token", "-n", "kube-system"], "no"],
      [["create", "pods", "-n", "default"], "no"],
      [["*", "*", "-A"], "no"],
      [["patch", "crd/other.example.com"], "no"],
      [["delete", "crd/apiservicebindings.klutch.anynines.com"], "no"],
      [["create", "deployments", "-n", KLUTCH_NAMESPACE], "no"],
    ];
    for (const [what, answer] of cases) assert.equal(await may(...what), answer, what.join(" "));
    const { stdout } = await klutch("check");
    assert.match(stdout, /^OK {4}Rights +ServiceAccount "klutch-bind\/konnector" may do all that is bound$/m);
    assert.match(stdout, /^FAIL {2}Konnector +ReplicasMissing: klutch:test: 0 of 2 replicas are ready$/m);
  });

  await story.step(
    t,
    "rbac audit finds these rights to be what is needed, and tells what is more or less",
    async () => {
      const exact = await klutch("rbac", "audit");
      assert.equal(exact.code, 0, exact.stdout + exact.stderr);
      await assertGolden("rbac_audit", exact.stdout);

      const roles = consumer.client.api<Role>(CLUSTER_ROLES);
      const { rules } = await roles.get({ name: KONNECTOR_ROLE }, within(5_000));
      const other = [{ apiGroups: [""], resources: ["pods"], verbs: ["delete"] }];
      const less = rules!.filter(({ apiGroups }) => apiGroups?.[0] !== GROUP);
      await roles.mergePatch({ name: KONNECTOR_ROLE }, { rules: [...less, ...other] }, {}, within(5_000));
      const mapped = await mangos.mappedNamespace("default");
      const [binding] =
        (await provider.client.api<RoleBinding>(ROLE_BINDINGS).list({ namespace: mapped }, within(5_000))).items;
      const metadata = { namespace: mapped, name: "too-much" };
      const { apiVersion, kind, subjects } = binding!;
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole" as const, name: "view" };
      await provider.client.api<RoleBinding>(ROLE_BINDINGS).create(
        { apiVersion, kind, metadata, subjects, roleRef },
        within(5_000),
      );

      const { clusters } = await eventually("the audit tells it", async () => {
        const { code, stdout } = await klutch("rbac", "audit", "-o=json");
        assert.equal(code, 3);
        const audit = JSON.parse(stdout);
        return audit.clusters[1].findings.length > 0 && audit;
      });
      const [here, there] = clusters.map(({ findings }: { findings: RightFinding[] }) => findings);
      const told = here.map(({ finding, resource, verbs, by }: RightFinding) => [finding, resource, verbs.join(), by]);
      assert.deepEqual(told, [
        ["excess", "pods", "delete", `ClusterRole ${KONNECTOR_ROLE}`],
        ["missing", API, "get,list,watch,create,patch,delete", undefined],
        ["missing", `${API}/status`, "patch", undefined],
      ]);
      assert.ok(there.every(({ finding, namespace }: RightFinding) => finding === "excess" && namespace === mapped));
      assert.ok(
        there.some(({ resource, verbs }: RightFinding) => resource === "pods" && verbs.join() === "get,list,watch"),
      );
      await provider.client.api(ROLE_BINDINGS).delete(metadata, {}, within(5_000));
      const rest = await eventually("the provider is as it should be", async () => {
        const { stdout } = await klutch("rbac", "audit");
        return /provider https:\S+\nOK/.test(stdout) && stdout;
      });
      await assertGolden("rbac_audit_findings", rest);
      assert.equal((await klutch("konnector", "upgrade", "--wait-timeout=0")).code, 0);
      await eventually("upgrade has mended it", async () => (await klutch("rbac", "audit")).code === 0);
    },
  );

  await story.step(t, "a namespace that a claim lists gets its rights once it is there", async () => {
    await consumer.kubectl(["create", "namespace", "later"]);
    const missing = await klutch("rbac", "audit", "-o=json");
    assert.equal(missing.code, 3);
    const [{ finding, namespace, resource }] = JSON.parse(missing.stdout).clusters[0].findings;
    assert.deepEqual([finding, namespace, resource], ["missing", "later", "configmaps"]);
    assert.match(
      (await klutch("check")).stdout,
      /^FAIL {2}Rights +ConsumerRightsMissing: .* may not get configmaps in namespace later, list configmaps/m,
    );
    assert.equal((await klutch("konnector", "upgrade", "--wait-timeout=0")).code, 0);
    await eventually("it may", async () => await may("watch", "configmaps", "-n", "later") === "yes");
    assert.equal(await may("watch", "configmaps", "-n", "kube-system"), "no");
    assert.equal((await klutch("rbac", "audit")).code, 0);
  });

  await story.step(t, "it takes away what it has installed when its binding goes", async () => {
    await consumer.kubectl(["delete", "sb", API, "-n", KLUTCH_NAMESPACE, "--timeout=60s"]);
    await eventually(
      "the CRD is gone",
      async () => await consumer.kubectl(["get", "crd", API, "--ignore-not-found"]) === "",
    );
    const { code, stderr } = await story.bind(API, { stdin: "y\ny\n" });
    assert.equal(code, 0, stderr);
  });

  await story.step(t, "upgrade keeps image and kind of rights; uninstall asks, and takes all of it away", async () => {
    const upgraded = await klutch("konnector", "upgrade", "--wait-timeout=0");
    assert.equal(upgraded.code, 0, upgraded.stderr);
    assert.match(upgraded.stderr, /Upgrading konnector klutch:test /);
    assert.equal(await may("patch", "mangodbs.mangodb.com", "-A"), "yes");
    const deployments = consumer.client.api(DEPLOYMENTS);
    const status = { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 };
    const key = { namespace: KLUTCH_NAMESPACE, name: KONNECTOR };
    await deployments.mergePatch(key, { status }, { subresource: "status" }, within(5_000));
    const stuck = await klutch("konnector", "upgrade", "--image=klutch:broken", "--wait-timeout=1s");
    assert.equal(stuck.code, 1, "the pods that are ready are those from before");
    assert.match(
      stuck.stderr,
      /Cannot see all pods of Deployment klutch-bind\/konnector run the new image .* within 1s/,
    );
    const refused = await klutch("konnector", "uninstall");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /mangodbs\.mangodb\.com would not be synced any more/);
    assert.equal((await klutch("konnector", "uninstall", "--yes")).code, 0);
    await eventually("it may no more", async () => await may("patch", "mangodbs.mangodb.com", "-A") === "no");
    assert.match(await consumer.kubectl(["get", "all,roles,pdb,netpol", "-n", KLUTCH_NAMESPACE, "-o=name"]), /^$/);
  });
});
