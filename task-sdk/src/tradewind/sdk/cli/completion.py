"""`tradewind completion`: what a shell needs to complete the command line."""

from __future__ import annotations

import click

LOADED_BY = {
    "bash": 'eval "$(tradewind completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(tradewind completion zsh)" in ~/.zshrc',
    "fish": "tradewind completion fish > ~/.config/fish/completions/tradewind.fish",
}


@click.command(epilog="\b\n" + "\n".join(f"{shell}: {how}" for shell, how in LOADED_BY.items()))
@click.argument("shell", type=click.Choice(sorted(LOADED_BY)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion of commands and options for SHELL."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choices are those that click has
    root = context.find_root().command
    click.echo(kind(root, {}, "tradewind", "_TRADEWIND_COMPLETE").source())
