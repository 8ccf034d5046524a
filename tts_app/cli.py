"""The command line: serve, say, batch, check-config. Heavy libraries load only where they are needed."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tts_app import __version__
from tts_app.errors import BadRequest, ConfigError, TtsError
from tts_app.settings import Settings, doubts, missing_files

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 ok, 1 failed, 2 wrong usage or settings."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["batch"]:
        from tts_app.batch import cli as batch_cli  # it parses its own arguments

        return batch_cli.main(arguments[1:])
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigError as error:
        print("settings are wrong / 配置有误:", *error.problems, sep="\n  ", file=sys.stderr)
        return EXIT_USAGE
    except TtsError as error:
        print(f"error: {error.both()}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, BadRequest) else EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tts_app",
        description="Text to speech: a service, one sentence, a batch. Settings: TTS_* or TTS_CONFIG (YAML).",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the page and the API / 启动服务")
    serve.add_argument("--host", help="address to listen on (TTS_HOST, 127.0.0.1)")
    serve.add_argument("--port", help="port to listen on (TTS_PORT, 7860)")
    serve.add_argument("--engine", help="kokoro, glm, openai or espeak (TTS_ENGINE)")
    serve.set_defaults(run=_serve)

    say = commands.add_parser("say", help="speak one text into a wav file / 合成一句话")
    say.add_argument("text")
    say.add_argument("out", type=Path, help="wav file to write")
    say.add_argument("--voice")
    say.add_argument("--sample-rate", type=int, choices=(24000, 32000), default=24000)
    say.add_argument("--speed", type=float, default=1.0)
    say.add_argument("--engine", help="kokoro, glm, openai or espeak (TTS_ENGINE)")
    say.set_defaults(run=_say)

    commands.add_parser("batch", help="speak every line of a JSONL file / 批量合成", add_help=False)

    check = commands.add_parser("check-config", help="read the settings, report every problem / 检查配置")
    check.set_defaults(run=_check_config)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    """Read the settings; what stands on the command line wins."""
    names = ("host", "port", "engine")
    given = {f"TTS_{name.upper()}": value for name in names if (value := getattr(options, name, None))}
    return Settings.from_env(os.environ | given)


def _serve(options: argparse.Namespace) -> int:
    settings = _settings(options)
    if problems := missing_files(settings):
        raise ConfigError(problems)
    from tts_app.web.server import serve

    return serve(settings)


def _say(options: argparse.Namespace) -> int:
    from tts_app.say import say

    return say(
        _settings(options),
        text=options.text,
        out=options.out,
        voice=options.voice,
        sample_rate=options.sample_rate,
        speed=options.speed,
    )


def _check_config(options: argparse.Namespace) -> int:
    settings = _settings(options)
    problems = missing_files(settings)
    for field in dataclasses.fields(settings):
        print(f"{field.name}: {getattr(settings, field.name)}")
    if problems:
        raise ConfigError(problems)
    for doubt in doubts(settings):
        print(f"warning / 提醒: {doubt}", file=sys.stderr)
    print("settings are good / 配置正确")
    return EXIT_OK
