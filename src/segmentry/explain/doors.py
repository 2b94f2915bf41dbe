"""One segment at a time, from Python: what can be done with it, and what to say about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

from segmentry.exceptions import DataValidationError, LLMError
from segmentry.explain.facts import SCHEMA_VERSION, SegmentFacts
from segmentry.explain.language import find_language
from segmentry.explain.ledger import explain
from segmentry.explain.prices import ANY_MODEL, Price
from segmentry.explain.settings import PROMPT_VERSION, ExplanationLimits, ExplanationSettings
from segmentry.records import ActionabilityEvaluation, Segment, SegmentExplanation

__all__ = ["ActionabilityFilter", "SegmentExplainer"]

# Equal to the row of the seed segmentry_model_prices (a test).
_WORST_PRICE = {ANY_MODEL: Price(Decimal(20), Decimal(20), Decimal(80))}


def _facts(segment: Segment) -> SegmentFacts:
    if segment.facts is None:
        raise DataValidationError(
            f"Segment {segment.segment_id!r} has no facts. "
            "Take segments from segmentry.records.load_segments."
        )
    return segment.facts


class ActionabilityFilter:
    """Says what can be done with a segment.

    Parameters
    ----------
    use_mock : bool, default True
        Makes no difference: candidates, lift and decision are computed by the build and never by a model.
    """

    def __init__(self, use_mock: bool = True) -> None:
        self.use_mock = use_mock

    def evaluate(self, segment: Segment) -> ActionabilityEvaluation:
        """Give the best candidate of each question, and the decision.

        Parameters
        ----------
        segment : Segment
            From `segmentry.records.load_segments`.

        Returns
        -------
        ActionabilityEvaluation
            As the build computed it.

        Raises
        ------
        DataValidationError
            The segment carries no facts.
        """
        facts = _facts(segment)
        best = facts.best()
        return ActionabilityEvaluation(
            segment_id=segment.segment_id,
            what=best["what"],
            when=best["when"],
            how=best["how"],
            who=best["who"],
            actionable_dimensions=tuple(
                name for name, candidate in best.items() if candidate and candidate.is_actionable
            ),
            is_actionable=facts.decision.is_actionable,
            decision=facts.decision.decision,
        )


class SegmentExplainer:
    """Writes about a segment, by the same step as the build.

    Parameters
    ----------
    use_mock : bool, default True
        Write by the template, without a network. Otherwise ask a language model.
    model : str, default ""
        Name of the model, as the server calls it.
    language : str, default "en"
        Code of the language.
    maximum_tokens : int, default 4000
        Tokens that an answer may have.
    limits : ExplanationLimits, optional
        Where to ask, and what a call may take.
    prices : mapping of str to Price, optional
        See `segmentry.explain.prices.parse_prices`; by default every model costs the shipped worst case.

    Raises
    ------
    ConfigurationError
        A setting can't be used.

    Examples
    --------
    >>> from segmentry.records import load_segments
    >>> for segment in load_segments("warehouse.duckdb"):  # doctest: +SKIP
    ...     evaluation = ActionabilityFilter(use_mock=True).evaluate(segment)
    ...     print(SegmentExplainer(use_mock=True).explain(segment, evaluation).headline)
    """

    def __init__(
        self,
        use_mock: bool = True,
        *,
        model: str = "",
        language: str = "en",
        maximum_tokens: int = 4000,
        limits: ExplanationLimits | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        find_language(language)
        self._settings = ExplanationSettings.parse(
            {
                "provider": "template" if use_mock else "openai",
                "model": model,
                "language": language,
                "maximum_tokens": maximum_tokens,
                "prompt_version": PROMPT_VERSION,
                "schema_version": SCHEMA_VERSION,
            }
        )
        self._limits = limits
        self._prices = prices or _WORST_PRICE

    def explain(self, segment: Segment, evaluation: ActionabilityEvaluation) -> SegmentExplanation:
        """Write about one segment.

        Parameters
        ----------
        segment : Segment
            From `segmentry.records.load_segments`.
        evaluation : ActionabilityEvaluation
            Of the same segment.

        Returns
        -------
        SegmentExplanation
            Texts that passed every check.

        Raises
        ------
        DataValidationError
            The segment carries no facts, or the evaluation is of another one.
        LLMError
            The model gave no usable answer, or the segment is too small to be sent.
        ConfigurationError
            The server refuses the key or does not know the model.
        """
        facts = _facts(segment)
        if evaluation.segment_id != segment.segment_id:
            raise DataValidationError(
                f"The evaluation is of segment {evaluation.segment_id!r}, not of {segment.segment_id!r}."
            )
        (row,) = explain(
            [(segment.segment_id, facts.model_dump_json(), "")],
            {},
            self._settings,
            "",
            limits=self._limits,
            prices=self._prices,
        )
        if row.status != "ok":
            raise LLMError(f"No text about segment {segment.segment_id!r} ({row.error_kind}): {row.error}")
        texts = json.loads(row.rendered)
        return SegmentExplanation(
            **{name: text for name, text in texts.items() if not name.endswith("_rank")},
            segment_id=segment.segment_id,
            confidence_level=facts.confidence.confidence_level,
            source="template" if self._settings.provider == "template" else "llm",
        )
