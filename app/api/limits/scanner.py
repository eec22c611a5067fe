"""A linear scan of a document's text, before it is parsed: how many tokens and comments, how deeply nested brackets.

It finds no syntax errors. Where it meets what is no token it stops, and the parser, which stops there too, says why.
"""

import re

# GraphQL specification, section 2.1. Every repetition is possessive or in an atomic group, so that nothing is tried
# twice. Where one has a negative look-ahead, Python before 3.11.5 matches too much if it is possessive
# (https://github.com/python/cpython/issues/100061).
# A string without an end matches nothing, which ends the scan: to go on behind its quote would read the rest again for
# each quote in it.
_TOKEN = re.compile(
    r"""
    [\s,\ufeff]*+
    (?:
        (?P<open>[{(\[])
      | (?P<close>[})\]])
      | \#[^\n\r]*+  # a comment: the parser keeps each as a token too
      | \.\.\.
      | [!$&:=@|]
      | [_A-Za-z][_0-9A-Za-z]*+
      | -?[0-9][0-9.eE+-]*+
      | \"\"\"(?>(?:[^"\\]|\\(?:\"\"\")?|"(?!""))*)\"\"\"
      | "(?!"")(?>(?:[^"\\\n\r]|\\.)*)"
    )
    """,
    re.VERBOSE,
)


def scan(text: str, tokens_max: int | None, nesting_max: int | None) -> tuple[int, int]:
    """Return the number of tokens and the deepest nesting; where one passes its bound, what was found up to there."""
    tokens = nesting = deepest = position = 0
    while (match := _TOKEN.match(text, position)) is not None:
        position = match.end()
        tokens += 1
        if match["open"]:
            nesting += 1
            deepest = max(deepest, nesting)
        elif match["close"]:
            nesting -= 1
        if tokens_max is not None and tokens > tokens_max:
            break
        if nesting_max is not None and nesting > nesting_max:
            break
    return tokens, deepest
