"""The exception tree: what every error has in common."""

import copy
import pickle
import re
from decimal import Decimal

import attrs
import pytest

from venice_async import errors
from venice_async.errors import Charge, PaymentOption, SignInChallenge, SignInError, TopUpInstructions, VeniceError
from venice_async.errors.problems import Problem


def tree(root: type[VeniceError]) -> list[type[VeniceError]]:
    """A class and everything below it, in the order of its definition."""
    return [root, *(kind for child in root.__subclasses__() for kind in tree(child))]


EVERY = [kind for kind in tree(VeniceError) if kind.__module__.startswith("venice_async.errors")]
OPTION = PaymentOption(
    scheme="exact", network="eip155:8453", asset="0xa", amount="5000000", pay_to="0xb", max_timeout_seconds=300,
    extra={"name": "USD Coin", "version": "2"},
)  # fmt: skip
CHALLENGE = SignInChallenge(
    domain="a.b", uri="https://a.b", nonce="0123456789abcdef", issued_at="2026-04-09T12:00:00.000Z",
    expires_at="2026-04-09T12:05:00.000Z", statement="Sign in", chains=("eip155:8453",),
)  # fmt: skip
FACTS = {
    "charge": Charge.REFUNDED, "advice": "Do this.", "transient": True, "proof": "it was", "status": 418, "code": "TEA",
    "ray": "8f-VIE", "details": {"a": 1}, "issues": ({"b": 2},), "payment": {"accepts": []}, "policy_text": "Read.",
    "consent_version": "1", "consent_flow": "seedance", "face_media_roles": ("image",), "docs_url": "https://a.b",
    "successor": "/new", "suggested_prompt": "A cat.", "recommended_model": "m", "hint": "h",
    "credits_refunded": True, "retry_after": 2.5, "problems": ("one", "two"),
    "located": (Problem(field="x", message="one"),), "needed_usd": Decimal("1.5"), "queue_id": "q1",
    "available_usd": Decimal("0.5"), "job_id": "j1", "reason": "key",
    "problem": VeniceError("inner", charge=Charge.CHARGED), "options": (OPTION,), "payment_required": {"accepts": []},
    "auth_options": {"apiKey": {"header": "h"}}, "balance_usd": Decimal("0.01"), "minimum_balance_usd": Decimal("0.1"),
    "minimum_top_up_usd": Decimal(5), "suggested_top_up_usd": Decimal(10), "challenge": CHALLENGE,
    "instructions": TopUpInstructions(
        steps=("a", "b"), receiver_wallet="0xb", token_address="0xa", token_decimals=6, network="eip155:8453",
        minimum_usd=Decimal("5.0"),
    ),
    "tokens": ("USDC",), "chains": ("base", "solana"), "usd": Decimal("7.5"), "cap_usd": Decimal(5),
    "expires_at": 1790000000.5,
}  # fmt: skip

each = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)


def known(kind: type[VeniceError]) -> dict[str, object]:
    """The facts that a class knows."""
    return {name: value for name, value in FACTS.items() if hasattr(kind, name)}


