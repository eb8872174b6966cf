import { join } from "node:path";

/** A directory that changes as the kubelet changes a mounted Secret: all files at once, by the link `..data`. */
export class MountedSecret implements AsyncDisposable {
  readonly #directory: string;
  #version = "";

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async mount(data: Record<string, string>): Promise<MountedSecret> {
    const secret = new MountedSecret(await Deno.makeTempDir());
    await secret.update(data);
    for (const name of Object.keys(data)) await Deno.symlink(join("..data", name), secret.path(name));
    return secret;
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  async update(data: Record<string, string>): Promise<void> {
    const former = this.#version;
    this.#version = `..${crypto.randomUUID()}`;
    await Deno.mkdir(this.path(this.#version));
    for (const [name, text] of Object.entries(data)) {
      await Deno.writeTextFile(this.path(`${this.#version}/${name}`), text);
    }
    await Deno.symlink(this.#version, this.path("..data_tmp"));
    await Deno.rename(this.path("..data_tmp"), this.path("..data"));
    if (former) await Deno.remove(this.path(former), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}
