import { Command } from "commander";
import { examples } from "./help.ts";
import { type ProgramContext, UsageError } from "./program.ts";

const SCRIPTS: Record<string, string> = {
  bash: `_klutch() {
  local output line
  output=$("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :0) compopt -o default ;;
      :*) ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done <<<"$output"
}
complete -F _klutch klutch
`,
  zsh: `#compdef klutch
_klutch() {
  local line
  local -a candidates
  for line in "\${(@f)$(klutch __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :0) _files ;;
      :*) ;;
      *) candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;;
    esac
  done
  _describe klutch candidates
}
compdef _klutch klutch
`,
  fish: `function __klutch_complete
  for line in (klutch __complete (commandline -opc)[2..-1] (commandline -ct | string collect --allow-empty) 2>/dev/null)
    switch $line
      case ':0'
        __fish_complete_path (commandline -ct)
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c klutch -f -a '(__klutch_complete)'
`,
};

const SHELLS = Object.keys(SCRIPTS);

const OF_KLUTCH = examples(
  ["bash, for this session", "source <(klutch completion bash)"],
  ["zsh, for good", 'klutch completion zsh > "${fpath[1]}/_klutch"'],
  ["fish, for good", "klutch completion fish > ~/.config/fish/completions/klutch.fish"],
  ["kubectl klutch", 'ln -s "$(command -v klutch)" ~/.local/bin/kubectl_complete-klutch'],
);
/** Where there may be no `klutch` at all: krew installs the plugin alone. */
const OF_PLUGIN = examples(
  [
    "kubectl klutch, where kubectl itself is completed",
    'ln -s "$(command -v kubectl-klutch)" ~/.local/bin/kubectl_complete-klutch',
  ],
);

/** `klutch completion SHELL` */
export function completionCommand(context: ProgramContext): Command {
  const command = new Command("completion")
    .description(
      "Prints a script that completes klutch's commands, flags and names in your shell. kubectl completes the plugin by " +
        "itself where it finds kubectl_complete-klutch, a link to this program, in the PATH.",
    )
    .usage(`${SHELLS.join("|")}`)
    .argument("[shell]", `${SHELLS.slice(0, -1).join(", ")} or ${SHELLS.at(-1)}`);
  return command
    .addHelpText(
      "after",
      "\n" + (context.invokedAs === "klutch" ? OF_KLUTCH : OF_PLUGIN),
    )
    .action((shell: string | undefined) => {
      if (shell === undefined) return command.outputHelp();
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
      if (script === undefined) throw new UsageError(`unknown shell '${shell}': it is one of ${SHELLS.join(", ")}`);
      context.writeOut(script);
    });
}
