"""The commands about a wallet and their options: `wallet balance`, `wallet transactions`, `wallet top-up`."""

from typing import Annotated

from cyclopts import App, Parameter

from venice_async.cli.options import Json, ServerOptions
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, guarded

_USUAL_SERVER = ServerOptions()
_USUAL_ROWS = 20

wallet = App(
    name="wallet",
    help="What a wallet has at Venice, where it went, and adding to it. "
    "The wallet's private key comes from VENICE_WALLET_KEY and from nowhere else.",
)


@wallet.command
def balance(*, server: ServerOptions = _USUAL_SERVER, json: Json = False) -> int:
    """Show the wallet's credit, whether it may consume, and payments whose outcome is open. Signs in, pays nothing."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.wallet import show_balance

        return run(show_balance(server, terminal))

    return guarded(terminal, work)


@wallet.command
def transactions(
    *,
    limit: Annotated[
        int | None, Parameter(help=f"How many of the newest. [default: {_USUAL_ROWS}]", show_default=False)
    ] = None,
    everything: Annotated[
        bool, Parameter(name="--all", help="All that the server still tells.", show_default=False)
    ] = False,
    server: ServerOptions = _USUAL_SERVER,
    json: Json = False,
) -> int:
    """List top-ups, charges and refunds of the wallet, newest first, in UTC. Signs in, pays nothing."""
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.wallet import list_transactions, rows_wanted

        wanted = rows_wanted(limit, everything=everything, usual=_USUAL_ROWS)
        return run(list_transactions(server, terminal, wanted))

    return guarded(terminal, work)


@wallet.command
def top_up(
    usd: Annotated[str, Parameter(help="US dollars to add, such as 10; paid in USDC on Base.")],
    /,
    *,
    cap: Annotated[
        str | None,
        Parameter(
            help="Must be given: the most, in US dollars, that this command may sign for. There is no way without one.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"], help="Sign without asking.", show_default=False)] = False,
    server: ServerOptions = _USUAL_SERVER,
    json: Json = False,
) -> int:
    """Pay USDC from the wallet into its credit at Venice. This moves real money, and there is no way back.

    It shows what would be signed and asks; without a terminal it needs --yes. A payment that was signed is kept in
    ~/.local/state/venice-async/payments.sqlite3 (under XDG_STATE_HOME where that is set; or the file that
    VENICE_PAYMENTS names) before it is sent. Keep that file: as long as the outcome of a payment is open, the same
    command sends the very same one again and signs nothing new. Exit code 0 only when the amount is credited.
    """
    terminal = Terminal(document=json)

    def work() -> int:
        from venice_async.cli.wallet_top_up import TopUpOrder
        from venice_async.cli.wallet_top_up import top_up as run_top_up

        return run_top_up(TopUpOrder.of(usd, cap, server=server, approved=yes), terminal)

    return guarded(terminal, work)