def drawn() -> list[tuple[int, str]]:
    """Depth and name of every class in the picture of the module's docstring."""
    picture = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0].splitlines()
    found = [re.match(r"    ([│├└─ ]*)(\w+)", line) for line in picture]
    return [(len(match[1]) // 4, match[2]) for match in found if match]


def real(kind: type[VeniceError], depth: int = 0) -> list[tuple[int, str]]:
    """The same of the classes themselves."""
    below = [pair for child in kind.__subclasses__() if child in EVERY for pair in real(child, depth + 1)]
    return [(depth, kind.__name__), *below]


def test_the_picture_in_the_docstring_is_the_tree() -> None:
    """Nobody has to read the code to know what to catch."""
    assert drawn() == real(VeniceError)


def test_every_fact_is_tried_here() -> None:
    """A fact that is added is pickled and copied by these tests too."""
    declared = {
        name
        for kind in EVERY
        for name, value in vars(kind).items()
        if not name.startswith("_") and not isinstance(value, property)  # those follow from facts
    }
    assert declared == set(FACTS)


@each
def test_pickle_and_copy_keep_everything(kind: type[VeniceError]) -> None:
    """Errors cross process borders and are raised anew to each who awaits: neither loses a word."""
    error = kind("Something went wrong.", **known(kind))
    pickled = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    for twin in (pickled, copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert (str(twin), twin.args) == (str(error), error.args)
        for name, value in known(kind).items():
            kept = getattr(twin, name)
            assert str(kept) == str(value) if isinstance(value, VeniceError) else kept == value


@each
def test_the_text_tells_of_the_money_and_what_to_do(kind: type[VeniceError]) -> None:
    """One line says what went wrong, what it cost, and what to do next."""
    for charge in Charge:
        error = kind("It broke.", charge=charge, advice="Mend it.")
        assert str(error) == f"It broke. {charge.sentence} Mend it."
    assert str(kind("It broke.")).startswith(f"It broke. {kind.charge.sentence}")


@pytest.mark.parametrize(("message", "shown"), [("Broken", "Broken."), ("Why?", "Why?"), ("Cut…", "Cut…"), ("", "")])
def test_a_message_is_a_sentence(message: str, shown: str) -> None:
    """The server's own words often end without a full stop; what follows must not run into them."""
    assert str(VeniceError(message)) == f"{shown} Nothing was charged.".strip()


OPEN = {"VeniceError", "JobError"}  # roots: those below say what to do
SPEAKING = {"ConfigurationError", "InvalidRequestError"}  # their messages say themselves what would do


@each
def test_every_class_says_what_to_do_next(kind: type[VeniceError]) -> None:
    """One or two whole sentences, unless each message of the class does."""
    if kind.__name__ in OPEN | SPEAKING:
        assert kind.advice == ""
    else:
        assert re.fullmatch(r"[A-Z`].*\.", kind.advice)
        assert str(kind("It broke.")) == f"It broke. {kind.charge.sentence} {kind.advice}"


@each
def test_every_class_can_be_made_of_nothing(kind: type[VeniceError]) -> None:
    """All facts have defaults, and a missing message leaves no gap."""
    assert str(kind()).startswith(kind.charge.sentence)
    assert kind().message == ""


@each
def test_an_unknown_fact_is_a_programming_mistake(kind: type[VeniceError]) -> None:
    """A misspelt fact must not vanish silently."""
    with pytest.raises(TypeError, match="no_such_fact"):
        kind("x", no_such_fact=1)


@each
def test_every_class_says_what_it_is(kind: type[VeniceError]) -> None:
    """Each has a docstring of its own."""
    assert kind.__doc__
    assert kind.__doc__ != Exception.__doc__


def test_facts_of_one_error_do_not_show_in_another() -> None:
    """Facts belong to the error, not to its class."""
    errors.RateLimitError("a", retry_after=3.0)
    assert errors.RateLimitError("b").retry_after is None


def test_every_charge_has_its_own_sentence() -> None:
    """A person can tell the four apart."""
    assert len({charge.sentence for charge in Charge}) == len(Charge) == 4


@pytest.mark.parametrize(
    ("kind", "transient"),
    [
        (errors.ConnectError, True), (errors.SendError, True), (errors.ReplyLostError, True),
        (errors.RateLimitError, True), (errors.FailureBlockError, True), (errors.ServerError, True),
        (errors.CapacityError, True), (errors.IncompleteDownloadError, True), (errors.BadRequestError, False),
        (errors.AuthenticationError, False), (errors.PaymentRequiredError, False), (errors.ContentRejectedError, False),
        (errors.WalletConcurrencyError, True), (errors.TopUpPendingError, True), (errors.TopUpRefusedError, False),
        (errors.SpendingCapError, False), (errors.SignerError, False), (errors.SignInError, False),
        (errors.UnexpectedReplyError, False), (errors.ConfigurationError, False), (errors.UnknownOutcomeError, False),
    ],
)  # fmt: skip
def test_what_may_pass_by_itself(kind: type[VeniceError], transient: bool) -> None:
    """Only trouble that time can mend is called transient."""
    assert kind("x").transient is transient


CODES = {
    "INVALID_PAYLOAD", "PARSE_ERROR", "INVALID_MESSAGE", "ADDRESS_MISMATCH", "INVALID_CHAIN_ID", "CHAIN_MISMATCH",
    "UNSUPPORTED_CHAIN", "MISSING_NONCE", "DOMAIN_MISMATCH", "TIMESTAMP_MISMATCH", "EXPIRED", "FUTURE_TIMESTAMP",
    "NOT_BEFORE", "INVALID_SIGNATURE", "INVALID_WALLET", "NONCE_REUSED",
}  # fmt: skip
CLOCK = {"EXPIRED", "FUTURE_TIMESTAMP", "TIMESTAMP_MISMATCH", "NOT_BEFORE"}


def sign_in(code: str | None, **facts: object) -> SignInError:
    return SignInError("No", code=code and f"X402_SIGN_IN_{code}", **facts)


class TestSignIn:
    @pytest.mark.parametrize("code", sorted(CODES))
    def test_every_code_has_a_cure_of_its_own(self, code: str) -> None:
        """No two causes are mended by the same, and each cure is a sentence."""
        others = {sign_in(other).advice for other in CODES - {code}} | {SignInError.advice}
        assert sign_in(code).advice not in others
        assert re.fullmatch(r"[A-Z].*\.", sign_in(code).advice)
        assert str(sign_in(code)) == f"No. Nothing was charged. {sign_in(code).advice}"

    @pytest.mark.parametrize("code", [None, "", "SOMETHING_NEW", "expired"])
    def test_an_unknown_code_has_the_general_cure(self, code: str | None) -> None:
        """A code that is newer than this package is no reason to say nothing."""
        assert sign_in(code).advice == SignInError.advice
        assert SignInError("No", code="EXPIRED").advice == SignInError.advice

    @pytest.mark.parametrize("code", sorted(CODES))
    def test_what_a_fresh_signature_may_mend(self, code: str) -> None:
        """The clock's troubles, after a look at the server's; a used nonce as it is; nothing else."""
        assert sign_in(code).is_clock is (code in CLOCK)
        assert sign_in(code).is_stale is (code in CLOCK | {"NONCE_REUSED"})

    @pytest.mark.parametrize(("code", "may"), [(None, True), ("", True), ("SOMETHING_NEW", False)])
    def test_a_cause_that_is_not_told_may_be_the_clock(self, code: str | None, may: bool) -> None:
        """The account's own endpoints tell none: without this a wrong clock could not be mended there."""
        assert (sign_in(code).is_clock, sign_in(code).is_stale) == (may, may)

    def test_an_advice_that_is_given_stays(self) -> None:
        """Whoever raises it may know better."""
        assert sign_in("EXPIRED", advice="Do this.").advice == "Do this."

    def test_what_follows_from_facts_is_no_fact(self) -> None:
        """It cannot be set to contradict the code."""
        with pytest.raises(AttributeError):
            sign_in("EXPIRED", is_clock=False)


class TestPaymentOption:
    @pytest.mark.parametrize(
        ("amount", "usd"),
        [("5000000", "5"), ("1", "0.000001"), ("0", "0"), ("10000000000", "10000"), ("007", "0.000007"),
         ("9" * 30, "9" * 24 + "." + "9" * 6)],
    )  # fmt: skip
    def test_an_amount_in_dollars(self, amount: str, usd: str) -> None:
        """Six decimals, exact."""
        assert attrs.evolve(OPTION, amount=amount).usd == Decimal(usd)

    @pytest.mark.parametrize(
        "amount",
        ["", " 5000000", "5000000 ", "+5", "-5", "1_000", "5.0", "1e9", "0x4c4b40", "\u0665", "\u00b2", "\uff15",
         "9" * 31, "NaN", "Infinity", "5\n", "1,000", "\ufffd5"],
    )  # fmt: skip
    def test_what_is_not_plain_digits_is_no_amount(self, amount: str) -> None:
        """Whatever Python itself would make of it."""
        assert attrs.evolve(OPTION, amount=amount).usd is None
