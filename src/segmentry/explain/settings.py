"""Settings of the explanation step, as the dbt project hands them over."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segmentry.exceptions import ConfigurationError
from segmentry.explain.facts import SCHEMA_VERSION

__all__ = ["PROMPT_VERSION", "ExplanationLimits", "ExplanationSettings"]

PROMPT_VERSION = "4"
"""Version of prompts and templates; part of every request key. Raise it whenever a text changes."""

_Part = TypeVar("_Part", bound=BaseModel)


def _parse(kind: type[_Part], values: Mapping[str, Any]) -> _Part:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found = "; ".join(
            f"{item['loc'][0]}: {item['msg']} (found {item['input']!r})"
            if item["loc"]
            else item["msg"].removeprefix("Value error, ")
            for item in error.errors()
        )
        raise ConfigurationError(
            f"The explanation settings can't be used: {found}. Correct the vars segmentry_explanation_* "
            "and segmentry_language."
        ) from None


class ExplanationSettings(BaseModel):
    """What an answer depends on besides the facts: part of every request key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["template", "openai"]
    model: str
    language: str
    maximum_tokens: Annotated[int, Field(ge=1)]
    prompt_version: str
    schema_version: str

    @model_validator(mode="after")
    def _model_is_named(self) -> Self:
        if self.provider != "template" and not self.model:
            raise ValueError(f"the provider {self.provider!r} needs a model (segmentry_explanation_model)")
        return self

    @property
    def with_meaning(self) -> bool:
        """Whether numbers are written with what they mean; see `segmentry.explain.slots.slot_values`."""
        return self.provider != "template"

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> ExplanationSettings:
        """Read the settings of the hook.

        Parameters
        ----------
        values : mapping
            What macro ``explanation_request`` returns.

        Returns
        -------
        ExplanationSettings
            Validated settings.

        Raises
        ------
        ConfigurationError
            A value is missing, unknown or not allowed, or SQL and Python belong to different versions.
        """
        settings = _parse(cls, values)
        versions = {"prompt_version": PROMPT_VERSION, "schema_version": SCHEMA_VERSION}
        for name, expected in versions.items():
            if getattr(settings, name) != expected:
                raise ConfigurationError(
                    f"The dbt project has {name} {getattr(settings, name)!r}, the Python package has "
                    f"{expected!r}. Install the same version of both."
                )
        return settings


class ExplanationLimits(BaseModel):
    """Where a model is asked, for whom, and what a build may take. Never part of a request key.

    Seconds; cost in the currency of the price table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = ""
    minimum_customers: Annotated[int, Field(ge=0)] = 20
    concurrency: Annotated[int, Field(ge=1)] = 8
    request_seconds: Annotated[float, Field(gt=0)] = 60.0
    deadline_seconds: Annotated[float, Field(gt=0)] = 600.0
    maximum_cost: Annotated[Decimal, Field(ge=0)] = Decimal(1)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> ExplanationLimits:
        """Read the limits of the hook.

        Parameters
        ----------
        values : mapping
            What macro ``explanation_limits`` returns.

        Returns
        -------
        ExplanationLimits
            Validated limits.

        Raises
        ------
        ConfigurationError
            A value is missing, unknown or not allowed.
        """
        # A float such as 0.1 is meant as it is written.
        return _parse(cls, {**values, "maximum_cost": str(values.get("maximum_cost"))})
