"""The table of administration for people, as Markdown. It decides nothing."""

from app.domain.administration import RULES
from app.domain.errors import LastAdmin


def administration_table() -> str:
    """Return the table: what, who, oneself, when a second admin has to approve it, and the last admin."""
    head = ["action", "who", "oneself or one's own", "a second admin approves", "last admin"]
    lines = [head, ["---"] * len(head)]
    for type, rule in RULES.items():
        who = f"{rule.role.lower()}{', for a service account' * rule.for_services}"
        last = LastAdmin.code.value if rule.keeps_last_admin else ""
        lines.append([type.value, who, rule.own.value, rule.second.value, last])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
