"""Every sentence and label of the first screen and of the brief, in English and in French, and how each writes numbers.

One entry per sentence: its key, its English and its French text, with named gaps. Nothing is translated anywhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...data.errors import UsageError
from ...data.geography import country_name
from ..outlook import group_name
from . import number_format as numbers

LANGUAGES = ("en", "fr")
_MONTHS_FR = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
)
#: Signs of numbers as French writes them: a narrow space between thousands, a comma before decimals.
_FRENCH_SIGNS = str.maketrans({",": "\u202f", ".": ","})
_NOUNS = {
    "event": (("event", "events"), ("événement", "événements")),
    "month": (("month", "months"), ("mois", "mois")),
    "year": (("year", "years"), ("an", "ans")),
    "region": (("region", "regions"), ("région", "régions")),
}
_GROUPS_FR = {
    "any": "un groupe armé quelconque",
    "azawad": "Mouvements de l’Azawad",
    "islamic_state": "État islamique",
}

TEXTS: dict[str, tuple[str, str]] = {
    # Classes of the list
    "class breaking out": ("Breaking out", "Flambées"),
    "class likely to worsen": ("Likely to worsen", "Aggravation probable"),
    "class could begin": ("Could begin", "Pourrait commencer"),
    "class easing": ("Easing", "En apaisement"),
    "no place": ("No place stands out.", "Aucun lieu ne se distingue."),
    # Surprises
    "all countries": ("All countries together", "Tous les pays ensemble"),
    "surprise high": (
        "{place} had {observed} events in {month}, above the 90% interval of its forecast ({span}): so many had a "
        "chance of {odds}.",
        "{place} : {observed} événements en {month}, au-dessus de l’intervalle à 90 % de la prévision ({span}) ; un "
        "nombre aussi élevé avait {odds}.",
    ),
    "surprise low": (
        "{place} had {observed} events in {month}, below the 90% interval of its forecast ({span}): so few had a "
        "chance of {odds}.",
        "{place} : {observed} événements en {month}, au-dessous de l’intervalle à 90 % de la prévision ({span}) ; un "
        "nombre aussi bas avait {odds}.",
    ),
    "surprise topic": ("Surprise", "Surprise"),
    "odds": ("1 in {n}", "1 chance sur {n}"),
    "odds below": ("less than 1 in {n}", "moins de 1 chance sur {n}"),
    # A country
    "ahead": ("next {months}", "{n} prochains mois"),
    "ahead one": ("next month", "mois prochain"),
    "ahead in": ("in the next {months}", "au cours des {n} prochains mois"),
    "ahead in one": ("in the next month", "au cours du mois prochain"),
    "country": (
        "About {next} events {ahead} ({span}), {verdict}.{record}{deaths}",
        "Environ {next} événements {ahead} ({span}), {verdict}.{record}{deaths}",
    ),
    "country deaths": (
        " Deaths: about {next} ({span}), {last} in the last.",
        " Morts : environ {next} ({span}), {last} sur la période passée.",
    ),
    "few": (
        "Less than one event is expected {ahead} in {names}.",
        "Moins d’un événement attendu {ahead} : {names}.",
    ),
    "few each": (
        "Less than one event each is expected {ahead} in {names}.",
        "Moins d’un événement attendu {ahead} dans chacun de ces pays : {names}.",
    ),
    "elsewhere": ("Elsewhere", "Ailleurs"),
    "past": (
        "{last} in the last {months}, {year} in a usual {n} of the year",
        "{last} au cours des {n} derniers mois, {year} pour {n} mois habituels de l’année",
    ),
    "past one": (
        "{last} in the last month, {year} in a usual month of the year",
        "{last} le mois dernier, {year} pour un mois habituel de l’année",
    ),
    "past only": ("{last} in the last {months}", "{last} au cours des {n} derniers mois"),
    "past only one": ("{last} in the last month", "{last} le mois dernier"),
    "verdict rising": ("rising: {past}", "en hausse : {past}"),
    "verdict easing": ("easing: {past}", "en baisse : {past}"),
    "verdict above the last months": (
        "above the last months only: {past}",
        "au-dessus des derniers mois seulement : {past}",
    ),
    "verdict above the year": ("above the year only: {past}", "au-dessus de l’année seulement : {past}"),
    "verdict much as before": ("much as before: {past}", "à peu près comme avant : {past}"),
    "verdict unknown": ("{past}", "{past}"),
    "record most": (" {month} had the most {since}.", " {month} : le mois le plus violent {since}."),
    "record fewest": (
        " {month} had the fewest {since}.",
        " {month} : le moins d’événements {since}.",
    ),
    "since": ("since {month}", "depuis {month}"),
    "since record": ("on record, from {month}", "depuis le début du relevé ({month})"),
    # A place that breaks out
    "out": ("{events} in {month}", "{events} en {month}"),
    "out above": (
        "above the 90% interval of its forecast ({span})",
        "au-dessus de l’intervalle à 90 % de la prévision ({span})",
    ),
    "out most": ("the most {since}", "le plus {since}"),
    "back": (
        "; {group} recorded there again after {away}",
        " ; {group} : de retour après {away}",
    ),
    "back first": (
        "; {group} recorded there for the first time",
        " ; {group} : première apparition sur place",
    ),
    "worst year": (
        "; its twelve months are the most violent on record",
        " ; ses douze derniers mois sont les plus violents du relevé",
    ),
    "half year": ("{n} and a half years", "{n} ans et demi"),
    "next": (
        "{ahead}: about {next} ({span}); {last} in the last, {year} usual.",
        "{ahead} : environ {next} ({span}) ; {last} sur la période passée, {year} d’habitude.",
    ),
    # Likely to worsen, easing
    "worse": (
        "{in_ten} ({chance}{usual}) that the {ahead} have half as many events again. {next}",
        "{in_ten} ({chance}{usual}) que les {ahead} comptent moitié plus d’événements. {next}",
    ),
    "worse one": (
        "{in_ten} ({chance}{usual}) that the {ahead} has half as many events again. {next}",
        "{in_ten} ({chance}{usual}) que le {ahead} compte moitié plus d’événements. {next}",
    ),
    "usually": ("; usually {share}", " ; d’habitude {share}"),
    "fewer": (
        "{in_ten} ({chance}) that the {ahead} have fewer events than the last. {next}",
        "{in_ten} ({chance}) que les {ahead} comptent moins d’événements que les derniers. {next}",
    ),
    "fewer one": (
        "{in_ten} ({chance}) that the {ahead} has fewer events than the last. {next}",
        "{in_ten} ({chance}) que le {ahead} compte moins d’événements que le dernier. {next}",
    ),
    # Could begin
    "begin group": (
        "{group}, {before}: {odds} within six months{times}.{pressing}",
        "{group}, {before} : {odds} en six mois{times}.{pressing}",
    ),
    "never there": ("never recorded there", "jamais relevé sur place"),
    "not there": ("not there for {away}", "absent depuis {away}"),
    "times usual": (", {n} times the usual", ", {n} fois plus que d’habitude"),
    "begin any": (
        "{quiet}: {in_ten} ({chance}; quiet places usually {usual}) of an event within six months.{pressing}",
        "{quiet} : {in_ten} ({chance} ; lieux calmes d’habitude {usual}) d’un événement en six mois.{pressing}",
    ),
    "begin about": (
        "{quiet}: {odds} (quiet places usually {usual}) of an event within six months.{pressing}",
        "{quiet} : {odds} (lieux calmes d’habitude {usual}) d’un événement en six mois.{pressing}",
    ),
    "never quiet": ("no event on record", "aucun événement au relevé"),
    "quiet for": ("quiet for {months}", "calme depuis {n} mois"),
    "pressing": (" The pressure comes from {place}.", " La pression vient de : {place}."),
    "tenth or more": ("1 in 10 or more", "1 chance sur 10 ou plus"),
    "about": ("about {odds}", "environ {odds}"),
    "tenths": ("about {n} in 10", "environ {n} chances sur 10"),
    "tenths most": ("more than 9 in 10", "plus de 9 chances sur 10"),
    "no number": ("no number", "pas de chiffre"),
    # Records of the classes
    "record breaking out": (
        "Of {cases} such highs in ten years, {came} were followed by {months} above the place’s year.",
        "Sur {cases} pics semblables en dix ans, {came} ont été suivis de {n} mois au-dessus de l’année du lieu.",
    ),
    "record likely to worsen": (
        "Of {cases} times that a place had had three events or more, {came} had half as many again in the {ahead}. "
        "No list made by this rule has been judged yet.",
        "Sur {cases} fois où un lieu avait compté trois événements ou plus, {came} en ont compté moitié plus au cours "
        "des {n} mois suivants. Aucune liste faite selon cette règle n’a encore été évaluée.",
    ),
    "record could begin": (
        "Of {cases} places on earlier lists of armed groups, {came} were entered within six months.",
        "Sur {cases} lieux des listes précédentes, {came} ont vu le groupe armé arriver dans les six mois.",
    ),
    "record could begin any": (
        "Of {cases} quiet places listed first, {came} had an event in six months.",
        "Sur {cases} lieux calmes en tête de liste, {came} ont connu un événement en six mois.",
    ),
    "record easing": (
        "Of {cases} times that a place had had three events or more, {came} fell so far in the {ahead}.",
        "Sur {cases} fois où un lieu avait compté trois événements ou plus, {came} ont autant baissé au cours des {n} "
        "mois suivants.",
    ),
    # The four numbers
    "number total": (
        "events in {month}, {expected} expected (90%: {span})",
        "événements en {month}, {expected} attendus (90 % : {span})",
    ),
    "number regions": (
        "regions with an event or more expected were inside their 80%",
        "régions où au moins un événement était attendu sont restées dans leur intervalle à 80 %",
    ),
    "held of": ("{held} of {all}", "{held} sur {all}"),
    "number better": (
        "better than each region’s own last year, one month ahead",
        "de mieux que la dernière année de chaque région, à un mois",
    ),
    "number worse": (
        "worse than each region’s own last year, one month ahead",
        "de moins bien que la dernière année de chaque région, à un mois",
    ),
    "number coverage": (
        "of outcomes inside the 80% intervals, in the recent past",
        "des résultats récents sont tombés dans l’intervalle à 80 %",
    ),
    # The brief
    "brief title": ("{country}: what to expect, {months}", "{country} : à quoi s’attendre, {months}"),
    "brief dek": (
        "A forecast of violent events from data to the end of {month}. 80% intervals in brackets.",
        "Prévision des événements violents à partir de données allant jusqu’à fin {month}. Intervalles à 80 % entre "
        "parenthèses.",
    ),
    "brief short": ("In short", "En bref"),
    "brief map": (
        "Events expected in {month}; the stronger the colour, the more. Numbers are those of the table.",
        "Événements attendus en {month} ; plus la couleur est forte, plus il y en a. Les numéros sont ceux du tableau.",
    ),
    "brief no map": (
        "There are no polygons for these regions, so no map is drawn.",
        "Ces régions n’ont pas de contours : pas de carte.",
    ),
    "brief where": (
        "Most are expected in {places}: {share} of the country’s {total}.",
        "La plupart sont attendus ici : {places}, soit {share} des {total} du pays.",
    ),
    "brief place": ("{name} ({count})", "{name} ({count})"),
    "brief none": (
        "No event is expected in any of its regions.",
        "Aucun événement n’est attendu dans ses régions.",
    ),
    "brief stands out": ("{name}: {text}", "{name} : {text}"),
    "brief no warning": (
        "None of its regions is on this month’s list of places to look at first.",
        "Aucune de ses régions ne figure sur la liste des lieux à regarder en premier.",
    ),
    "brief regions": ("Its regions, {ahead}", "Ses régions, {ahead}"),
    "column region": ("Region", "Région"),
    "column last": ("Last {n} months", "{n} derniers mois"),
    "column usual": ("Usual", "Habituel"),
    "column expected": ("Expected", "Attendus"),
    "column interval": ("80%", "80 %"),
    "column worse": ("Half as many again", "Moitié plus"),
    "brief watch": (
        "Who may come next, and where it may begin",
        "Qui pourrait arriver, où cela pourrait commencer",
    ),
    "brief watch none": (
        "No entry of an armed group and no onset is listed for this country.",
        "Aucune arrivée de groupe armé ni aucun début de violence n’est sur la liste pour ce pays.",
    ),
    "column who": ("Who", "Qui"),
    "column chance": ("Within six months", "En six mois"),
    "column from": ("Pressed from", "Pression depuis"),
    "anyone": ("violence of any kind, after six quiet months", "toute violence, après six mois calmes"),
    "nowhere": ("nowhere of late", "nulle part récemment"),
    "brief record": ("How such forecasts did", "Le bilan de ces prévisions"),
    "brief judged": (
        "In {month}, {observed} events were recorded where {expected} were expected ({span}, 80%).",
        "En {month}, {observed} événements ont été relevés ; {expected} étaient attendus ({span}, à 80 %).",
    ),
    "brief held": (
        "{held} of its {all} regions were inside their 80% interval.",
        "{held} de ses {all} régions sont restées dans leur intervalle à 80 %.",
    ),
    "brief unjudged": (
        "No earlier forecast of the last month is known.",
        "Aucune prévision antérieure du dernier mois n’est connue.",
    ),
    "brief skill": (
        "Over all regions, forecasts one month ahead were {share} {better}; {coverage} of outcomes were inside the 80% "
        "intervals.",
        "Sur toutes les régions, les prévisions à un mois ont fait {share} {better} ; {coverage} des résultats sont "
        "tombés dans l’intervalle à 80 %.",
    ),
    "better": ("better than each region’s own last year", "de mieux que la dernière année de chaque région"),
    "worse than": (
        "worse than each region’s own last year",
        "de moins bien que la dernière année de chaque région",
    ),
    "brief misuse": (
        "For preparing and protecting, never for targeting places or people, nor for decisions about a person. "
        "Violence that nobody records is not in the figures.",
        "Pour se préparer et protéger, jamais pour cibler des lieux ou des personnes ni pour décider du sort de "
        "quelqu’un. La violence que personne ne relève n’est pas dans les chiffres.",
    ),
    "also learn": (
        r"models also learn from \1 to \2",
        r"les modèles apprennent aussi de \1 jusqu’en \2",
    ),
    "brief source": (
        "Source of events: {source}. Borders are approximate and imply no position. Harmattan {version}, made on "
        "{day}.",
        "Source des événements : {source}. Les frontières sont approximatives et n’impliquent aucune position. "
        "Harmattan {version}, fait le {day}.",
    ),
    "demonstration": (
        "Demonstration on data to {month}, not current.",
        "Démonstration sur des données allant jusqu’en {month}, non actuelles.",
    ),
    "marked": (
        "This forecast is marked {level}: see the full report before use.",
        "Cette prévision est marquée « {level} » : consulter le rapport complet avant usage.",
    ),
    "level amber": ("amber", "orange"),
    "level red": ("red", "rouge"),
    "full report": ("Full report: {name}", "Rapport complet : {name}"),
}


@dataclass(frozen=True)
class Phrases:
    """The catalogue in one language.

    >>> Phrases("fr")("since", month="avril 2022"), Phrases().count(1234.0), Phrases("fr").percent(0.5)
    ('depuis avril 2022', '1,234', '50\\xa0%')
    """

    language: str = "en"

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            what = f"there are no texts in {self.language!r}."
            raise UsageError(what, "--language", f"Choose one of {', '.join(LANGUAGES)}.")

    @property
    def _at(self) -> int:
        return LANGUAGES.index(self.language)

    def __call__(self, key: str, **gaps: object) -> str:
        """One text with its gaps filled."""
        text = TEXTS[key][self._at].format(**gaps)
        return text if self.language == "en" else re.sub(r"(?<=«) | (?=[%:;?!»])", "\u00a0", text)

    def some(self, number: float, noun: str) -> str:
        """A whole number with its noun."""
        one, many = _NOUNS[noun][self._at]
        single = number == 1 if self.language == "en" else number < 2
        return f"{self.whole(number)} {one if single else many}"

    def _number(self, text: str) -> str:
        return text if self.language == "en" else text.translate(_FRENCH_SIGNS).replace("%", "\u00a0%")

    def count(self, value: float) -> str:
        """An expected count; see :func:`.number_format.count`."""
        return self._number(numbers.count(value))

    def whole(self, value: float) -> str:
        """A recorded count."""
        return self._number(numbers.count_whole(value))

    def interval(self, low: float, high: float) -> str:
        """Both ends of an interval."""
        return self._number(numbers.interval(low, high))

    def percent(self, value: float) -> str:
        """A share."""
        return self._number(numbers.percent(value))

    def chance(self, value: float) -> str:
        """A probability from draws, never 0 or 100 %."""
        return self._number(numbers.chance(value))

    def odds(self, value: float) -> str:
        """A small chance as people picture it: one in so many."""
        text = numbers.one_in(value)
        key = "odds below" if text.startswith("below") else "odds"
        return self(key, n=self._number(text.rpartition(" ")[2]))

    def about(self, value: float) -> str:
        """The same, as an estimate; chances of a tenth or more are not told apart."""
        if math.isnan(value):
            return self("no number")
        if value >= 0.1:
            return self("tenth or more")
        odds = self.odds(value)
        return odds if odds == self("odds below", n=self._number("1,000")) else self("about", odds=odds)

    def in_ten(self, value: float) -> str:
        """A chance in tenths; a small one as odds."""
        if value < 0.15:
            odds = self.odds(value)
            return odds if odds == self("odds below", n=self._number("1,000")) else self("about", odds=odds)
        return self("tenths", n=f"{10 * value:.0f}") if value < 0.95 else self("tenths most")

    def month(self, month: pd.Period) -> str:
        """A month with its year."""
        return f"{self.month_alone(month)} {month.year}"

    def month_alone(self, month: pd.Period) -> str:
        """A month without its year."""
        return numbers.MONTHS[month.month - 1] if self.language == "en" else _MONTHS_FR[month.month - 1]

    def span(self, first: pd.Period, last: pd.Period) -> str:
        """Some months in words."""
        if first == last:
            return self.month(first)
        start = self.month_alone(first) if first.year == last.year else self.month(first)
        return f"{start} {'to' if self.language == 'en' else 'à'} {self.month(last)}"

    def country(self, code: str) -> str:
        """A country's name."""
        return country_name(code, self.language)

    def place(self, name: str, code: str) -> str:
        """A region with its country."""
        return f"{name} ({self.country(code)})" if code else name

    def group(self, code: str, labels: Mapping[str, str] | None = None) -> str:
        """An armed group's name: as a release's own table calls it, where that knows it."""
        french = _GROUPS_FR.get(code) if self.language == "fr" else None
        return french or (labels or {}).get(code) or group_name(code)

    def listing(self, items: Sequence[str]) -> str:
        """Items as the language lists them."""
        return (
            numbers.listing(items)
            if self.language == "en"
            else " et ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
        )
