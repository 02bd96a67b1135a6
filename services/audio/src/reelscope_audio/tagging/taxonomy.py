"""How AudioSet's classes hang together: which are one thing for us, which merely contain others, where they belong.

The rows name the first and last class of a stretch in AudioSet's own order, which every AudioSet model keeps, so the same
rows serve models with 521 or 527 classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Stretch = tuple[str, str]

FAMILIES: Final[tuple[tuple[str, tuple[Stretch, ...]], ...]] = (
    ("Speech", (("Speech", "Babbling"), ("Speech synthesizer", "Speech synthesizer"))),
    ("Shout", (("Shout", "Children shouting"),)),
    ("Laughter", (("Laughter", "Chuckle, chortle"),)),
    ("Crying, sobbing", (("Crying, sobbing", "Wail, moan"),)),
    ("Singing", (("Singing", "Humming"),)),
    ("Breathing", (("Breathing", "Snort"),)),
    ("Cough", (("Cough", "Throat clearing"),)),
    ("Walk, footsteps", (("Run", "Walk, footsteps"),)),
    ("Clapping", (("Hands", "Clapping"), ("Applause", "Applause"))),
    ("Crowd", (("Chatter", "Hubbub, speech noise, speech babble"),)),
    ("Dog", (("Dog", "Whimper (dog)"),)),
    ("Cat", (("Cat", "Caterwaul"),)),
    ("Horse", (("Horse", "Neigh, whinny"),)),
    ("Cattle, bovinae", (("Cattle, bovinae", "Cowbell"),)),
    ("Pig", (("Pig", "Oink"),)),
    ("Sheep", (("Goat", "Sheep"),)),
    ("Chicken, rooster", (("Chicken, rooster", "Crowing, cock-a-doodle-doo"),)),
    ("Duck", (("Duck", "Quack"),)),
    ("Goose", (("Goose", "Honk"),)),
    ("Bird", (("Bird", "Bird flight, flapping wings"),)),
    ("Insect", (("Insect", "Bee, wasp, etc."),)),
    ("Frog", (("Frog", "Croak"),)),
    ("Guitar", (("Guitar", "Strum"),)),
    ("Piano", (("Piano", "Electric piano"),)),
    ("Organ", (("Organ", "Hammond organ"),)),
    ("Synthesizer", (("Synthesizer", "Sampler"),)),
    ("Drum", (("Percussion", "Bass drum"), ("Cymbal", "Hi-hat"))),
    ("Brass instrument", (("Brass instrument", "Trombone"),)),
    ("Bowed string instrument", (("Bowed string instrument", "Double bass"),)),
    ("Bell", (("Bell", "Jingle bell"), ("Chime", "Change ringing (campanology)"))),
    ("Wind", (("Wind", "Wind"), ("Wind noise (microphone)", "Wind noise (microphone)"))),
    ("Thunder", (("Thunderstorm", "Thunder"),)),
    ("Rain", (("Rain", "Rain on surface"),)),
    ("Stream", (("Stream", "Waterfall"),)),
    ("Ocean", (("Ocean", "Waves, surf"),)),
    ("Fire", (("Fire", "Crackle"),)),
    ("Boat, Water vehicle", (("Boat, Water vehicle", "Ship"),)),
    ("Car", (("Car", "Car"), ("Power windows, electric windows", "Race car, auto racing"))),
    (
        "Vehicle horn, car horn, honking",
        (("Vehicle horn, car horn, honking", "Toot"), ("Air horn, truck horn", "Air horn, truck horn")),
    ),
    ("Truck", (("Truck", "Air brake"), ("Bus", "Bus"))),
    (
        "Siren",
        (("Emergency vehicle", "Fire engine, fire truck (siren)"), ("Siren", "Civil defense siren")),
    ),
    ("Train", (("Rail transport", "Train wheels squealing"), ("Subway, metro, underground", "Subway, metro, underground"))),
    ("Aircraft", (("Aircraft", "Jet engine"), ("Propeller, airscrew", "Fixed-wing aircraft, airplane"))),
    (
        "Engine",
        (("Engine", "Light engine (high frequency)"), ("Medium engine (mid frequency)", "Accelerating, revving, vroom")),
    ),
    ("Door", (("Door", "Door"), ("Sliding door", "Slam"), ("Cupboard open or close", "Drawer open or close"))),
    ("Doorbell", (("Doorbell", "Ding-dong"),)),
    ("Knock", (("Knock", "Tap"),)),
    ("Dishes, pots, and pans", (("Dishes, pots, and pans", "Cutlery, silverware"),)),
    ("Water tap, faucet", (("Water tap, faucet", "Bathtub (filling or washing)"),)),
    ("Typing", (("Typing", "Computer keyboard"),)),
    ("Telephone", (("Telephone", "Busy signal"),)),
    ("Fire alarm", (("Smoke detector, smoke alarm", "Fire alarm"),)),
    ("Clock", (("Clock", "Tick-tock"),)),
    ("Camera", (("Camera", "Single-lens reflex camera"),)),
    ("Drill", (("Power tool", "Drill"),)),
    ("Gunshot, gunfire", (("Gunshot, gunfire", "Cap gun"),)),
    ("Fireworks", (("Fireworks", "Firecracker"),)),
    ("Explosion", (("Explosion", "Explosion"), ("Burst, pop", "Boom"))),
    ("Glass", (("Glass", "Shatter"),)),
    ("Pour", (("Pour", "Fill (with liquid)"),)),
    ("White noise", (("Static", "Static"), ("White noise", "Pink noise"))),
)
"""Classes that are reported under one name: the network's finer choice (police car or ambulance, bark or yip) is a guess."""

