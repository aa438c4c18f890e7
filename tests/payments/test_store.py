"""The file of payments: private, durable, shared by programs, and never two open payments in it."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from payments.bank import ADDRESS, PAYEE
from venice_async.errors import ConfigurationError, LedgerError, SpendingCapError
from venice_async.payments.book import default_path
from venice_async.payments.caps import Limits, Mark, Wish
from venice_async.payments.makers import this_maker
from venice_async.payments.payment import MOVES, OPEN, Payment, PaymentState, Purse
from venice_async.payments.store import Store

PURSE = Purse(origin="https://api.venice.ai:443", wallet=ADDRESS.lower())
NOW = 1_800_000_000.0


def wish(units: int = 10, cap: int = 1000, last: int = 1000) -> Wish:
    """A payment that fits."""
    mark = Mark(last=last)
    return Wish(units=units, limits=Limits(cap=cap), mark=mark, pay_to=PAYEE, since=NOW)


def reserved(store: Store, *, now: float = NOW) -> Payment:
    """A new payment."""
    payment, is_new = store.reserve(PURSE, wish(), now=now, stale_after=60)
    assert is_new
    return payment


def signed(store: Store, nonce: str = "0x01") -> Payment:
    """A payment that may have been sent."""
    return store.move(reserved(store).number, PaymentState.SIGNED, header="SECRET" * 50, nonce=nonce, expires_at=5)


def test_it_is_the_users_alone(tmp_path: Path) -> None:
    """File and folder, from the first instant; one that others can read is not used."""
    store = Store(tmp_path / "new" / "payments.sqlite3")
    reserved(store)
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    store.path.chmod(0o640)
    with pytest.raises(LedgerError, match=r"The payments file .* can be read or written by other users"):
        store.open_payment(PURSE)


@pytest.mark.parametrize("content", [b"not a database at all, but a longer text than its header", b"\0" * 5000])
def test_another_file_is_left_as_it_was(content: bytes, tmp_path: Path) -> None:
    """What is no file of payments is no place for them."""
    path = tmp_path / "other"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(LedgerError):
        Store(path).open_payment(PURSE)
    assert path.read_bytes() == content


def test_a_ledger_of_jobs_is_not_used(tmp_path: Path) -> None:
    """Two kinds of files, two places."""
    path = tmp_path / "jobs.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE jobs (id TEXT)")
    path.chmod(0o600)
    with pytest.raises(LedgerError, match="another kind"):
        Store(path).open_payment(PURSE)


def test_a_newer_file_is_not_used(tmp_path: Path) -> None:
    """Its rules are not known here."""
    store = Store(tmp_path / "p")
    reserved(store)
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer"):
        store.open_payment(PURSE)


def test_there_is_one_open_payment_at_most(tmp_path: Path) -> None:
    """By a rule of the file itself, not only of the code."""
    store = Store(tmp_path / "p")
    first = signed(store)
    again, is_new = store.reserve(PURSE, wish(), now=NOW, stale_after=60)
    assert (again.number, is_new) == (first.number, False)
    with closing(sqlite3.connect(store.path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(
            "INSERT INTO payments (origin, wallet, units, pay_to, automatic, state, created_at, since)"
            " SELECT origin, wallet, units, pay_to, automatic, 'reserved', created_at, since FROM payments"
        )
    other, is_new = store.reserve(
        Purse(origin="https://other:443", wallet=PURSE.wallet), wish(), now=NOW, stale_after=60
    )
    assert is_new
    assert other.number != first.number


def test_a_reserved_one_grows_stale(tmp_path: Path) -> None:
    """Also for who set the clock back."""
    store = Store(tmp_path / "p")
    first = reserved(store)
    assert not store.reserve(PURSE, wish(), now=NOW + 59, stale_after=60)[1]
    second = reserved(store, now=NOW + 61)
    assert store.get(first.number).state is PaymentState.VOID
    reserved(store, now=NOW - 100_000)
    assert store.get(second.number).state is PaymentState.VOID
    late = store.move(first.number, PaymentState.SIGNED, header="h", nonce="n", expires_at=1)
    assert (late.state, late.header) == (PaymentState.VOID, None)


@pytest.mark.parametrize("state", PaymentState)
def test_what_ended_stays_as_it_ended(state: PaymentState, tmp_path: Path) -> None:
    """Only legal moves change anything."""
    for wanted in PaymentState:
        store = Store(tmp_path / wanted.value)
        payment = reserved(store) if state in {PaymentState.RESERVED, PaymentState.VOID} else signed(store)
        if state in MOVES[payment.state]:
            payment = store.move(payment.number, state)
        after = store.move(payment.number, wanted, closed_at=1.0)
        assert after.state is (wanted if wanted in MOVES[state] and state in OPEN else state)
        assert after.header is None or after.state in OPEN


def test_what_ended_leaves_no_signed_payment_behind(tmp_path: Path) -> None:
    """Its bytes are overwritten, and no journal keeps them."""
    store = Store(tmp_path / "p")
    payment = signed(store)
    assert b"SECRETSECRET" in store.path.read_bytes()
    store.move(payment.number, PaymentState.SETTLED, payment_id="p", closed_at=NOW)
    assert b"SECRET" not in store.path.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["p"]
    assert store.get(payment.number).payment_id == "p"


def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    """A payment that is gone is not silently begun anew."""
    store = Store(tmp_path / "p")
    payment = reserved(store)
    store.path.unlink()
    with pytest.raises(LedgerError, match="not on record"):
        store.move(payment.number, PaymentState.SIGNED, header="h", nonce="n", expires_at=1)


def test_caps_are_counted_in_the_same_transaction(tmp_path: Path) -> None:
    """What does not fit leaves no row."""
    store = Store(tmp_path / "p")
    with pytest.raises(SpendingCapError):
        store.reserve(PURSE, wish(units=1001, last=0), now=NOW, stale_after=60)
    assert store.open_payment(PURSE) is None


def test_a_receipt_settles_what_was_thought_to_be_over(tmp_path: Path) -> None:
    """A move does not, and what was given up before it was sent stays void."""
    store = Store(tmp_path / "p")
    over = store.move(signed(store).number, PaymentState.EXPIRED, closed_at=NOW)
    assert store.move(over.number, PaymentState.SETTLED, line="another's").state is PaymentState.EXPIRED
    late = store.settle_late(over.number, payment_id="p", closed_at=NOW + 1)
    assert (late.state, late.payment_id, late.line) == (PaymentState.SETTLED, "p", None)
    void = store.give_up(reserved(store).number, PaymentState.VOID, closed_at=NOW)
    assert store.settle_late(void.number, closed_at=NOW).state is PaymentState.VOID


def test_the_first_receipt_of_another_wallet_is_kept(tmp_path: Path) -> None:
    """While the payment is open."""
    store = Store(tmp_path / "p")
    payment = signed(store)
    told = store.keep_told(payment.number, credited_to="0x1", credited=Decimal(7), payment_id="one")
    assert (told.credited_to, told.credited_usd, told.payment_id, told.header) == ("0x1", 7, "one", payment.header)
    assert store.keep_told(payment.number, credited_to="0x2", payment_id="two").payment_id == "one"
    other = store.move(payment.number, PaymentState.SETTLED, credited_to=None, closed_at=NOW)
    assert store.keep_told(other.number, credited_to="0x2").credited_to is None


def at_server(store: Store, origin: str, nonce: str, state: PaymentState = PaymentState.SIGNED) -> Payment:
    """A payment of the same wallet at another server, or at this one."""
    purse = Purse(origin=origin, wallet=PURSE.wallet)
    payment, _ = store.reserve(purse, wish(), now=NOW, stale_after=60)
    return store.move(payment.number, state, header="h", nonce=nonce, expires_at=int(NOW) + 300)


def fits(store: Store, units: int, mark: Mark, *, now: float = NOW + 50) -> bool:
    """Whether so much may be paid beside what counts, under a cap of 20."""
    try:
        store.check(PURSE, Wish(units=units, limits=Limits(cap=20), mark=mark), now=now)
    except SpendingCapError:
        return False
    return True


@pytest.mark.parametrize("now", [NOW + 50, NOW - 100_000, NOW + 10**9])
def test_what_runs_at_the_same_time_counts(now: float, tmp_path: Path) -> None:
    """Open when the call began and settled since, or reserved since; whatever the clock says."""
    store = Store(tmp_path / "p")
    payment = at_server(store, PURSE.origin, "0x01")
    began = store.mark(PURSE)
    assert began == Mark(last=1, beside=frozenset({1}))
    assert not fits(store, 11, began, now=now)
    assert fits(store, 10, began, now=now)
    store.move(payment.number, PaymentState.SETTLED, closed_at=now)
    assert not fits(store, 11, began, now=now)
    assert fits(store, 20, store.mark(PURSE), now=now)
    assert not fits(store, 11, Mark(last=0), now=now)
    later = store.mark(PURSE)
    store.move(at_server(store, PURSE.origin, "0x02").number, PaymentState.EXPIRED, closed_at=now)
    assert not fits(store, 11, later, now=now)
    assert fits(store, 20, Mark(last=2, beside=frozenset({2})), now=now)


def test_what_happens_at_another_server_does_not_count(tmp_path: Path) -> None:
    """An emulator's payments are not in the way of a real server's: neither open nor settled ones."""
    store = Store(tmp_path / "p")
    payment = at_server(store, "https://one:443", "0x01")
    began = store.mark(PURSE)
    assert began == Mark(last=1)
    for mark in (began, Mark(last=0), Mark(last=0, beside=frozenset({1}))):
        assert fits(store, 20, mark)
    store.move(payment.number, PaymentState.SETTLED, closed_at=NOW)
    assert fits(store, 20, Mark(last=0, beside=frozenset({1})))


def reserved_by(store: Store, maker: str | None) -> Payment:
    """A payment that this process, or another one, is having signed."""
    payment = reserved(store)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE payments SET maker = ?", (maker,))
    return payment


def test_what_a_dead_process_reserved_is_void_at_once(tmp_path: Path) -> None:
    """And what nobody knows the maker of, or another machine's, waits for its time."""
    maker = this_maker()
    if maker is None:
        pytest.skip("this system does not tell processes apart")
    system, number, _began = maker.split(" ")
    for name, gone in {f"{system} {number} 1": True, maker: False, "elsewhere 1 1": False, None: False}.items():
        store = Store(tmp_path / f"{name}".replace("/", "-"))
        first = reserved_by(store, name)
        there, is_new = store.reserve(PURSE, wish(), now=NOW + 1, stale_after=60)
        assert is_new is gone
        assert (there.number == first.number) is not gone
        assert store.get(first.number).state is (PaymentState.VOID if gone else PaymentState.RESERVED)


