import type { KubeClient } from "../../kube/client.ts";
import { messageOf } from "../../kube/errors.ts";
import { NotInOrder, type ProgramContext } from "../../program.ts";
import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { type AppClusterFlags, openAppCluster } from "../app_cluster.ts";
import { type DataFormat, printData } from "../data.ts";
import { openLandscape } from "../diagnosis/landscape.ts";
import { RIGHTS_HIDDEN, updateRights } from "../konnector/update_rights.ts";
import { createStyle } from "../style.ts";
import { createTerminal, LineReader, type Terminal } from "../terminal.ts";
import { letGo } from "./let_go.ts";
import { planUnbind, type UnbindMode, type UnbindPlan } from "./plan.ts";
import { isLeftBehind, survey } from "./survey.ts";
import { receiptOf } from "./receipt.ts";
import { formatPlan, formatReceipt } from "./text.ts";

export interface UnbindOptions {
  name: string;
  mode: UnbindMode;
  planOnly: boolean;
  /** Nobody has to be asked. */
  isAgreed: boolean;
  waitTimeoutMs: number;
  format: DataFormat;
  appCluster: AppClusterFlags;
}

/** `klutch unbind`: tells what follows, asks, does it, and checks that what is left is what was told. */
export async function runUnbind(options: UnbindOptions, context: ProgramContext): Promise<void> {
  const { name, mode, format, planOnly, isAgreed, waitTimeoutMs } = options;
  const { signal, version } = context;
  const terminal = createTerminal(context, new LineReader(() => context.stdin), "stderr");
  using appCluster = await openAppCluster(options.appCluster, context);
  using landscape = await openLandscape(appCluster, { userAgent: `kubectl-klutch/${version}` }, signal);
  const { bindingApi, konnector } = landscape;
  const binding = landscape.bindings.find(({ metadata }) => metadata.name === name);
  const before = await survey(landscape, { name, binding }, signal);
  if (!bindingApi || !(binding || isLeftBehind(before))) throw unknown(name, landscape.bindings);

  const plan = planUnbind(before, mode, konnector);
  const style = createStyle(context);
  if (planOnly) {
    await printData(plan, format, () => formatPlan(plan, style), context);
    if (plan.obstacle) throw new NotInOrder();
    return;
  }
  terminal.say(formatPlan(plan, style));
  if (plan.obstacle) throw new Error(`Cannot unbind ${name}: ${plan.obstacle}`);
  if (!isAgreed) await agree(plan, terminal, signal);
  await letGo(
    { appCluster, bindingApi, terminal, hasKonnector: konnector.isAlive, waitTimeoutMs },
    before,
    mode,
    signal,
  );
  await reduceRights(appCluster, terminal, signal);
  using afterwards = await openLandscape(appCluster, { userAgent: `kubectl-klutch/${version}` }, signal);
  const receipt = await receiptOf(afterwards, plan, before, signal);
  await printData(receipt, format, () => formatReceipt(receipt), context);
  if (!receipt.isAsPlanned) throw new NotInOrder();
}

function unknown(name: string, bindings: readonly APIServiceBinding[]): Error {
  const known = bindings.map(({ metadata }) => metadata.name).join(", ");
  return new Error(
    `Cannot unbind ${name}: there is no such APIServiceBinding; ${known ? `there is ${known}` : "nothing is bound"}`,
  );
}

/** What was unbound stays so, whatever becomes of this. */
async function reduceRights(appCluster: KubeClient, terminal: Terminal, signal: AbortSignal): Promise<void> {
  try {
    const rights = await updateRights(appCluster, [], {}, signal);
    if (rights === "forbidden") terminal.say(`ℹ️ ${RIGHTS_HIDDEN}`);
    else if (rights) terminal.say("✅ Brought the konnector's rights up to date");
  } catch (error) {
    signal.throwIfAborted();
    terminal.say(
      `⚠️ The konnector keeps rights that it does not need: ${messageOf(error)}. ` +
        "Somebody who may change them: `kubectl klutch konnector upgrade`",
    );
  }
}

async function agree({ binding }: UnbindPlan, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const answer = await terminal.ask(`Type ${binding} to go on: `, signal);
  if (answer?.trim() !== binding) throw new Error("Nothing has been changed");
}
