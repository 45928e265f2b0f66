"""Who follows a trail is told what has changed since, as long as that is remembered."""

from service.search.following import Follower
from service.usecases.engine import Track


def test_changes_are_told_once_and_in_order() -> None:
    track, follower = Track(), Follower()
    track.add([7])
    assert follower.changed(track.trail) is None, "what was before he came, nobody told him"
    track.add([5, 3, 5])
    trail = track.trail
    track.add([1])
    assert follower.changed(trail) == [3, 5], "a trail ends where it was taken"
    assert follower.changed(track.trail) == [1]
    assert follower.changed(track.trail) == []


def test_all_must_be_compared_where_the_trail_does_not_lead_on() -> None:
    track, follower = Track(), Follower()
    older = track.trail
    track.add([1])
    follower.changed(track.trail)
    assert follower.changed(older) is None, "it lies behind"
    assert follower.changed(track.trail) == [1]
    assert follower.changed(Track().trail) is None, "it is another"
    assert follower.changed(track.trail) is None, "he has left it"
    assert follower.changed(None) is None


def test_a_track_forgets_in_time_and_says_so() -> None:
    track, near, far = Track(), Follower(), Follower()
    for follower in (near, far):
        follower.changed(track.trail)
    for number in range(30_000):
        track.add([number])
        if number % 100 == 99:
            assert near.changed(track.trail) in ([*range(number - 99, number + 1)], None)
    assert len(track.trail.numbers) < 10_000
    assert far.changed(track.trail) is None
    track.add([5])
    assert (near.changed(track.trail), far.changed(track.trail)) == ([5], [5])
