#!/usr/bin/env python3
"""Makes manual pages and shell completions from what programs print with --help.

Usage: manual.py --version "fanmill 1.2.3" --folder FOLDER PROGRAM...

Writes FOLDER/man/PROGRAM.1, FOLDER/man/PROGRAM-SUBCOMMAND.1, FOLDER/bash/PROGRAM and
FOLDER/zsh/_PROGRAM. The help is CLI11's: a description, a line "Usage: ...", sections with a heading
and entries indented by two, and behind them text of the program's own with headings like "Examples:".
"""

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Entry:
    """One option, positional or subcommand."""
    names: list          # ["-c", "--connect"]
    value: str           # "ENDPOINT", "UINT:INT in [1 - 4096]"; empty for a flag
    lines: list = field(default_factory=list)  # the description, as it was broken

    @property
    def takes_value(self):
        return bool(self.value)

    @property
    def summary(self):
        return " ".join(self.lines)

    @property
    def repeats(self):
        return "..." in self.value

    @property
    def words(self):
        """The words that an argument may be, where the description lists them: "echo: gives..."."""
        return [match[1] for line in self.lines[1:] if (match := re.match(r"([a-z_]+): ", line))]


@dataclass
class Help:
    """The help of a program, or of one subcommand of it."""
    name: str                  # "fanmill-broker run"
    description: str
    usage: str                 # without the program's name
    sections: list             # (heading, [Entry])
    remarks: list              # (heading or "", [line]): what stands behind the entries
    subcommands: list = field(default_factory=list)  # [Help]

    def entries(self, kind):
        """Of `options`, `positionals` or `subcommands`; headings that are none of those are groups
        of options."""
        known = {"positionals", "subcommands"}
        return [entry for heading, entries in self.sections for entry in entries
                if heading.lower() == kind or (kind == "options" and heading.lower() not in known)]


# ---- Reading.

ENTRY = re.compile(r"^  (\S.*?)(?:\s{2,}(\S.*))?$")


def parse_entry(head, text):
    names, _, value = head.partition(" ")
    # "Needs:" and "Excludes:" are about other options, not about the value.
    value, _, _ = re.sub(r"\b(Needs|Excludes):", "\0", value).partition("\0")
    # "UINT:INT in [1 - 9]" names the type twice.
    entry = Entry(names.split(","), re.sub(r"^(\w+):\w+ in ", r"\1 in ", value.strip()))
    if text:
        entry.lines.append(text)
    return entry


def parse_sections(lines):
    """Splits what stands behind the usage into sections of entries and remarks."""
    sections, remarks = [], []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].strip():
            end += 1
        block, at = lines[at:end], end
        heading = block[0][:-1] if block[0].endswith(":") and not block[0].startswith(" ") else ""
        if not heading or heading.startswith("Example"):
            # "Exit status: 5 when..." has its heading in the line.
            match = re.match(r"^(Exit status|Environment|Files): +(.*)$", block[0])
            if match:
                remarks.append((match[1], [match[2], *block[1:]]))
            else:
                remarks.append((heading, block[1:] if heading else block))
            continue
        entries = []
        for line in block[1:]:
            # Newer versions of CLI11 align the names: "-h,     --help".
            match = ENTRY.match(re.sub(r",\s+--", ",--", line))
            if match:
                entries.append(parse_entry(match[1], match[2]))
            elif entries:
                entries[-1].lines.append(line.strip())
        sections.append((heading, entries))
    return sections, remarks


def parse_help(name, text):
    lines = text.rstrip("\n").split("\n")
    usage_at = next((i for i, line in enumerate(lines) if line.startswith("Usage:")), None)
    if usage_at is None:
        raise ValueError(f"{name} --help has no line that begins with 'Usage:'")
    description = " ".join(line.strip() for line in lines[:usage_at] if line.strip())
    program = name.split()[0]
    description = description.removeprefix(program + ": ").rstrip(".")
    usage = lines[usage_at].removeprefix("Usage:").strip()
    # The program may have named itself by its path.
    usage = re.sub(rf"^\S*{re.escape(program)}\b", "", usage).strip()
    for word in name.split()[1:]:
        usage = usage.removeprefix(word).strip()
    sections, remarks = parse_sections(lines[usage_at + 1:])
    return Help(name, description, usage, sections, remarks)


