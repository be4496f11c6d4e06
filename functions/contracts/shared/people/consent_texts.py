"""The texts that people agree to, by version and language: the one place where they stand.

The Studio shows the current version, and tests/contract/test_consent_texts.py compares its words
with these. A text that was published never changes: its successor gets a version of its own.
"""

from typing import NamedTuple

CURRENT = "2026-11"
"""Version of the text that the Studio shows, and default of the parameter ConsentTextVersion."""

VALID_DAYS = 365
"""Days for which a consent of the Studio holds."""

EVIDENCE_DAYS = 3 * 365
"""Days for which the record of a consent is kept after its end, as proof that it was given."""


class ConsentText(NamedTuple):
    """What a person reads, and the three statements that they make."""

    text: str
    kept: str
    """``{n}``: days for which the photos are kept."""
    used: str
    marked: str
    deleted: str
    expires: str
    proof: str
    person: str
    purpose: str
    age: str


TEXTS: dict[str, dict[str, ConsentText]] = {
    "2026-11": {
        "en": ConsentText(
            text="A model of a person can draw this person in places where they never were. "
            "So we ask first.",
            kept="The photos are kept for {n} days and are then deleted.",
            used="They are used for this one model only.",
            marked="Every picture carries a mark that says that a machine drew it.",
            deleted="You can withdraw your consent at any time. The model and the photos are then "
            "deleted.",
            expires="Your consent ends after one year. The model is then deleted too.",
            proof="That you have agreed is kept for three years more as proof, without any photo.",
            person="The photos show me, or the person in them has told me that I may do this.",
            purpose="I will not use the pictures to deceive or to hurt anybody.",
            age="Everybody in the photos is 18 or older.",
        ),
        "de": ConsentText(
            text="Ein Modell einer Person kann sie an Orten zeichnen, an denen sie nie war. "
            "Darum fragen wir zuerst.",
            kept="Die Fotos werden {n} Tage aufbewahrt und dann gelöscht.",
            used="Sie werden nur für dieses eine Modell verwendet.",
            marked="Jedes Bild trägt ein Zeichen, dass eine Maschine es gezeichnet hat.",
            deleted="Sie können Ihre Zustimmung jederzeit widerrufen. Das Modell und die Fotos "
            "werden dann gelöscht.",
            expires="Ihre Zustimmung endet nach einem Jahr. Auch dann wird das Modell gelöscht.",
            proof="Dass Sie zugestimmt haben, wird danach noch drei Jahre als Nachweis "
            "aufbewahrt, ohne Foto.",
            person="Die Fotos zeigen mich, oder die Person darauf hat es mir erlaubt.",
            purpose="Ich werde mit den Bildern niemanden täuschen oder verletzen.",
            age="Alle auf den Fotos sind 18 oder älter.",
        ),
        "es": ConsentText(
            text="Un modelo de una persona puede dibujarla en lugares donde nunca estuvo. "
            "Por eso preguntamos primero.",
            kept="Las fotos se guardan {n} días y después se borran.",
            used="Se usan solo para este modelo.",
            marked="Cada imagen lleva una marca que dice que la dibujó una máquina.",
            deleted="Puede retirar su permiso en cualquier momento. Entonces se borran el modelo "
            "y las fotos.",
            expires="Su permiso termina después de un año. Entonces también se borra el modelo.",
            proof="Que usted dio su permiso se guarda tres años más como prueba, sin ninguna foto.",
            person="Las fotos me muestran a mí, o la persona que aparece me ha dado permiso.",
            purpose="No usaré las imágenes para engañar ni para herir a nadie.",
            age="Todas las personas de las fotos tienen 18 años o más.",
        ),
    },
}
"""Version -> language -> text."""


def languages_of(version: str) -> frozenset[str] | None:
    """Return the languages of one of our texts; None for a text of the operator's own.

    >>> sorted(languages_of("2026-11")), languages_of("ours-7")
    (['de', 'en', 'es'], None)
    """
    found = TEXTS.get(version)
    return None if found is None else frozenset(found)
