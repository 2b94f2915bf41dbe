"""What a call costs: the price table and the worst case that is booked when nothing better is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from segmentry.exceptions import ConfigurationError

__all__ = ["ANY_MODEL", "PRICE_COLUMNS", "Price", "find_price", "parse_prices"]

ANY_MODEL = "*"
"""The row of the price table for every model that has none of its own."""

PRICE_COLUMNS = "model, prompt_price, cached_prompt_price, completion_price"
"""Columns of ``stg_segmentry__model_prices`` that `parse_prices` reads, in its order."""

_PER_TOKENS = Decimal(1_000_000)
_SMALLEST = Decimal("0.000001")


@dataclass(frozen=True)
class Price:
    """Prices of a model per million tokens, in the currency of the price table."""

    prompt: Decimal
    cached_prompt: Decimal
    completion: Decimal

    def cost(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> Decimal:
        """Cost of a call, rounded up to a millionth.

        Parameters
        ----------
        prompt_tokens, completion_tokens : int
            Tokens sent and received.
        cached_tokens : int, default 0
            Of those sent, read from the provider's cache.

        Returns
        -------
        Decimal
            In the currency of the price table.

        Examples
        --------
        >>> Price(Decimal(2), Decimal("0.5"), Decimal(8)).cost(1000, 500, cached_tokens=400)
        Decimal('0.005400')
        """
        cached = min(cached_tokens, prompt_tokens)
        cost = (
            (prompt_tokens - cached) * self.prompt
            + cached * self.cached_prompt
            + completion_tokens * self.completion
        )
        return (cost / _PER_TOKENS).quantize(_SMALLEST, ROUND_UP)


def parse_prices(rows: Iterable[tuple[str, Decimal, Decimal, Decimal]]) -> dict[str, Price]:
    """Read the price table.

    Parameters
    ----------
    rows : iterable of (str, Decimal, Decimal, Decimal)
        Values of `PRICE_COLUMNS`: model, price per million tokens sent, read from the cache and received.

    Returns
    -------
    dict of str to Price
        By model.

    Raises
    ------
    ConfigurationError
        A price is missing or negative, or there is no row for unknown models.
    """
    prices: dict[str, Price] = {}
    for model, *amounts in rows:
        if any(amount is None or amount < 0 for amount in amounts):
            raise ConfigurationError(
                f"The price table has a price for {model!r} that is missing or negative. "
                "Correct the table behind the var segmentry_model_prices; 0 is for a model that is free."
            )
        prices[model] = Price(*(Decimal(str(amount)) for amount in amounts))
    find_price(prices, ANY_MODEL)
    return prices


def find_price(prices: Mapping[str, Price], model: str) -> Price:
    """Price of a model: its own, else the worst case of the row ``*``.

    Parameters
    ----------
    prices : mapping of str to Price
        See `parse_prices`.
    model : str
        Name of the model.

    Returns
    -------
    Price
        Never unknown.

    Raises
    ------
    ConfigurationError
        There is neither a row for the model nor one for unknown models.

    Examples
    --------
    >>> prices = parse_prices([("*", 10, 10, 40), ("local", 0, 0, 0)])
    >>> find_price(prices, "local").cost(1000, 1000), find_price(prices, "new").cost(1000, 1000)
    (Decimal('0.000000'), Decimal('0.050000'))
    """
    price = prices.get(model) or prices.get(ANY_MODEL)
    if price is None:
        raise ConfigurationError(
            f"The price table has no row {ANY_MODEL!r}, the worst case for models that are not listed. "
            "Add one to the table behind the var segmentry_model_prices."
        )
    return price