def ask(command):
    asked = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60)
    if asked.returncode != 0:
        raise ValueError(f"{' '.join(map(str, command))} --help ended with status "
                         f"{asked.returncode}: {asked.stderr}")
    return asked.stdout


def read_help(program, name=None, words=()):
    """Asks the program, and for each of its subcommands again."""
    name = name or Path(program).name
    help = parse_help(" ".join([name, *words]), ask([program, *words]))
    for entry in help.entries("subcommands"):
        help.subcommands.append(read_help(program, name, (*words, entry.names[0])))
    return help


# ---- The manual page.

def roff(text):
    """Plain text as roff: nothing in it is a request, and a '-' can be copied to a shell."""
    for plain, escaped in (("\\", "\\(rs"), ("-", "\\-"), ("'", "\\(aq"), ("`", "\\(ga"),
                           ("^", "\\(ha"), ("~", "\\(ti")):
        text = text.replace(plain, escaped)
    return "\\&" + text if text.startswith(".") else text


def page_of(name):
    return name.replace(" ", "-")


def roff_entry(entry):
    head = ", ".join(f"\\fB{roff(name)}\\fR" for name in entry.names)
    if entry.value:
        head += f" \\fI{roff(entry.value)}\\fR"
    lines = [".TP", head]
    for number, line in enumerate(entry.lines):
        # A line that begins with a value and a colon was broken on purpose.
        if number and re.match(r"^[\w.-]+: ", line):
            lines.append(".br")
        lines.append(roff(line))
    return lines


def roff_remark(heading, lines):
    """Indented lines are shown as they are."""
    if heading.startswith("Example"):
        return [".SH EXAMPLES", ".nf", *(roff(line.removeprefix("  ")) for line in lines), ".fi"]
    return [f".SH {heading.upper()}", *(roff(line) for line in lines)]


def man_page(help, version, siblings):
    page = page_of(help.name)
    lines = [f'.TH {roff(page.upper())} 1 "" "{roff(version)}" "User Commands"',
             ".SH NAME",
             f"{roff(page)} \\- {roff(help.description[:1].lower() + help.description[1:])}",
             ".SH SYNOPSIS", f".B {roff(help.name)}", roff(help.usage)]
    texts = [remark for heading, remark in help.remarks if not heading]
    if texts:
        lines.append(".SH DESCRIPTION")
        for number, text in enumerate(texts):
            lines += [".PP"] * (number > 0) + [roff(line) for line in text]
    for heading, entries in help.sections:
        kind = heading.lower()
        lines.append(f".SH {roff('arguments' if kind == 'positionals' else heading).upper()}")
        for entry in entries:
            lines += roff_entry(entry)
            if kind == "subcommands":
                lines[-1] += f"; see \\fB{roff(page_of(help.name + ' ' + entry.names[0]))}\\fR(1)"
    for heading, remark in help.remarks:
        if heading:
            lines += roff_remark(heading, remark)
    others = [f"\\fB{roff(other)}\\fR(1)" for other in siblings if other != page]
    if others:
        lines += [".SH SEE ALSO", ", ".join(others)]
    return "\n".join(lines) + "\n"


# ---- Completions.

def function_of(name):
    return "_" + re.sub(r"\W", "_", name)


def option_names(help, with_value=None):
    return [name for entry in help.entries("options") for name in entry.names
            if with_value in (None, entry.takes_value)]


def positional_words(help):
    return [word for entry in help.entries("positionals") for word in entry.words]


