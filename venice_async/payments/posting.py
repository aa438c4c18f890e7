"""The two posts of a top-up: one asks for the offer, the other sends a signed payment. Each is one exchange."""

from collections.abc import Mapping

from attrs import field, frozen

from venice_async.auth import HiddenStr, NoAuth
from venice_async.errors import PaymentOption, UnexpectedReplyError, VeniceError
from venice_async.exchanger import Exchanger
from venice_async.governor import Kind
from venice_async.links import check_base_url
from venice_async.models import TopUpReceipt
from venice_async.payments.account import Payer, patiently, server_time
from venice_async.payments.outcomes import unsigned
from venice_async.payments.payment import Payment
from venice_async.payments.signing import signature_in
from venice_async.payments.verdicts import Verdict, verdict_on_error, verdict_on_receipt
from venice_async.wire import wallet as calls
from venice_async.wire.exchange import ReplyHead


@frozen(kw_only=True)
class Answer:
    """What came back for a payment: a receipt, or an error."""

    verdict: Verdict
    receipt: TopUpReceipt | None = None
    error: VeniceError | None = field(default=None, repr=False)


class Bearer:
    """No credential: a payment says by itself who pays. It is hidden wherever the server repeats it."""

    __slots__ = ("_hidden",)

    def __init__(self, header: str) -> None:
        # The signature alone would do: the rest of a payment stands on record, and on the chain.
        signature = HiddenStr(signature_in(header))
        self._hidden = (HiddenStr(header), signature, HiddenStr(signature.removeprefix("0x")))

    async def headers(self) -> Mapping[str, str]:
        return {}

    def secrets(self) -> tuple[str, ...]:
        return self._hidden

    def __repr__(self) -> str:
        return "Bearer(***)"


async def offered(client: Payer) -> tuple[tuple[PaymentOption, ...], float | None]:
    """What the server asks for, and its time. Raises UnexpectedReplyError for anything but an offer.

    Whatever goes wrong here, nothing was signed, and its error says so.
    """
    exchanger = _exchanger(client, NoAuth())
    call = calls.top_up_call(check_base_url(client.base_url), payment=None)
    try:
        return await patiently(client, lambda: exchanger.answer(call, Kind.OTHER, _dated_offer, accepted=(402,)))
    except VeniceError as error:
        failure = error.with_traceback(None)
    raise unsigned(failure)


async def posted(client: Payer, payment: Payment) -> Answer:
    """Send a signed payment, once. Never raises for what the server or the way to it does."""
    header = payment.header
    if header is None:
        raise ValueError("a payment that is not signed, or has ended, is not sent")
    exchanger = _exchanger(client, Bearer(header))
    call = calls.top_up_call(check_base_url(client.base_url), payment=header)
    try:
        receipt = await exchanger.answer(call, Kind.OTHER, calls.receipt_of)
    except VeniceError as error:
        return Answer(verdict=verdict_on_error(error), error=error)
    return Answer(verdict=verdict_on_receipt(receipt, payment), receipt=receipt)


def _exchanger(client: Payer, auth: NoAuth | Bearer) -> Exchanger:
    # One of its own, so that the sign-in does not go where nobody needs it.
    shared = client.exchanger
    return Exchanger(transport=shared.transport, governor=shared.governor, auth=auth)


def _dated_offer(head: ReplyHead, body: bytes) -> tuple[tuple[PaymentOption, ...], float | None]:
    if head.status != 402:
        raise UnexpectedReplyError(f"The server answered {head.status} to the question how to pay.", status=head.status)
    return calls.offer_of(head, body), server_time(head)
