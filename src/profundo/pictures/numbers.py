"""Numbers as people read them: 99.17 %, 28,938, 1.2 M, 4.2 s. A no-break space keeps a number and its unit together.

Where another language than English is spoken they follow it: 99,17 %, 28 938.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from profundo.languages import local, raised, say

__all__ = ["alike", "chance", "count", "duration", "flat", "how_many", "percent", "plain", "setting", "shape", "short"]

SPACE = "\u00a0"


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage with so many decimals; only a whole is called 100 %, only nothing 0 %."""
    if not math.isfinite(share):
        return plain(share)
    least = 10.0**-digits
    if 1 - least / 200 <= share < 1:
        return f"> {local(f'{100 - least:.{digits}f}')}{SPACE}%"
    if 0 < share < least / 200:
        return f"< {local(f'{least:.{digits}f}')}{SPACE}%"
    whole = {f"{100:.{digits}f}": "100", f"{-0.0:.{digits}f}": f"{0:.{digits}f}"}
    written = f"{100 * share:.{digits}f}"
    return local(whole.get(written, written)) + f"{SPACE}%"


def chance(p: float) -> str:
    """A probability of luck alone, with as many digits as one reads."""
    if p < 0.001:
        return f"< {local('0.001')}"
    return local(f"{p:.3f}" if p < 0.1 else f"{p:.2f}")


def count(number: int) -> str:
    return local(f"{number:,}")


def how_many(number: int, noun: str) -> str:
    """1 photograph, 1,234 photographs: of an English noun whose plural has an s."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def short(number: float, unit: str) -> str:
    """Three significant digits, a prefix and the unit: 1,234,567 → 1.23 M FLOPs. Below a thousand, as it is."""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            scaled = number / size
            decimals = sum(scaled < bound for bound in (9.995, 99.95))
            return local(f"{scaled:,.{decimals}f}") + f"{SPACE}{prefix}{SPACE}{unit}"
    return local(f"{number:,.0f}") + f"{SPACE}{unit}"


def plain(number: float) -> str:
    """Four significant digits, a true minus sign, powers of ten for what is very large or very small."""
    if math.isnan(number):
        return say("report.not_a_number")
    sign = "−" if number < 0 else ""
    size = abs(number)
    if math.isinf(size):
        return f"{sign}∞"
    if size == int(size) and size < 1e15:
        return sign + local(f"{int(size):,}")
    if 1e-4 <= size < 1e6:
        return sign + local(f"{size:,.{max(0, 3 - math.floor(math.log10(size)))}f}")
    mantissa, exponent = f"{size:.2e}".split("e")
    return f"{sign}{local(mantissa)}{SPACE}·{SPACE}10{raised(int(exponent))}"


def alike(low: float, high: float) -> tuple[str, str]:
    """Two ends of one span, with as many decimals as four digits of the larger need: 0.0017 and 0.2418."""
    size = max(abs(low), abs(high))
    if not 1e-4 <= size < 1e6 or (low == int(low) and high == int(high)):
        return plain(low), plain(high)
    decimals = max(0, 3 - math.floor(math.log10(size)))
    rounded = (round(end, decimals) + 0.0 for end in (low, high))  # no −0
    first, last = (local(f"{end:,.{decimals}f}".replace("-", "−")) for end in rounded)
    return first, last


def duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return plain(seconds)
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f}{SPACE}ms"
    if seconds < 59.95:
        return local(f"{seconds:.1f}") + f"{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min{SPACE}{rest}{SPACE}s"
    return f"{minutes // 60}{SPACE}h{SPACE}{minutes % 60}{SPACE}min"


def shape(sizes: tuple[int, ...]) -> str:
    """(8, 14, 14) → 8 × 14 × 14."""
    return f"{SPACE}×{SPACE}".join(map(str, sizes)) or "1"


def setting(value: object) -> str:
    """A setting as one would say it; numbers as one types them, in every language."""
    if value is None:
        return say("report.none")
    if isinstance(value, bool):
        return say("report.yes" if value else "report.no")
    if isinstance(value, float):
        return f"{value:g}".replace("-", "−") if 1e-6 <= abs(value) < 1e6 or value == 0 else str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(setting, value)) or say("report.none")
    return str(value) or say("report.none")


def flat(settings: Mapping[str, object], above: str = "") -> dict[str, str]:
    """Nested settings as one list: {"data": {"seed": 0}} → {"data · seed": "0"}."""
    results: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{above} · {key}" if above else str(key)
        if isinstance(value, Mapping) and value:
            results |= flat(value, name)
        else:
            results[name] = say("report.none") if isinstance(value, Mapping) else setting(value)
    return results
