"""What a server has loaded is kept from the collector, which then looks at what requests make, and not too often."""

import gc

from service.bootstrap import settle_memory


def test_what_is_loaded_is_left_alone_and_young_objects_are_not_looked_through_each_few_requests() -> None:
    before = gc.get_threshold()
    try:
        settle_memory()
        assert gc.get_freeze_count() > 0
        assert gc.isenabled()
        assert gc.get_threshold() == (10_000, *before[1:])
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
