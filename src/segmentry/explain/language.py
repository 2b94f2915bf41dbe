"""What differs between languages besides the templates: number format, units, number words, phrases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from segmentry.exceptions import ConfigurationError

__all__ = ["ENGLISH", "GERMAN", "LANGUAGES", "Language", "find_language"]


@dataclass(frozen=True, eq=False)
class Language:
    """A language in which texts are written.

    Attributes
    ----------
    code, name : str
        ISO 639-1 code, and the English name that a prompt uses.
    decimal_mark, group_mark : str
        Marks of a number: ``1,234.5`` or ``1.234,5``.
    day, days, times : str
        Units as they follow a number. `day_forms` matches every form of the former.
    lowers_labels : bool
        Whether a label loses its capital within a sentence.
    number_words, harmless_words : re.Pattern
        Words that quantify, and phrases that look so and don't.
    level_claim : re.Pattern
        A level of confidence in words of one's own.
    words : mapping of str to str
        Words for codes such as ``high``; a code that is missing loses its underscores.
    phrases : mapping of str to str
        What a slot becomes in the text of a model: the value and its meaning, so that a number can't be taken
        for another. ``{value}`` is the number with its unit, ``{name}`` the feature, trait or candidate.
    """

    code: str
    name: str
    decimal_mark: str
    group_mark: str
    day: str
    days: str
    day_forms: str
    times: str
    lowers_labels: bool
    number_words: re.Pattern[str]
    harmless_words: re.Pattern[str]
    level_claim: re.Pattern[str]
    words: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, str] = field(default_factory=dict)

    def number(self, text: str) -> str:
        """Write a number with the marks of the language.

        Parameters
        ----------
        text : str
            A number as ``1,234.5``.

        Returns
        -------
        str
            The same number.

        Examples
        --------
        >>> ENGLISH.number("1,234.5"), GERMAN.number("1,234.5")
        ('1,234.5', '1.234,5')
        """
        return text.translate({ord(","): self.group_mark, ord("."): self.decimal_mark})

    def word(self, code: str) -> str:
        """Words for a code.

        Parameters
        ----------
        code : str
            Such as ``paid_search`` or ``high``.

        Returns
        -------
        str
            Words.

        Examples
        --------
        >>> ENGLISH.word("paid_search"), GERMAN.word("high")
        ('paid search', 'hoch')
        """
        return self.words.get(code, code.replace("_", " "))


_UNITS = "two|three|four|five|six|seven|eight|nine|ten"

ENGLISH = Language(
    code="en",
    name="English",
    decimal_mark=".",
    group_mark=",",
    day="day",
    days="days",
    day_forms="days?",
    times="times",
    lowers_labels=True,
    number_words=re.compile(
        rf"\b(?:zero|one|{_UNITS}|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
        r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|billions?|dozens?"
        r"|half|halves|halved|thirds?|quarters?|fifths?|tenths?|doubl(?:e|es|ed|ing)|tripl(?:e|es|ed|ing)"
        rf"|quadrupl\w+|(?:{_UNITS}|hundred)fold|twice|thrice|per ?cent|percentage)\b",
        re.IGNORECASE,
    ),
    # A "one-time" buyer is not counted, a "third-party" channel is not a fraction.
    harmless_words=re.compile(r"\b(?:one-(?:time|off)|no one|third-party)\b", re.IGNORECASE),
    level_claim=re.compile(
        r"\b(?:high|medium|low|unknown)\s+confidence\b|\bconfidence\s+is\s+(?:high|medium|low|unknown)\b",
        re.IGNORECASE,
    ),
    phrases={
        "customer_count": "{value} customers in the segment",
        "customer_share": "{value} of all customers",
        "total_clv": "{value} of expected value in all",
        "average_clv": "{value} of expected value per customer",
        "average_clv_all": "{value} of expected value for the average customer",
        "clv_share": "{value} of all expected value",
        "net_revenue": "{value} of net revenue so far",
        "order_count": "{value} orders so far",
        "average_order_value": "an order value of {value}",
        "average_churn_risk": "an average risk of {value} of buying nothing more",
        "value_at_stake": "{value} of expected value at stake",
        "clv_horizon": "{value} ahead (value)",
        "churn_horizon": "{value} ahead (risk)",
        "reachable_count": "{value} reachable customers",
        "contacts": "{value} messages to each",
        "contact_cost": "{value} per message",
        "fixed_cost": "a fixed cost of {value}",
        "incentive": "{value} of incentive per additional order",
        "gross_margin": "a gross margin of {value}",
        "uplift_low": "{value} additional buyers (low guess)",
        "uplift_base": "{value} additional buyers (base case)",
        "uplift_high": "{value} additional buyers (high guess)",
        "conversions_base": "{value} additional orders (base case)",
        "cost": "a campaign cost of {value}",
        "margin": "a margin of {value}",
        "roi_low": "a return of {value} (low guess)",
        "roi_base": "a return of {value} (base case)",
        "roi_high": "a return of {value} (high guess)",
        "break_even_uplift": "{value} additional buyers to break even",
        "overall_robustness": "a robustness of {value}",
        "worst_block_score": "a score of {value} without the features that matter most",
        "medium_from": "medium from {value}",
        "high_from": "high from {value}",
        "feature_mean": "{name} of {value} on average",
        "feature_all": "{name} of {value} for the average customer",
        "trait_share": "{value} of the segment ({name})",
        "trait_share_all": "{value} of all customers ({name})",
        "candidate_share": "{value} of the segment ({name})",
        "candidate_share_all": "{value} of all customers ({name})",
        "candidate_lift": "{value} the average share ({name})",
        "candidate_support": "{value} customers of the segment ({name})",
    },
)

_EINHEITEN = "zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf"

GERMAN = Language(
    code="de",
    name="German",
    decimal_mark=",",
    group_mark=".",
    day="Tag",
    days="Tage",
    day_forms="Tag(?:en|e)?",
    times="mal",
    lowers_labels=False,
    number_words=re.compile(
        rf"\b(?:null|eins|(?:{_EINHEITEN})(?:mal|fach\w*|hundert|tausend)?|(?:drei|vier|fünf|sech|sieb|acht|neun)zehn"
        r"|(?:ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und\w+zig"
        r"|(?:zwan|vier|fünf|sech|sieb|acht|neun)zig|dreißig|(?:ein)?hundert\w*|(?:ein)?tausende?|million(?:en)?"
        r"|milliarden?|dutzende?|hälfte|halb(?:e|er|es|en|em)?|halbier\w+|dritteln?|vierteln?|fünfteln?|zehnteln?"
        r"|(?:ver)?doppelt?\w*|(?:ver)?dreifach\w*|prozent\w*)\b",
        re.IGNORECASE,
    ),
    harmless_words=re.compile(r"\b(?:außer acht|in acht|halbwegs|doppelpunkt)\b", re.IGNORECASE),
    level_claim=re.compile(
        r"\b(?:hohe|mittlere|geringe|unbekannte)\s+Verlässlichkeit\b"
        r"|\bVerlässlichkeit\s+ist\s+(?:hoch|mittel|gering|unbekannt)\b",
        re.IGNORECASE,
    ),
    words={
        "high": "hoch",
        "medium": "mittel",
        "low": "gering",
        "unknown": "unbekannt",
        "bootstrap": "neu gezogene Kunden",
        "feature_drop": "weggelassene Merkmale",
        "time_structure": "andere Zeitfenster",
        "high_value": "hoher Wert",
        "at_risk": "Abwanderung droht",
        "dormant": "ruhend",
        "dormant_high_value": "ruhend mit hohem Wert",
        "cart_abandoner": "bricht Warenkörbe ab",
        "category_specialist": "treu zu einer Kategorie",
        "discount_sensitive": "kauft mit Rabatt",
        "browser_not_buyer": "schaut und kauft nicht",
        "weekend_shopper": "kauft am Wochenende",
        "early_bird": "kauft früh am Tag",
        "night_owl": "kauft nachts",
        "seasonal": "kauft in einer Jahreszeit",
        "mobile_first": "mobil unterwegs",
        "desktop_loyal": "am Rechner",
        "highly_engaged": "sehr aktiv",
    },
    phrases={
        "customer_count": "{value} Kunden des Segments",
        "customer_share": "{value} aller Kunden",
        "total_clv": "{value} erwarteter Wert insgesamt",
        "average_clv": "{value} erwarteter Wert je Kunde",
        "average_clv_all": "{value} erwarteter Wert beim durchschnittlichen Kunden",
        "clv_share": "{value} des gesamten erwarteten Werts",
        "net_revenue": "{value} Nettoumsatz bisher",
        "order_count": "{value} Bestellungen bisher",
        "average_order_value": "ein Bestellwert von {value}",
        "average_churn_risk": "ein mittleres Risiko von {value}, nichts mehr zu kaufen",
        "value_at_stake": "{value} gefährdeter Wert",
        "clv_horizon": "{value} Vorausschau (Wert)",
        "churn_horizon": "{value} Vorausschau (Risiko)",
        "reachable_count": "{value} erreichbare Kunden",
        "contacts": "{value} Nachrichten je Kunde",
        "contact_cost": "{value} je Nachricht",
        "fixed_cost": "feste Kosten von {value}",
        "incentive": "{value} Anreiz je zusätzlicher Bestellung",
        "gross_margin": "eine Marge von {value}",
        "uplift_low": "{value} zusätzliche Käufer (vorsichtige Annahme)",
        "uplift_base": "{value} zusätzliche Käufer (mittlere Annahme)",
        "uplift_high": "{value} zusätzliche Käufer (günstige Annahme)",
        "conversions_base": "{value} zusätzliche Bestellungen (mittlere Annahme)",
        "cost": "Kosten der Kampagne von {value}",
        "margin": "ein Deckungsbeitrag von {value}",
        "roi_low": "ein Ertrag von {value} (vorsichtige Annahme)",
        "roi_base": "ein Ertrag von {value} (mittlere Annahme)",
        "roi_high": "ein Ertrag von {value} (günstige Annahme)",
        "break_even_uplift": "{value} zusätzliche Käufer zur Kostendeckung",
        "overall_robustness": "eine Robustheit von {value}",
        "worst_block_score": "ein Wert von {value} ohne die wichtigsten Merkmale",
        "medium_from": "mittel ab {value}",
        "high_from": "hoch ab {value}",
        "feature_mean": "{name}: {value} im Mittel",
        "feature_all": "{name}: {value} beim durchschnittlichen Kunden",
        "trait_share": "{value} des Segments ({name})",
        "trait_share_all": "{value} aller Kunden ({name})",
        "candidate_share": "{value} des Segments ({name})",
        "candidate_share_all": "{value} aller Kunden ({name})",
        "candidate_lift": "{value} der durchschnittliche Anteil ({name})",
        "candidate_support": "{value} Kunden des Segments ({name})",
    },
)

LANGUAGES: Mapping[str, Language] = {language.code: language for language in (GERMAN, ENGLISH)}


def find_language(code: str) -> Language:
    """Look a language up.

    Parameters
    ----------
    code : str
        ISO 639-1 code.

    Returns
    -------
    Language
        The language.

    Raises
    ------
    ConfigurationError
        Nothing is written in this language.

    Examples
    --------
    >>> find_language("de").name
    'German'
    """
    if code not in LANGUAGES:
        raise ConfigurationError(
            f"There is no explanation template in {code!r}. Available: {', '.join(sorted(LANGUAGES))}. "
            "Set the var segmentry_language to one of them."
        )
    return LANGUAGES[code]