def test_a_signed_payment_outlives_its_maker(tmp_path: Path) -> None:
    """It may have been sent."""
    store = Store(tmp_path / "p")
    payment = signed(store)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE payments SET maker = maker || '0'")
    there, is_new = store.reserve(PURSE, wish(), now=NOW + 10**6, stale_after=60)
    assert (there.number, is_new) == (payment.number, False)


def test_the_lines_that_were_there_are_kept_while_it_is_open(tmp_path: Path) -> None:
    """None is not the same as no lines."""
    for known in (None, frozenset[str](), frozenset({"a", "b"})):
        store = Store(tmp_path / f"{known}")
        payment = store.move(reserved(store).number, PaymentState.SIGNED, known=known)
        assert store.get(payment.number).known == known
        assert store.move(payment.number, PaymentState.EXPIRED).known is None


def test_a_refused_write_leaves_the_file_usable(tmp_path: Path) -> None:
    """A broken step rolls back by itself."""
    store = Store(tmp_path / "p")
    payment = reserved(store)
    with pytest.raises(LedgerError):
        store.move(payment.number, PaymentState.SIGNED, no_such_column=1)
    assert store.get(payment.number).state is PaymentState.RESERVED


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file in the user's state folder, or where VENICE_PAYMENTS says."""
    monkeypatch.delenv("VENICE_PAYMENTS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert default_path() == tmp_path / ".local/state/venice-async/payments.sqlite3"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_path() == tmp_path / ".local/state/venice-async/payments.sqlite3"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert default_path() == tmp_path / "s/venice-async/payments.sqlite3"
    monkeypatch.setenv("VENICE_PAYMENTS", str(tmp_path / "x"))
    assert default_path() == tmp_path / "x"

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("VENICE_PAYMENTS")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigurationError, match="VENICE_PAYMENTS"):
        default_path()


