"""What the API is given for workers: a place for their checkpoints, and a worker for requests to meet."""

from uuid import uuid4

from service.artifacts.remote import RemoteArtifacts
from service.http.worker_examples import NEW, WORKER
from service.store.memory.store import utc_now
from service.usecases import workers
from service.usecases.keeping import Keeper
from service.usecases.ports import Store, Transaction
from service.wire.worker import NewWorker


def keeper(store: Store) -> Keeper:
    """Checkpoints in memory."""
    return Keeper(store, RemoteArtifacts(f"memory://api/{uuid4().hex}", utc_now), ttl_seconds=60)


def introduce(tx: Transaction) -> None:
    """The worker of the document's own examples."""
    new = NewWorker.model_validate(NEW["a node with one GPU"]["value"])
    workers.register(tx, WORKER.id, new, ttl_seconds=3_600)
