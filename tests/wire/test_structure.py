"""The larger answers: strict about types, tolerant of what is new."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venice_async.errors import UnexpectedReplyError
from venice_async.models import Deprecation, VideoConstraints, VideoModel
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.replies import account_limits_of, models_of
from venice_async.wire.structure import account_limits, video_model

ENTRY: dict[str, Any] = {
    "id": "wan-2.5-preview-text-to-video", "type": "video", "object": "model", "created": 1_750_000_000,
    "new_field": {"a": [1]},
    "model_spec": {
        "name": "Wan 2.5", "privacy": "anonymized", "offline": False, "beta": True, "traits": [],
        "regionRestrictions": ["US"],
        "deprecation": {"date": "2026-01-01", "removesAt": "2026-12-01", "replacementModelId": "wan-3",
        "autoRemap": True},
        "constraints": {
            "model_type": "text-to-video", "aspect_ratios": ["16:9"], "resolutions": ["720p"], "durations": ["5s",
            "10s"],
            "audio": True, "audio_configurable": True, "audio_input": True, "video_input": False,
            "prompt_character_limit": 1000, "max_keyframes": 7,
        },
    },
}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "accessPermitted": True, "apiTier": {"id": "paid", "isCharged": True}, "balances": {"USD": Decimal("5.5"),
    "DIEM": 3},
    "keyExpiration": None, "nextEpochBegins": "2026-11-22T00:00:00Z",
    "rateLimits": [{"apiModelId": "m", "rateLimits": [{"amount": 40, "type": "RPM"}, {"amount": 1000, "type": "RPD"}]}],
}  # fmt: skip


def with_value(tree: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a tree with one value in it replaced; `...` removes it."""
    changed = copy.deepcopy(tree)
    *way, last = path.split(".")
    inner: Any = changed
    for name in way:
        inner = inner[int(name)] if isinstance(inner, list) else inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return changed


class TestModel:
    def test_everything_that_is_told_is_kept(self) -> None:
        """Names as in Python, unknown constraints under `extra`, other unknown fields let go."""
        assert video_model(ENTRY) == VideoModel(
            id="wan-2.5-preview-text-to-video", name="Wan 2.5", privacy="anonymized", beta=True,
            region_restrictions=("US",),
            deprecation=Deprecation(removes_at="2026-12-01", replacement_model_id="wan-3", auto_remap=True),
            constraints=VideoConstraints(
                model_type="text-to-video", aspect_ratios=("16:9",), resolutions=("720p",), durations=("5s", "10s"),
                audio=True, audio_configurable=True, audio_input=True, prompt_character_limit=1000,
                extra={"max_keyframes": 7},
            ),
        )  # fmt: skip

    @pytest.mark.parametrize("tree", [{"id": "m"}, {"id": "m", "model_spec": None}, {"id": "m", "model_spec": {}}])
    def test_all_but_the_id_may_be_missing(self, tree: dict[str, Any]) -> None:
        """Fields come and go; what was not told is marked, so that nothing is refused by it."""
        lists_and_flags = (
            "aspect_ratios", "resolutions", "durations", "audio", "audio_configurable", "audio_input", "video_input",
        )  # fmt: skip
        assert video_model(tree) == VideoModel(id="m", constraints=VideoConstraints(unknown=lists_and_flags))

    @pytest.mark.parametrize(
        ("name", "value"),
        [("durations", "5s"), ("durations", {"min": 5, "max": 20}), ("durations", [5]), ("aspect_ratios", [None]),
         ("resolutions", [{"id": "720p"}]), ("audio", "yes"), ("audio_configurable", 1)],
    )  # fmt: skip
    def test_a_form_of_the_future_costs_one_check_and_not_the_model(self, name: str, value: object) -> None:
        """It is neither coerced nor believed: it is set aside, and the field is marked as unknown."""
        found = video_model(with_value(ENTRY, f"model_spec.constraints.{name}", value)).constraints
        assert found.extra == {"max_keyframes": 7, name: value}
        assert found.unknown == (name,)
        assert getattr(found, name) in ((), False)

    @pytest.mark.parametrize("value", ["1000", True, Decimal("1.5"), {"max": 9}])
    def test_a_limit_that_is_not_understood_is_the_usual_one(self, value: object) -> None:
        """2500 characters, as where nothing is said."""
        tree = with_value(ENTRY, "model_spec.constraints.prompt_character_limit", value)
        assert video_model(tree).constraints.prompt_character_limit == 2500

    def test_a_catalogue_of_the_future_is_read(self) -> None:
        """Unknown fields, new values in every list and a new type of model."""
        tree = with_value(ENTRY, "model_spec.constraints.model_type", "scent-to-video")
        tree = with_value(tree, "model_spec.constraints.durations", ["90s", "eternal"])
        tree = with_value(tree, "model_spec.novelty", {"x": [1]})
        found = video_model(tree).constraints
        assert (found.model_type, found.durations, found.unknown) == ("scent-to-video", ("90s", "eternal"), ())

    @pytest.mark.parametrize(
        "path",
        ["model_spec.name", "model_spec.deprecation", "model_spec.regionRestrictions", "model_spec.constraints",
        "model_spec.offline",
         "model_spec.constraints.durations", "model_spec.constraints.prompt_character_limit",
         "model_spec.constraints.audio"],
    )  # fmt: skip
    def test_a_null_is_a_field_that_is_not_there(self, path: str) -> None:
        """It costs us neither the catalogue nor, read as the text "None", our trust."""
        assert video_model(with_value(ENTRY, path, None)) == video_model(with_value(ENTRY, path, ...))

    @pytest.mark.parametrize(
        ("path", "value"),
        [("model_spec.name", 5), ("model_spec.offline", "false"), ("model_spec.offline", 0),
         ("model_spec.regionRestrictions", "US"), ("model_spec.regionRestrictions", {"deny": ["US"]}),
         ("model_spec.deprecation", "soon"), ("model_spec.constraints", []), ("model_spec.constraints", "none")],
    )  # fmt: skip
    def test_nothing_is_coerced(self, path: str, value: object) -> None:
        """A value of another type is as good as none, and the model stays: who cannot see it cannot use it."""
        assert video_model(with_value(ENTRY, path, value)) == video_model(with_value(ENTRY, path, ...))

    def test_half_a_deprecation_is_none(self) -> None:
        """A warning that is not understood is not given."""
        assert video_model(with_value(ENTRY, "model_spec.deprecation.autoRemap", 1)).deprecation is None

    @pytest.mark.parametrize("value", [None, 17, ...])
    def test_a_model_has_an_id(self, value: object) -> None:
        """Without one it cannot be asked for; the refusal names the path and not the value."""
        with pytest.raises(ValueError, match=r"\$\.id") as caught:
            video_model(with_value(ENTRY, "id", value))
        assert "17" not in str(caught.value)

    def test_whole_numbers_may_have_a_point(self) -> None:
        """JSON does not tell 1000 from 1000.0."""
        tree = with_value(ENTRY, "model_spec.constraints.prompt_character_limit", Decimal("1000.0"))
        assert video_model(tree).constraints.prompt_character_limit == 1000


