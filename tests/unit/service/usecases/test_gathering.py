"""Calls that wait for one another go on together; one that is given up holds up nobody."""

import asyncio

from service.usecases.gathering import Gathering


def test_all_who_come_meanwhile_go_on_together() -> None:
    async def scene() -> list[str]:
        gathering, order = Gathering(0.05), list[str]()

        async def one(name: str) -> None:
            order.append(f"{name} comes")
            await gathering.wait()
            order.append(f"{name} goes")

        first = [asyncio.create_task(one(name)) for name in "abc"]
        await asyncio.sleep(0)
        first[0].cancel()
        await asyncio.gather(*first, return_exceptions=True)
        await one("d")
        return order

    order = asyncio.run(scene())
    assert order == ["a comes", "b comes", "c comes", "b goes", "c goes", "d comes", "d goes"]