def bash_completion(help):
    """Options and subcommands; file names, which readline gives when we have nothing, for the rest.
    Behind `--` stands a command line of its own."""
    scopes = [help, *help.subcommands]
    words_before_options = [entry.names[0] for entry in help.entries("subcommands")]
    cases = []
    for scope in scopes:
        scope_name = scope.name.split()[1] if scope is not help else ""
        words = positional_words(scope) + (words_before_options if scope is help else [])
        cases.append(f"""    '{scope_name}')
      options='{' '.join(option_names(scope))}'
      valued='{' '.join(option_names(scope, with_value=True))}'
      words='{' '.join(words)}'
      ;;""")
    subcommands = "|".join(words_before_options)
    find_subcommand = f"      {subcommands}) scope=${{COMP_WORDS[i]}} ;;\n" if subcommands else ""
    function = function_of(help.name)
    return f"""# bash completion for {help.name}, made from its --help.
{function}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local scope='' options='' valued='' words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      --)
        if ((i == COMP_CWORD - 1)); then mapfile -t COMPREPLY < <(compgen -c -- "$current"); fi
        return
        ;;
{find_subcommand}    esac
  done
  case $scope in
{chr(10).join(cases)}
  esac
  if [[ " $valued " == *" $previous "* ]]; then return; fi
  if [[ $current == -* ]]; then words=$options; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F {function} {help.name}
"""


def zsh_quoted(text):
    """For the inside of single quotes and of a spec's [...]."""
    for special in "\\[]:":
        text = text.replace(special, "\\" + special)
    return text.replace("'", "'\\''")


def zsh_specs(help):
    specs = []
    for entry in help.entries("options"):
        first_sentence = re.split(r"[;.] | \(", entry.summary)[0]
        argument = f":{zsh_quoted(entry.value.split(':')[0].split('=')[0])}:_files" * bool(entry.value)
        # An option that may stand several times has a star; the others exclude their own spellings.
        before = "*" if entry.repeats else f"({' '.join(entry.names)})"
        for name in entry.names:
            specs.append(f"'{before}{name}[{zsh_quoted(first_sentence)}]{argument}'")
    return specs


def zsh_arguments(help, positionals, indent):
    space = " " * indent
    specs = [*zsh_specs(help), *positionals]
    return " \\\n".join([f"{space}_arguments -s -S -C", *(f"{space}  {spec}" for spec in specs)])


def zsh_positionals(help):
    words = positional_words(help)
    return [f"'*:argument:({' '.join(words)})'" if words else "'*::command line:_normal'"]


def zsh_completion(help):
    function = function_of(help.name)
    if not help.subcommands:
        return (f"#compdef {help.name}\n# Made from its --help.\n{function}() {{\n"
                f"{zsh_arguments(help, zsh_positionals(help), 2)}\n}}\n{function} \"$@\"\n")
    described = "\n".join(
        f"    '{entry.names[0]}:{zsh_quoted(entry.summary)}'" for entry in help.entries("subcommands"))
    described += "".join(f"\n    '{word}'" for word in positional_words(help))
    cases = "\n".join(
        f"        {scope.name.split()[1]})\n"
        f"{zsh_arguments(scope, zsh_positionals(scope), 10)}\n          ;;"
        for scope in help.subcommands)
    top = zsh_arguments(help, ["'1:subcommand:->subcommand'", "'*::argument:->arguments'"], 2)
    return f"""#compdef {help.name}
# Made from its --help.
{function}() {{
  local curcontext=$curcontext context state state_descr line
  typeset -A opt_args
  local -a subcommands=(
{described}
  )
{top} && return
  case $state in
    subcommand) _describe subcommand subcommands ;;
    arguments)
      case $words[1] in
{cases}
        *) _files ;;
      esac
      ;;
  esac
}}
{function} "$@"
"""


# ---- All of it.

def all_helps(help):
    return [help, *(inner for sub in help.subcommands for inner in all_helps(sub))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--version", required=True, help="name and version of the whole")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    try:
        programs = [read_help(program) for program in arguments.programs]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"manual.py: {error}", file=sys.stderr)
        return 1
    pages = [page_of(help.name) for program in programs for help in all_helps(program)]
    for folder in ("man", "bash", "zsh"):
        (arguments.folder / folder).mkdir(parents=True, exist_ok=True)
    for program in programs:
        for help in all_helps(program):
            page = arguments.folder / "man" / (page_of(help.name) + ".1")
            page.write_text(man_page(help, arguments.version, pages), encoding="utf-8")
        (arguments.folder / "bash" / program.name).write_text(bash_completion(program), encoding="utf-8")
        (arguments.folder / "zsh" / ("_" + program.name)).write_text(zsh_completion(program),
                                                                    encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
