/** What Go, and with it container images and release archives, calls an architecture. */
export const GO_ARCH = { x86_64: "amd64", aarch64: "arm64" } as const;
