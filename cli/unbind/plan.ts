import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { counted } from "../../kube/plural.ts";
import { printable } from "../../printable.ts";
import type { Finding } from "../diagnosis/finding.ts";
import type { RightFinding } from "../rbac/compare.ts";
import { foundIn, heldByUs, names, type Survey } from "./survey.ts";

/** What becomes of the objects of a binding. */
export type UnbindMode = "drain" | "orphan" | "force";

/** How much there is of what hung on the binding. */
export interface Remainder {
  /** On this cluster. */
  objects: number;
  /** On the provider; absent when it cannot be told. */
  copies?: number;
  crd: boolean;
  /** Objects here that carry our finalizer. */
  held: number;
  /** Rights of the konnector here that nothing needs; absent when they are not kept to what is bound. */
  rights?: number;
}

/** What there is, what will be done, and what is left afterwards; `-o json` prints it as it is. */
export interface UnbindPlan {
  binding: string;
  mode: UnbindMode;
  /** On this cluster, `namespace/name`. */
  objects: string[];
  /** On the provider. */
  copies?: string[];
  /** Why there are no `copies`, if so. */
  unknown?: Finding;
  /** Claimed objects that were copied to this cluster; absent when it cannot be told. */
  claimedCopies?: string[];
  /** Objects here that carry our finalizer. */
  held: number;
  crd?: string;
  /** Of the konnector on this cluster, those that go; absent when they are not kept to what is bound. */
  rights?: string[];
  /** Of them, what is left. */
  left: Remainder;
  /** In words, one sentence each. */
  consequences: string[];
  /** Why it cannot be done like this, if so. */
  obstacle?: string;
}

/** @param konnector about the konnector, which has to be alive for all but `force` */
export function planUnbind(
  survey: Survey,
  mode: UnbindMode,
  konnector: { isAlive: boolean; finding: Finding },
): UnbindPlan {
  const { name, objects, claimedCopies, crd, spareRights } = survey;
  const copies = foundIn(survey.copies);
  const isDrained = mode === "drain";
  const left = isDrained ? [] : objects;
  const isCrdKept = crd !== undefined && left.length > 0;
  return {
    binding: name,
    mode,
    objects: names(objects),
    copies: copies && names(copies),
    ...("unknown" in survey.copies && { unknown: survey.copies.unknown }),
    claimedCopies: claimedCopies && names(claimedCopies),
    held: heldByUs(objects).length,
    crd: crd?.metadata.name,
    rights: spareRights?.map(describeRight),
    left: {
      objects: left.length,
      copies: copies && (isDrained ? 0 : copies.length),
      crd: isCrdKept,
      held: 0,
      rights: spareRights && 0,
    },
    consequences: consequencesOf(survey, mode, isCrdKept),
    obstacle: obstacleOf(survey, mode, konnector),
  };
}

/** `get,patch customresourcedefinitions.apiextensions.k8s.io mangodbs.mangodb.com` */
const describeRight = ({ verbs, resource, names = [], namespace }: RightFinding): string =>
  [verbs.join(), resource, ...names, ...(namespace ? [`in namespace ${namespace}`] : [])].map((part) => printable(part))
    .join(" ");

function consequencesOf(survey: Survey, mode: UnbindMode, isCrdKept: boolean): string[] {
  const { binding, crd, claimedCopies } = survey;
  return [
    ...fateOfObjects(survey, mode),
    ...(crd
      ? [
        `The CRD ${crd.metadata.name} ${
          isCrdKept ? "stays; binding the API again takes the objects over" : "is deleted"
        }`,
      ]
      : []),
    ...(claimedCopies?.length
      ? [`${counted(claimedCopies.length, "copy", "copies")} of claimed objects: not kept up to date any more`]
      : []),
    ...(binding ? [fateOfSecret(binding, survey)] : []),
  ];
}

function fateOfObjects({ binding, objects, copies }: Survey, mode: UnbindMode): string[] {
  const found = foundIn(copies);
  const there = found ? `${counted(found.length, "object")} on the provider` : "what there is on the provider";
  const all = `${counted(objects.length, "object")} here and ${there}`;
  if (binding && mode === "drain") return [`${all} are deleted, with the services and data behind them`];
  return [
    ...(binding ? [] : ["The binding is gone already; what else it has left here goes now"]),
    `${all} stay; changes do not cross any more, in either direction`,
    "Whoever deletes an object here later deletes nothing on the provider",
  ];
}

function fateOfSecret({ spec }: APIServiceBinding, { sharesSecretWith }: Survey): string {
  const { name } = spec.kubeconfigSecretRef;
  return sharesSecretWith.length > 0
    ? `Secret ${name} stays: ${sharesSecretWith.join(", ")} use it, too`
    : `Secret ${name} stays: with it the API can be bound again; delete it to forget the provider`;
}

function obstacleOf(
  { name, binding, objects, copies }: Survey,
  mode: UnbindMode,
  { isAlive, finding }: { isAlive: boolean; finding: Finding },
) {
  if (mode === "force") return undefined;
  if (!binding) {
    return mode === "drain" && objects.length > 0
      ? `${name} is not bound any more: so nothing can be deleted on the provider. Bind it again first; or leave what ` +
        "is there with --mode orphan"
      : undefined;
  }
  if (!isAlive) return `${finding.what}. ${finding.action}; or let go of everything with --mode force`;
  if (mode === "drain" && "unknown" in copies) {
    return `${copies.unknown.what}: so nothing can be deleted on the provider. See \`kubectl klutch status\`; or leave ` +
      "what is there with --mode orphan; or, if the provider is gone for good, let go of everything with --mode force";
  }
}