class TestAccount:
    def test_every_limit_has_its_model(self) -> None:
        """The groups of the answer become one list."""
        found = account_limits(ACCOUNT)
        assert (found.access_permitted, found.tier, found.usd, found.diem) == (True, "paid", Decimal("5.5"), Decimal(3))
        assert [(limit.model, limit.type, limit.amount) for limit in found.limits] == [
            ("m", "RPM", 40),
            ("m", "RPD", 1000),
        ]

    @pytest.mark.parametrize(
        ("path", "value"),
        [("accessPermitted", None), ("accessPermitted", "yes"), ("accessPermitted", ...), ("apiTier", "paid"),
        ("apiTier", ...),
         ("balances.USD", "5"), ("balances.USD", True), ("rateLimits.0.rateLimits.0.amount", "40"),
         ("rateLimits.0.rateLimits.0.amount", ...), ("rateLimits.0.rateLimits.0.type", 1),
         ("rateLimits.0.apiModelId", 5)],
    )  # fmt: skip
    def test_nothing_is_coerced(self, path: str, value: object) -> None:
        """Limits that are not understood must not be guessed."""
        with pytest.raises(ValueError):  # noqa: PT011 -- the reader of the answer words it
            account_limits(with_value(ACCOUNT, path, value))

    @pytest.mark.parametrize("path", ["balances", "balances.USD", "rateLimits", "rateLimits.0.apiModelId"])
    def test_what_may_be_missing(self, path: str) -> None:
        """Balances and limits are told or not."""
        assert account_limits(with_value(ACCOUNT, path, ...)).access_permitted

    @pytest.mark.parametrize("data", [None, [], "x", 5])
    def test_no_object_no_limits(self, data: object) -> None:
        """Refused by name."""
        with pytest.raises(ValueError, match="data"):
            account_limits(data)


def test_the_vendor_s_own_examples_are_understood(openapi_path: Path) -> None:
    """What the document shows as a catalogue and as an account's limits."""
    document = json.loads(openapi_path.read_text())
    head = ReplyHead(status=200, headers={"content-type": "application/json"})
    limits = document["paths"]["/api_keys/rate_limits"]["get"]["responses"]["200"]["content"]["application/json"]
    example = _example(limits["schema"])
    assert account_limits_of(head, json.dumps(example).encode()).tier
    listing = {"data": [ENTRY, {"type": "video"}]}
    assert len(models_of(head, json.dumps(listing, default=float).encode())) == 1, "one garbled entry costs one model"
    with pytest.raises(UnexpectedReplyError):
        models_of(head, json.dumps({"data": [{"type": "video"}]}).encode())


def _example(schema: dict[str, Any]) -> Any:
    """An instance of a schema made of its own examples."""
    if "example" in schema:
        return schema["example"]
    if schema.get("type") == "object":
        return {name: _example(inner) for name, inner in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_example(schema["items"])]
    return {"string": "text", "number": 1, "integer": 1, "boolean": True}[schema["type"]]