_RACER = """
import sys
from pathlib import Path
from venice_async.errors import VeniceError
from venice_async.payments.caps import Limits, Mark, Wish
from venice_async.payments.payment import PaymentState, Purse
from venice_async.payments.store import Store
store, purse = Store(Path(sys.argv[1])), Purse(origin="o", wallet="w")
mark = Mark(last=0)
made = 0
for turn in range(10):
    wish = Wish(units=1, limits=Limits(cap=12), mark=mark, pay_to="p")
    try:
        payment, is_new = store.reserve(purse, wish, now=1000.0, stale_after=60)
    except VeniceError:
        continue
    if is_new:
        nonce = f"{sys.argv[2]}-{turn}"
        assert store.move(payment.number, PaymentState.SIGNED, header="h", nonce=nonce, expires_at=1).header == "h"
        store.move(payment.number, PaymentState.SETTLED, closed_at=1.0)
        made += 1
print(made)
"""


def test_programs_at_once_stay_under_one_cap(tmp_path: Path) -> None:
    """Five processes race for twelve units: twelve are reserved, one at a time."""
    path = tmp_path / "p"
    racers = [
        subprocess.Popen([sys.executable, "-c", _RACER, str(path), str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(5)
    ]
    made = [int(racer.communicate(timeout=100)[0]) for racer in racers]
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT state, count(*), sum(units) FROM payments GROUP BY state").fetchall()
    assert rows == [("settled", sum(made), sum(made))]
    assert sum(made) == 12
