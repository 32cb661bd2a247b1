"""Pages of `saga explain`: words that mean other things elsewhere (SAGA030 to SAGA040).

It must not know how problems are found.
"""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA030",
        "yes, no, on and off",
        """In YAML 1.1, which many tools read, the unquoted words yes, no, on, off, y and n are true and false; in YAML
        1.2 they are text. Quote them, or write true or false. As a key the word is quoted too.""",
        wrong="country: NO",
        right='country: "NO"',
        why="The country code of Norway has been read as false often enough.",
    ),
    explanation(
        "SAGA031",
        "a number in another notation",
        """Octal (017, 0o17), hexadecimal (0x1F) and binary numbers, and numbers with underscores, are read differently
        by different tools. Numbers are decimal and start with no 0; other codes are quoted.""",
        wrong="postcode: 01067",
        right='postcode: "01067"',
    ),
    explanation(
        "SAGA032",
        "a number that ends with a zero",
        "A number keeps no zero at its end. Versions and prices that need it are text, so they are quoted.",
        wrong="api_version: 1.10",
        right='api_version: "1.10"',
        why="1.10 as a number is 1.1, which as a version is nine versions older.",
    ),
    explanation(
        "SAGA033",
        "digits with colons",
        "In YAML 1.1 an unquoted 1:30 is the number 90. A time of day is quoted; a duration is written with its units.",
        wrong="timeout: 1:30",
        right="timeout: 1m30s",
    ),
    explanation(
        "SAGA034",
        "a date",
        "In YAML 1.1 an unquoted date is a date object, which JSON does not have. It is quoted and stays text.",
        wrong="from: 2026-01-01",
        right='from: "2026-01-01"',
    ),
    explanation(
        "SAGA035",
        "infinity, or not a number",
        "The values .inf and .nan cannot be written as JSON.",
        wrong="limit: .inf",
        right="limit: null",
        why="Values are JSON in the journal, in requests and in the database.",
    ),
    explanation(
        "SAGA036",
        "a number that cannot be kept exactly",
        """Integers have 64 bits. Other numbers keep about 16 digits. A number with more is an identifier or an exact
        amount: quote it, and it stays text.""",
        wrong="account: 98765432109876543210",
        right='account: "98765432109876543210"',
        why="A value is never changed in silence.",
    ),
    explanation(
        "SAGA037",
        "text that cannot be stored",
        "An escape in the text stands for NUL, or for half of a character that Unicode writes as a pair.",
        wrong=r'mark: "\0"',
        right=r'mark: "\n"',
        why="PostgreSQL stores no NUL, and half a character is no UTF-8.",
    ),
    explanation(
        "SAGA040",
        "too many problems",
        "Reading stopped after 100 problems. Mend those first; there may be more behind them.",
    ),
)
