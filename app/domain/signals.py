"""Signals: what a careful colleague would notice on a case, and from when on it is one."""

from enum import StrEnum

QUICK_DECISION_SECONDS = 30
"""A decision that comes within so many seconds of the request was hardly read."""

PAIR_DECISIONS_MIN = 5
"""So many decisions of one reviewer on one creator's overrides, the last of them on the case, are a signal."""

PAIR_DAYS = 90
"""The days before a decision in which the decisions of a pair are counted."""

EVIDENCE_MAX = 10
"""How many cases, documents, overrides or pairs a signal shows at most; counts are of all, but for CASES_MAX."""

CASES_MAX = 100
"""How many cases elsewhere are looked at, and counted, for one file or bank account: the newest."""


class SignalKind(StrEnum):
    """What is noticed."""

    SAME_DOCUMENT = "SAME_DOCUMENT"
    EARLIER_OVERRIDES = "EARLIER_OVERRIDES"
    SAME_BANK_ACCOUNT = "SAME_BANK_ACCOUNT"
    QUICK_DECISION = "QUICK_DECISION"
    REPEATED_PAIR = "REPEATED_PAIR"
