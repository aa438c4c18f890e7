"""What is decided about the bytes of a video while they come."""

import pytest

from venice_async.arrival import Arrival, Pace, Slowest
from venice_async.errors import Charge, IncompleteDownloadError, InvalidVideoError, VideoTooLargeError

HEAD = b"\0\0\0\x18ftypisom"
CAP = 2**30
BLOCK = 2**20


class TestPace:
    def test_silence_is_not_judged_before_the_window_is_over(self) -> None:
        """A slow start is no stall."""
        pace = Pace(Slowest(speed=1000, window=60), now=0.0)
        pace.check(1, 30.0)
        pace.check(1, 59.9)

    def test_a_drip_is_a_stall(self) -> None:
        """One byte a second passes every read timeout, and would go on for years."""
        pace = Pace(Slowest(), now=100.0)
        for second in range(1, 60):
            pace.check(1, 100.0 + second)
        with pytest.raises(IncompleteDownloadError, match="60 bytes came in 60 seconds") as caught:
            pace.check(1, 160.0)
        assert caught.value.transient
        assert caught.value.charge is Charge.CHARGED

    def test_each_window_is_judged_for_itself(self) -> None:
        """A fast beginning buys no time for later."""
        pace = Pace(Slowest(speed=1000, window=60), now=0.0)
        pace.check(10**9, 60.0)
        pace.check(59_999, 119.0)
        with pytest.raises(IncompleteDownloadError):
            pace.check(0, 120.0)

    def test_just_fast_enough_goes_on(self) -> None:
        """The limit itself is still allowed."""
        pace = Pace(Slowest(speed=1000, window=60), now=0.0)
        for minute in range(1, 10):
            pace.check(60_000, 60.0 * minute)

    def test_a_long_pause_counts_in_full(self) -> None:
        """What comes after two windows has to make up for both."""
        pace = Pace(Slowest(speed=1000, window=60), now=0.0)
        with pytest.raises(IncompleteDownloadError):
            pace.check(119_999, 120.0)

    def test_time_for_writing_is_not_the_senders(self) -> None:
        """A slow disk makes no sender slow."""
        pace = Pace(Slowest(speed=1000, window=60), now=0.0)
        pace.rest(3600.0)
        pace.check(1, 3659.0)

    @pytest.mark.parametrize("wrong", [{"speed": -1.0}, {"window": 0.0}, {"window": -5.0}])
    def test_limits_are_sound(self, wrong: dict[str, float]) -> None:
        """A speed below nothing or a window without time is a mistake."""
        with pytest.raises(ValueError, match="must be"):
            Slowest(**wrong)

    def test_no_limit_is_a_speed_of_zero(self) -> None:
        """For senders that may take as long as they like."""
        pace = Pace(Slowest(speed=0), now=0.0)
        pace.check(0, 10**6)


class TestArrival:
    def test_blocks_are_as_large_as_asked_for(self) -> None:
        """Small pieces are collected, and none is lost or copied."""
        arrival, piece = Arrival(None, CAP, block_size=BLOCK), HEAD + bytes(BLOCK // 4)
        assert [len(arrival.take(piece)) for _ in range(8)] == [0, 0, 0, 4, 0, 0, 0, 4]
        assert not arrival.rest()
        assert arrival.received == 8 * len(piece)

    def test_blocks_may_change_their_size(self) -> None:
        """Memory is shared with transfers that come and go."""
        arrival = Arrival(None, CAP, block_size=4 * BLOCK)
        assert not arrival.take(HEAD + bytes(BLOCK))
        arrival.block_size = BLOCK
        assert len(arrival.take(b"x")) == 2

    def test_a_resumed_one_counts_on(self) -> None:
        """Sizes are those of the whole file, and its head was checked before."""
        arrival = Arrival(100, CAP, block_size=BLOCK, resumed=90)
        assert not arrival.take(b"0123456789")
        assert arrival.rest() == [b"0123456789"]
        assert arrival.received == 100

    def test_a_resumed_one_that_is_too_long_is_refused(self) -> None:
        """At its first byte above the announcement; so is a beginning that is longer than the whole."""
        with pytest.raises(InvalidVideoError, match="More bytes"):
            Arrival(100, CAP, block_size=BLOCK, resumed=90).take(b"0123456789a")
        with pytest.raises(VideoTooLargeError):
            Arrival(None, 50, block_size=BLOCK, resumed=51)

    def test_a_resumed_one_has_its_head_already(self) -> None:
        """The rest of a video does not begin as a video does; the file is proven from its first byte in the end."""
        arrival = Arrival(100, CAP, block_size=BLOCK, resumed=3)
        arrival.take(b"<html><body>")
        assert arrival.received == 15

    def test_what_is_pending_can_be_had(self) -> None:
        """For a transfer that is broken off but worth keeping."""
        arrival = Arrival(None, CAP, block_size=BLOCK)
        arrival.take(HEAD)
        assert arrival.pending() == [HEAD]
        assert not arrival.pending()
