"""Sentences that tell signals to people; the words are in `en.toml` and `fr.toml`."""

from dataclasses import asdict, is_dataclass

from app.domain.model import Language
from app.domain.signals import PAIR_DAYS, PAIR_DECISIONS_MIN, QUICK_DECISION_SECONDS
from app.i18n import WORDS

_LIMITS = {"seconds_max": QUICK_DECISION_SECONDS, "days": PAIR_DAYS, "decisions_min": PAIR_DECISIONS_MIN}


def signal_text(signal: object, language: Language) -> str:
    """Return the sentence of a signal, whose counts it names; no name of a person or a document is in it."""
    assert is_dataclass(signal) and not isinstance(signal, type)
    found = asdict(signal)
    counts = {name: value for name, value in found.items() if isinstance(value, int)}
    kind = signal.kind  # type: ignore[attr-defined]  # each signal has one
    name = f"{kind}_AT_LEAST" if found.get("has_more_cases") else kind
    return WORDS[language]["signals"][name].format_map(_LIMITS | counts)
