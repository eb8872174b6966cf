/** Set by the build (esbuild's `define`); absent when run from source. */
declare const KLUTCH_VERSION: string | undefined;

/** The version of this program, e.g. `v0.1.0`. */
export const VERSION: string = typeof KLUTCH_VERSION === "undefined" ? "v0.1.0" : KLUTCH_VERSION;

/**
 * The version of klutch-bind whose wire format we speak. A provider reports this one in `BindingProvider.version`
 * and a konnector in `ClusterBinding.status.konnectorVersion`, because the original programs compare it with their own:
 * a CLI from 0.3.0 on refuses a provider below `v0.3.0`.
 */
export const PROTOCOL_VERSION = "v1.4.0";