CONTAINERS: Final[tuple[tuple[str, tuple[Stretch, ...]], ...]] = (
    ("Animal", (("Domestic animals, pets", "Whale vocalization"),)),
    ("Domestic animals, pets", (("Dog", "Caterwaul"),)),
    ("Livestock, farm animals, working animals", (("Horse", "Honk"),)),
    ("Fowl", (("Chicken, rooster", "Honk"),)),
    ("Wild animals", (("Roaring cats (lions, tigers)", "Whale vocalization"),)),
    ("Canidae, dogs, wolves", (("Dog", "Whimper (dog)"),)),
    ("Rodents, rats, mice", (("Mouse", "Patter"),)),
    ("Musical instrument", (("Plucked string instrument", "Scratching (performance technique)"),)),
    ("Plucked string instrument", (("Guitar", "Ukulele"), ("Harp", "Harp"))),
    ("Keyboard (musical)", (("Piano", "Harpsichord"),)),
    ("Wind instrument, woodwind instrument", (("Flute", "Clarinet"),)),
    ("Water", (("Thunderstorm", "Gurgling"), ("Liquid", "Boiling"), ("Water tap, faucet", "Toilet flush"))),
    ("Liquid", (("Splash, splatter", "Boiling"), ("Rain", "Waves, surf"))),
    ("Vehicle", (("Boat, Water vehicle", "Accelerating, revving, vroom"), ("Siren", "Civil defense siren"))),
    ("Motor vehicle (road)", (("Car", "Traffic noise, roadway noise"), ("Siren", "Civil defense siren"))),
    ("Alarm", (("Telephone", "Foghorn"), ("Car alarm", "Car alarm"))),
    ("Mechanisms", (("Ratchet, pawl", "Single-lens reflex camera"),)),
    ("Tools", (("Hammer", "Drill"),)),
)
"""Classes that say nothing beside one of those that they contain."""

NO_EVENTS: Final[tuple[Stretch, ...]] = (
    ("Pop music", "Scary music"),
    ("Silence", "Silence"),
    ("Sound effect", "Sound effect"),
    ("Inside, small room", "Echo"),
    ("Environmental noise", "Environmental noise"),
    ("Sidetone", "Sidetone"),
    ("Field recording", "Field recording"),
)
"""What is no event: styles and moods of music, places, rooms."""

ONCE: Final = {"Car alarm": "Vehicle horn, car horn, honking"}
"""What a sound is called if it is heard only once: an alarm sounds the car's horn again and again."""

ONCE_S: Final = 1.5
"""So long at most: alarms repeat faster."""

SPEECH: Final[tuple[Stretch, ...]] = (("Speech", "Whispering"),)
MUSIC: Final[tuple[Stretch, ...]] = (("Singing", "Humming"), ("Music", "Scary music"))
NOISE: Final[tuple[Stretch, ...]] = (("Noise", "Noise"), ("Static", "Mains hum"), ("White noise", "Pink noise"))
SILENCE: Final[tuple[Stretch, ...]] = (("Silence", "Silence"),)
GENRES: Final[tuple[Stretch, ...]] = (("Pop music", "Independent music"), ("Dance music", "Dance music"))
MOODS: Final[tuple[Stretch, ...]] = (("Happy music", "Scary music"),)
INDOOR: Final[tuple[Stretch, ...]] = (("Inside, small room", "Inside, public space"),)
OUTDOOR: Final[tuple[Stretch, ...]] = (("Outside, urban or manmade", "Outside, rural or natural"),)

AMBIENCES: Final[tuple[tuple[str, tuple[Stretch, ...]], ...]] = (
    ("speech", SPEECH),
    ("music", MUSIC),
    ("crowd", (("Cheering", "Children playing"), ("Laughter", "Chuckle, chortle"))),
    ("animals", (("Animal", "Whale vocalization"),)),
    ("nature", (("Wind", "Crackle"),)),
    ("urban", (("Vehicle", "Skateboard"), ("Siren", "Civil defense siren"), ("Explosion", "Boom"))),
    ("machines", (("Engine", "Accelerating, revving, vroom"), ("Mechanisms", "Drill"))),
    ("domestic", (("Door", "Writing"), ("Telephone", "Alarm clock"), ("Glass", "Shatter"), ("Liquid", "Boiling"))),
)
"""Where the classes belong; what belongs nowhere says nothing of the ambience."""


@dataclass(frozen=True, slots=True)
class Family:
    """Classes that are reported as one.

    Attributes:
        label: Index of the class that names it.
        members: Indices, the label's among them.
        covered_by: Indices of the classes beside which it says nothing.
    """

    label: int
    members: tuple[int, ...]
    covered_by: frozenset[int] = frozenset()


def expand(stretches: Sequence[Stretch], names: Sequence[str]) -> tuple[int, ...]:
    """Indices of the classes in some stretches; a stretch that the model's classes do not have is left out."""
    at = {name: index for index, name in enumerate(names)}
    return tuple(index for first, last in stretches if first in at and last in at for index in range(at[first], at[last] + 1))


def families(names: Sequence[str]) -> tuple[Family, ...]:
    """All families of a model's classes: those of `FAMILIES`, the containers, and each other class by itself."""
    at = {name: index for index, name in enumerate(names)}
    taken = set(expand(NO_EVENTS, names))
    found: list[Family] = []
    for label, stretches in FAMILIES:
        members = tuple(index for index in expand(stretches, names) if index not in taken)
        if label in at and at[label] in members:
            found.append(Family(at[label], members))
            taken.update(members)
    contents = dict(CONTAINERS)
    for index, name in enumerate(names):
        if index not in taken:
            covered_by = frozenset(expand(contents.get(name, ()), names))
            found.append(Family(index, (index,), covered_by - {index}))
    return tuple(found)
