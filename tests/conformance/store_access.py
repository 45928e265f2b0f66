"""What every store must do with tokens, sessions and the audit log."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.actor import LOCAL, SYSTEM, Actor
from service.domain.audit import AuditQuery, Entry, entry
from service.domain.errors import TokenNotFound
from service.domain.token import Session, Token
from service.domain.trial import Trial
from service.usecases.ports import Transaction
from tests.conformance.samples import FLOATS, MOMENT, TEXTS, Bench, attempt, exact, key

ANNA = Actor("anna", "editor", "0000000000aa")


def token(id: str = "0000000000aa", **fields: Any) -> Token:
    """A token to add."""
    filled: dict[str, Any] = {"name": "anna", "role": "editor", "hash": "f" * 64, "created_by": "local"}
    return Token(id=id, **{**filled, "created_at": MOMENT, **fields})


def session(hash: str = "a" * 64, **fields: Any) -> Session:
    """A session to add."""
    filled: dict[str, Any] = {"token_id": "0000000000aa", "expires_at": MOMENT + timedelta(days=1)}
    return Session(hash=hash, **{**filled, "created_at": MOMENT, **fields})


def signed(object: str = "studies/digits", actor: Actor = ANNA, **fields: Any) -> Entry:
    """An entry to append."""
    return replace(entry(MOMENT, actor, "stop_study", object, {}, "r-1"), **fields)


class TokenConformance:
    """The `Tokens` port, and the holders of attempts."""

    def test_tokens_come_back_as_they_were_given(self, bench: Bench) -> None:
        given = [
            token(),
            token(
                "0000000000bb",
                name="Ω" * 100,
                role="admin",
                created_at=MOMENT + timedelta(microseconds=1),
                expires_at=MOMENT + timedelta(days=1),
                revoked_at=MOMENT + timedelta(days=2),
                last_used_at=MOMENT + timedelta(days=3),
            ),
        ]
        for one in given:
            bench.writing.tokens.add(one)
        assert list(bench.reading.tokens.list()) == given[::-1]
        assert [bench.reading.tokens.get(one.id) for one in given] == given

    def test_there_is_one_token_of_an_id(self, bench: Bench) -> None:
        bench.writing.tokens.add(token())
        with pytest.raises(Exception):  # noqa: B017  # a mistake of ours, of no particular kind
            bench.writing.tokens.add(token(name="other"))
        assert bench.reading.tokens.get(token().id).name == "anna"

    def test_a_token_that_is_not_there(self, bench: Bench) -> None:
        with pytest.raises(TokenNotFound):
            bench.reading.tokens.get("0000000000aa")
        with pytest.raises(TokenNotFound):
            bench.writing.tokens.revoke("0000000000aa")
        assert list(bench.reading.tokens.list()) == []

    def test_a_token_is_revoked_once_by_the_store_s_clock(self, bench: Bench) -> None:
        bench.writing.tokens.add(token())
        bench.writing.tokens.add(token("0000000000bb"))

        def revoke(tx: Transaction) -> tuple[Token, bool]:
            revoked = tx.tokens.revoke("0000000000aa")
            return revoked, revoked.revoked_at == tx.now

        first, of_now = bench.write(revoke)
        assert of_now
        assert bench.write(revoke) == (first, False)
        assert bench.reading.tokens.get("0000000000aa") == first
        assert bench.reading.tokens.get("0000000000bb").revoked_at is None

    def test_the_last_use_never_moves_back(self, bench: Bench) -> None:
        for one in ("0000000000aa", "0000000000bb", "0000000000cc"):
            bench.writing.tokens.add(token(one))
        later = MOMENT + timedelta(minutes=1)
        bench.writing.tokens.used({})
        bench.writing.tokens.used({"0000000000aa": later, "0000000000bb": MOMENT, "nobody": MOMENT})
        bench.writing.tokens.used({"0000000000aa": MOMENT, "0000000000bb": later})
        found = {one.id: one.last_used_at for one in bench.reading.tokens.list()}
        assert found == {"0000000000aa": later, "0000000000bb": later, "0000000000cc": None}

    def test_tokens_that_ended_long_ago_are_pruned_with_their_sessions(self, bench: Bench) -> None:
        old = MOMENT - timedelta(days=1)
        bench.writing.tokens.add(token("0000000000aa", expires_at=old))
        bench.writing.tokens.add(token("0000000000bb", revoked_at=old))
        bench.writing.tokens.add(token("0000000000cc", revoked_at=MOMENT, expires_at=MOMENT))
        bench.writing.tokens.add(token("0000000000dd"))
        for place, one in enumerate(("0000000000aa", "0000000000dd")):
            bench.writing.sessions.add(session(str(place) * 64, token_id=one))
        assert bench.writing.tokens.prune(MOMENT) == 2
        assert {one.id for one in bench.reading.tokens.list()} == {"0000000000cc", "0000000000dd"}
        assert [one.token_id for one in bench.reading.sessions.list()] == ["0000000000dd"]

    def test_an_attempt_knows_its_holder(self, bench: Bench, owner: Trial) -> None:
        bench.writing.attempts.add(attempt(key(owner), holder="0000000000aa"))
        bench.writing.attempts.add(attempt(key(owner, 2)))
        found = bench.reading.attempts.list(owner.study_id, owner.number)
        assert [one.holder for one in found] == ["0000000000aa", None]
        (locked,) = bench.writing.attempts.lock([key(owner)]).values()
        bench.writing.attempts.save([replace(locked, gpu_seconds=1.0)])
        assert bench.reading.attempts.current(owner.study_id, [owner.number])[owner.number].holder is None
        assert bench.reading.attempts.list(owner.study_id, owner.number)[0].holder == "0000000000aa"


class SessionConformance:
    """The `Sessions` port."""

    def test_sessions_come_back_and_end(self, bench: Bench) -> None:
        bench.writing.tokens.add(token())
        given = [session(), session("b" * 64, created_at=MOMENT + timedelta(microseconds=1))]
        for one in given:
            bench.writing.sessions.add(one)
        assert list(bench.reading.sessions.list()) == given
        assert bench.writing.sessions.end("a" * 64)
        assert not bench.writing.sessions.end("a" * 64)
        assert list(bench.reading.sessions.list()) == given[1:]

    def test_a_session_needs_its_token(self, bench: Bench) -> None:
        with pytest.raises(Exception):  # noqa: B017  # a mistake of ours, of no particular kind
            bench.writing.sessions.add(session())
        assert list(bench.reading.sessions.list()) == []

    def test_the_sessions_of_a_token_end_together(self, bench: Bench) -> None:
        for one in ("0000000000aa", "0000000000bb"):
            bench.writing.tokens.add(token(one))
        for sign, one in (("a", "0000000000aa"), ("b", "0000000000aa"), ("c", "0000000000bb")):
            bench.writing.sessions.add(session(sign * 64, token_id=one))
        bench.writing.sessions.end_all("0000000000aa")
        assert [one.hash for one in bench.reading.sessions.list()] == ["c" * 64]

    def test_expired_sessions_are_pruned(self, bench: Bench) -> None:
        bench.writing.tokens.add(token())
        bench.writing.sessions.add(session(expires_at=MOMENT))
        bench.writing.sessions.add(session("b" * 64, expires_at=MOMENT + timedelta(seconds=1)))
        assert bench.writing.sessions.prune(MOMENT) == 0
        assert bench.writing.sessions.prune(MOMENT + timedelta(seconds=1)) == 1
        assert [one.hash for one in bench.reading.sessions.list()] == ["b" * 64]


class AuditConformance:
    """The `AuditLog` port."""

    def test_entries_come_back_newest_first(self, bench: Bench) -> None:
        given = [
            signed(detail={"fields": ["note"], "deep": {"er": [1, None, "ü"]}}),
            signed(actor=LOCAL, request_id=None),
            signed(actor=SYSTEM, at=MOMENT - timedelta(days=1)),
        ]
        for one in given:
            bench.writing.audit.append(replace(one, id=77))
        found = bench.reading.audit.list(AuditQuery())
        assert [replace(one, id=0) for one in found.items] == given[::-1]
        assert not found.more
        ids = [one.id for one in found.items]
        assert ids == sorted(set(ids), reverse=True)

    def test_details_keep_every_value(self, bench: Bench) -> None:
        bench.writing.audit.append(signed(detail={**FLOATS, "texts": list(TEXTS)}))
        (found,) = bench.reading.audit.list(AuditQuery()).items
        assert exact(found.detail) == exact({**FLOATS, "texts": list(TEXTS)})

    def test_pages_follow_one_another(self, bench: Bench) -> None:
        for place in range(5):
            bench.writing.audit.append(signed(f"studies/{place}"))
        seen, before = [], None
        while True:
            page = bench.reading.audit.list(AuditQuery(size=2, before_id=before))
            seen += [one.object for one in page.items]
            if not page.more:
                break
            before = page.items[-1].id
        assert seen == [f"studies/{place}" for place in (4, 3, 2, 1, 0)]

    @pytest.mark.parametrize(
        ("query", "places"),
        [
            ({"actor": "anna"}, [0, 1, 2]),
            ({"actor": "0000000000bb"}, [1]),
            ({"actor": "system"}, [3]),
            ({"actor": "Anna"}, []),
            ({"object": "studies/digits"}, [0, 1]),
            ({"object": "studies/Digits"}, [2]),
            ({"object": "studies/digits/trials/1"}, [1]),
            ({"object": "studies/d%"}, []),
            ({"object": "studies"}, [0, 1, 2, 3]),
            ({"since": MOMENT + timedelta(days=1)}, [2, 3]),
            ({"since": MOMENT + timedelta(days=1), "actor": "anna", "object": "studies"}, [2]),
        ],
    )
    def test_filters(self, bench: Bench, query: dict[str, Any], places: list[int]) -> None:
        given = [
            signed(),
            signed("studies/digits/trials/1", token="0000000000bb"),
            signed("studies/Digits", at=MOMENT + timedelta(days=1)),
            signed("studies/digits2", actor=SYSTEM, at=MOMENT + timedelta(days=2)),
        ]
        for one in given:
            bench.writing.audit.append(one)
        found = bench.reading.audit.list(AuditQuery(**query)).items
        assert [replace(one, id=0) for one in found] == [given[place] for place in reversed(places)]

    def test_old_entries_are_pruned(self, bench: Bench) -> None:
        for days in range(3):
            bench.writing.audit.append(signed(at=MOMENT + timedelta(days=days)))
        assert bench.writing.audit.prune(MOMENT + timedelta(days=2)) == 2
        (left,) = bench.reading.audit.list(AuditQuery()).items
        assert left.at == MOMENT + timedelta(days=2)

    def test_refused_work_leaves_no_entry(self, bench: Bench) -> None:
        def work(tx: Transaction) -> None:
            tx.audit.append(signed())
            raise RuntimeError

        with pytest.raises(RuntimeError):
            bench.write(work)
        bench.reading.audit.append(signed())
        assert bench.reading.audit.list(AuditQuery()).items == ()
