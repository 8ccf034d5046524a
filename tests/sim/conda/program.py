"""The command line of the stand-in, with conda's options, messages and exit codes."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .environment import read_environment, read_explicit
from .failures import CondaFailure
from .install import explicit, install_explicit, install_wanted

VERSION = "26.3.2"


def main(argv: Sequence[str], root: Path) -> int:
    """Do what `argv` says for the conda that is installed in `root`; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        options.do(options, root / "pkgs")
    except CondaFailure as failure:
        print(f"\n{failure}\n", file=sys.stderr)
        return 1
    return 0


def run(root: Path) -> None:
    """Run the program and end the process at once: py-rattler sometimes crashes when Python takes it down."""
    try:
        status = main(sys.argv[1:], root)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conda")
    parser.add_argument("-V", "--version", action="version", version=f"conda {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create")
    create.add_argument("-y", "--yes", action="store_true", required=True)  # nobody is there to answer
    create.set_defaults(do=_create)
    env = commands.add_parser("env").add_subparsers(required=True, metavar="COMMAND").add_parser("create")
    env.set_defaults(do=_env_create)
    for command in (create, env):
        command.add_argument("-p", "--prefix", type=Path, required=True)
        command.add_argument("-f", "--file", type=Path, required=True)
        command.add_argument("-q", "--quiet", action="store_true")
    listed = commands.add_parser("list")
    listed.add_argument("-p", "--prefix", type=Path, required=True)
    listed.add_argument("--explicit", action="store_true", required=True)
    listed.add_argument("--md5", action="store_true", required=True)
    listed.set_defaults(do=_list)
    return parser


def _env_create(options: argparse.Namespace, cache: Path) -> None:
    wanted = read_environment(options.file)
    prefix = _new(options.prefix)
    if not options.quiet:
        print("Channels:", *(f" - {url}" for url in wanted.channels), "Platform: linux-64", sep="\n")
    asyncio.run(install_wanted(wanted, prefix, cache))


def _create(options: argparse.Namespace, cache: Path) -> None:
    packages = read_explicit(options.file)
    asyncio.run(install_explicit(packages, _new(options.prefix), cache))


def _list(options: argparse.Namespace, cache: Path) -> None:
    if not (options.prefix / "conda-meta").is_dir():
        raise CondaFailure(
            "EnvironmentLocationNotFound", f"Not a conda environment: {options.prefix.absolute()}"
        )
    print("# This file may be used to create an environment using:")
    print("# $ conda create --name <env> --file <this file>")
    print("# platform: linux-64", f"# created-by: conda {VERSION}", "@EXPLICIT", sep="\n")
    for line in explicit(options.prefix):
        print(line)


def _new(prefix: Path) -> Path:
    prefix = prefix.absolute()
    if prefix.is_dir() and any(prefix.iterdir()):
        raise CondaFailure("CondaValueError", f"prefix already exists: {prefix}")
    return prefix
