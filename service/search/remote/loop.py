"""What the other process does: it keeps copies of histories up to date, and has its engine answer calls."""

import traceback
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

from service.search.ahead import load
from service.search.engine import OptunaEngine
from service.search.remote.changes import Copy
from service.search.remote.messages import Answer, Begin, Call, Forget, Key, Load, Ready, Update
from service.usecases.engine import Exhausted


def serve(receive: Callable[[], Any], send: Callable[[Answer | Ready], None]) -> None:
    """Take one message after the other, until `receive` raises."""
    engine = OptunaEngine()
    send(Ready())
    copies: dict[Key, Copy] = {}
    while True:
        message: Begin | Load | Update | Forget | Call = receive()
        match message:
            case Begin(options):
                engine = OptunaEngine(**options)
            case Load(modules):
                load(modules)
            case Update(key, changes):
                copies.setdefault(key, Copy()).take(changes)
            case Forget(key):
                copies.pop(key, None)
            case Call():
                send(_answer(engine, copies.setdefault(message.key, Copy()), message))


def _answer(engine: OptunaEngine, copy: Copy, call: Call) -> Answer:
    try:
        return Answer(getattr(engine, call.method)(copy.history(call.study, call.system), *call.given))
    except Exhausted:
        return Answer(raised=Exhausted())
    except Exception as error:  # noqa: BLE001  # it is raised again where the call was made
        return Answer(raised=_portable(error))


def _portable(error: Exception) -> Exception:
    """The error in a form that can travel, with the place where it was raised."""
    where = traceback.format_exc()
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # noqa: BLE001  # an exception may hold anything, and may not know how to be made again
        return RuntimeError(f"{type(error).__name__}: {error}\n\n{where}")
    error.add_note(where)
    return error
