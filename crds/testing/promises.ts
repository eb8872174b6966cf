// What each kind promises, line by line, as the specification of the wire format has it: path, keyword, detail.

/** Ends a promise that nobody can break: the default is there before anybody looks. */
export const FILLED_IN = ", though filled in";

const groupResource = (at: string) => [
  `${at}.group default ""`,
  `${at}.group pattern ^(|[a-z0-9]([-a-z0-9]*[a-z0-9](\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?)$`,
  `${at}.resource pattern ^[a-z][-a-z0-9]*[a-z0-9]$`,
  `${at}.resource required`,
];
const claim = (at: string) => [
  ...groupResource(at),
  `${at} rule !(has(self.autoDonate) && self.autoDonate && has(self.autoAdopt) && self.autoAdopt)` +
  " → donate and adopt are mutually exclusive",
  `${at}.version minLength 1`,
  `${at}.version required`,
  `${at}.selector default {}`,
  `${at}.selector.names default ["*"]`,
  `${at}.selector.namespaces default ["*"]`,
  `${at}.selector.owner enum Provider Consumer`,
  `${at}.read default {}`,
  `${at}.onConflict default {}`,
  `${at}.onConflict.recreateWhenConsumerSideDeleted default true`,
];
const secretRef = (...fields: string[]) => [
  "spec.kubeconfigSecretRef required",
  "spec.kubeconfigSecretRef rule self == oldSelf → kubeconfigSecretRef is immutable",
  "spec.kubeconfigSecretRef.key enum kubeconfig",
  "spec.kubeconfigSecretRef.key required",
  ...fields.flatMap((field) => [
    `spec.kubeconfigSecretRef.${field} minLength 1`,
    `spec.kubeconfigSecretRef.${field} required`,
  ]),
];
const conditions = [
  "status.conditions[0].type required",
  "status.conditions[0].status required",
  "status.conditions[0].lastTransitionTime required",
  "status.conditions[0].lastTransitionTime format date-time",
];
const required = (...paths: string[]) => paths.map((path) => `${path} required`);

export const PROMISES: Record<string, string[]> = {
  APIServiceBinding: [
    ...secretRef("name", "namespace"),
    ...claim("spec.permissionClaims[0]"),
    "spec.permissionClaims[0].state enum Accepted Rejected",
    "spec.permissionClaims[0].state required",
    // An addition of ours, which others leave alone.
    ...required("status.claims[0].resource", "status.claims[0].objects"),
    "status.claims[0].owner enum Provider Consumer",
    ...conditions,
  ],
  APIServiceExport: [
    '. rule self.metadata.name == self.spec.names.plural+"."+self.spec.group → informerScope is immutable',
    'spec rule self.scope == "Namespaced" || self.informerScope == "Cluster"' +
    " → informerScope must be Cluster for cluster-scoped resources",
    'spec rule self.scope == "Namespaced" || has(self.clusterScopedIsolation)' +
    " → clusterScopedIsolation must be defined for cluster-scoped resources",
    'spec rule self.scope == "Cluster" || !has(self.clusterScopedIsolation)' +
    " → clusterScopedIsolation is not relevant for namespaced resources",
    ...required("spec", "spec.group", "spec.names", "spec.names.kind", "spec.names.plural", "spec.scope"),
    "spec.scope enum Cluster Namespaced",
    "spec.versions required",
    "spec.versions minItems 1",
    "spec.versions list-map name",
    "spec.versions[0].name minLength 1",
    "spec.versions[0].name pattern ^v[1-9][0-9]*([a-z]+[1-9][0-9]*)?$",
    "spec.versions[0].served default true",
    `spec.versions[0].served required${FILLED_IN}`,
    ...required(
      "spec.versions[0].name",
      "spec.versions[0].storage",
      "spec.versions[0].schema",
      "spec.versions[0].schema.openAPIV3Schema",
      "spec.versions[0].subresources.scale.specReplicasPath",
      "spec.versions[0].subresources.scale.statusReplicasPath",
      "spec.versions[0].additionalPrinterColumns[0].name",
      "spec.versions[0].additionalPrinterColumns[0].type",
      "spec.versions[0].additionalPrinterColumns[0].jsonPath",
    ),
    "spec.versions[0].additionalPrinterColumns list-map name",
    ...claim("spec.permissionClaims[0]"),
    "spec.informerScope required",
    "spec.informerScope enum Cluster Namespaced",
    "spec.informerScope rule self == oldSelf → informerScope is immutable",
    "spec.clusterScopedIsolation enum Prefixed Namespaced None",
    ...required("status.acceptedNames.kind", "status.acceptedNames.plural"),
    ...conditions,
  ],
  APIServiceExportRequest: [
    ...required("spec", "spec.resources"),
    "spec.parameters rule self == oldSelf → parameters are immutable",
    "spec.resources rule self == oldSelf → resources are immutable",
    "spec.resources minItems 1",
    ...groupResource("spec.resources[0]"),
    ...claim("spec.resources[0].permissionClaims[0]"),
    "status default {}",
    'status.phase default "Pending"',
    "status.phase enum Pending Failed Succeeded",
    ...conditions,
  ],
  APIServiceNamespace: [],
  ClusterBinding: [
    '. rule self.metadata.name == "cluster" → cluster binding name should be cluster',
    "spec required",
    ...secretRef("name"),
    "spec.providerPrettyName required",
    "spec.providerPrettyName minLength 1",
    "status.lastHeartbeatTime format date-time",
    ...conditions,
  ],
  AppClusterBinding: [
    ". rule self.metadata.name == oldSelf.metadata.name → name is immutable",
    "spec required",
    ...secretRef("name", "namespace"),
    ...groupResource("spec.apiExports[0]"),
    // Additions of ours, which others leave alone.
    "spec.apiExports[0].permissionClaims enum Accepted Rejected",
    "spec.deletionPolicy enum Delete Retain",
    ...conditions,
  ],
  APIServiceExportTemplate: [
    ...required("spec", "spec.APIServiceSelector"),
    ...groupResource("spec.APIServiceSelector"),
    "spec.APIServiceSelector.version minLength 1",
    // Additions of ours, which others leave alone.
    "spec.icon pattern ^data:image/(svg\\+xml|png|webp|jpeg);base64,[A-Za-z0-9+/]+={0,2}$",
    "spec.documentationURL pattern ^https?://",
    'spec.schemaChanges rule self.policy != "Force" || has(self.reason) → policy Force needs a reason',
    ...required("spec.schemaChanges.canary.matchLabels"),
    'spec.schemaChanges.policy default "Auto"',
    "spec.schemaChanges.policy enum Auto Manual Pinned Force",
    "spec.schemaChanges.reason minLength 1",
    "spec.schemaChanges.rollBackTo minLength 1",
    ...required(...["hash", "objects", "refused", "tenants"].map((field) => `status.schema.impact.${field}`)),
    "status.schema.impact.checkedAt format date-time",
    ...required(
      ...["tenant", "objects", "refused", "samples"].map((field) => `status.schema.impact.tenants[0].${field}`),
    ),
    ...required(...["object", "paths"].map((field) => `status.schema.impact.tenants[0].samples[0].${field}`)),
    ...required("status.snapshots[0].hash", "status.snapshots[0].keptAt"),
    ...required(...["current", "hash", "refused", "verdict", "waiting"].map((field) => `status.schema.${field}`)),
    ...conditions,
    ...claim("spec.permissionClaims[0]"),
  ],
};
