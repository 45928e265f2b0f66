"""Which words mean much the same: a small table of English, or a file of the user's."""

from pathlib import Path

import torch
from torch import Tensor

from trainers.data.dataset import Data
from trainers.space import BadParameter

ENGLISH = """
good, fine, nice, decent
great, excellent, superb, outstanding, wonderful, fantastic, brilliant
bad, poor, lousy, weak
awful, terrible, horrible, dreadful
big, large, huge, vast
small, little, tiny
fast, quick, rapid, swift
slow, sluggish
happy, glad, pleased, delighted
sad, unhappy, gloomy
funny, amusing, hilarious, comical
boring, dull, tedious
beautiful, lovely, pretty, gorgeous
ugly, unsightly
smart, clever, bright, intelligent
stupid, dumb, foolish, silly
easy, simple
hard, difficult, tough
new, recent, fresh
old, ancient, aged
strange, odd, weird, peculiar
true, real, genuine
wrong, incorrect, mistaken
right, correct
important, significant, crucial
interesting, engaging, intriguing
angry, furious, mad
afraid, scared, frightened
tired, weary, exhausted
rich, wealthy
cheap, inexpensive
costly, expensive
whole, entire, complete
main, chief, principal
begin, start, commence
end, finish, conclude
buy, purchase
sell, vend
help, assist, aid
make, create, build
show, display, present
tell, say, state
ask, inquire
answer, reply, respond
look, gaze, stare
see, notice, observe
think, believe, reckon
want, wish, desire
need, require
like, enjoy
love, adore
hate, detest, loathe
try, attempt
use, employ, utilize
get, obtain, receive
give, offer, provide
keep, retain, hold
find, discover, locate
change, alter, modify
fix, repair, mend
break, shatter, smash
movie, film, picture
story, tale, plot
actor, performer
kid, child, youngster
man, guy, fellow
house, home
car, automobile
job, work, task
place, spot, location
part, piece, portion
idea, notion, concept
mistake, error, fault
problem, trouble, issue
result, outcome
very, really, extremely
often, frequently
rarely, seldom
maybe, perhaps, possibly
quickly, rapidly, swiftly
almost, nearly
also, too
"""


def table(data: Data, path: str) -> Tensor:
    """For each word of a vocabulary a row of its synonyms there, repeated to one width; itself where it has none."""
    number = {word: place for place, word in enumerate(data.vocabulary)}
    found: dict[int, list[int]] = {}
    for group in _groups(path):
        known = [number[word] for word in group if word in number]
        for one in known:
            found.setdefault(one, []).extend(other for other in known if other != one)
    rows = [found.get(place) or [place] for place in range(len(data.vocabulary))]
    width = max(map(len, rows))
    return torch.tensor([[row[place % len(row)] for place in range(width)] for row in rows])


def _groups(path: str) -> list[list[str]]:
    lines = ENGLISH.splitlines() if not path else _lines(Path(path).expanduser())
    groups = []
    for place, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        group = [word.strip().lower() for word in line.split(",")]
        if len(group) < 2 or not all(group):
            raise BadParameter(
                "synonyms", f"{path}, line {place}: {line.strip()!r} must be two words or more, a comma between"
            )
        groups.append(group)
    if not groups:
        raise BadParameter("synonyms", f"{path} has no synonyms: write a group of them a line, between commas")
    return groups


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode().splitlines()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadParameter("synonyms", f"{path}, line {line}: this is no UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise BadParameter("synonyms", f"{path} cannot be read: {error.strerror}") from None
