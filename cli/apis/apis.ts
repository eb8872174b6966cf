import { type ApiOffer, APIOfferList } from "../../crds/api_offer_list.ts";
import { decodeJson } from "../../crds/check.ts";
import { groupResourceName } from "../../crds/shared.ts";
import { messageOf } from "../../kube/errors.ts";
import type { ProgramContext } from "../../program.ts";
import { type DataFormat, printData } from "../data.ts";
import { download, readCertificates } from "../download.ts";
import { printable } from "../../printable.ts";
import { fetchProviderInfo } from "../provider_info.ts";
import { formatTable } from "../table.ts";
import { createTerminal, LineReader } from "../terminal.ts";
import { obtainToken, type TokenSource } from "../token_login.ts";

export interface ApisOptions {
  /** Of the provider's export page. */
  url: URL;
  login: TokenSource;
  /** File with authorities to trust when talking to the provider. */
  providerCaFile?: string;
  format: DataFormat | "wide";
}

/** `klutch apis URL`: what a provider offers to whoever asks. */
export async function runApis({ url, login, providerCaFile, format }: ApisOptions, context: ProgramContext) {
  const { signal } = context;
  const terminal = createTerminal(context, new LineReader(() => context.stdin), "stderr");
  const certificates = providerCaFile ? await readCertificates(providerCaFile) : undefined;
  const provider = await fetchProviderInfo(url, { certificates }, signal);
  const { tokenWay } = provider;
  const apisUrl = tokenWay?.apisUrl;
  if (!apisUrl) {
    throw new Error(
      `Cannot list what ${provider.name} offers: it shows that on its page only; ` +
        `\`kubectl klutch bind ${url.href} --dry-run\` leads there and binds nothing`,
    );
  }
  const token = await obtainToken(login, apisUrl, { provider, tokenWay, certificates, terminal }, signal);
  const text = await download(apisUrl, { accept: "application/json", token, certificates }, signal);
  const offers = readOffers(text, apisUrl);
  const isWide = format === "wide";
  await printData(offers, isWide ? "table" : format, () => formatOffers(offers, isWide), context);
}

function readOffers(text: string, { origin, pathname }: URL): ApiOffer[] {
  try {
    return decodeJson(APIOfferList, text).items;
  } catch (error) {
    throw new Error(`Cannot list what ${origin}${pathname} offers: ${messageOf(error)}`);
  }
}

/** @param isWide with what they claim, and what they are for */
function formatOffers(offers: readonly ApiOffer[], isWide: boolean): string {
  if (offers.length === 0) return "This provider offers you nothing.\n";
  const rows = offers.map(({ name, kind, scope, versions, title, permissionClaims = [], description = "" }) => {
    const claims = [...new Set(permissionClaims.map(groupResourceName))].join(",") || "-";
    return [name, kind, scope, versions.join(","), title, ...(isWide ? [claims, description.split("\n", 1)[0]!] : [])]
      .map((cell) => printable(cell, 200));
  });
  return formatTable(
    ["name", "kind", "scope", "versions", "title", ...(isWide ? ["claims", "description"] : [])],
    rows,
  );
}
