import { KONNECTOR_IMAGE } from "../../crds/names.ts";

/** Tag of an image that Klutch's Go implementation has published, `""` without one; undefined for any other image. */
export function publishedTagOf(image: string): string | undefined {
  const [repository, tag = ""] = image.replace(/@.*/, "").split(":");
  return repository === KONNECTOR_IMAGE ? tag : undefined;
}
