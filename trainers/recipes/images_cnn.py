"""Pictures by a convolutional network: a folder of your own, an npz file, MNIST's idx files, CIFAR-10's binaries."""

from trainers import chosen, crossvalidation, finish, supervised
from trainers.api import Trial, refits
from trainers.data import catalog
from trainers.models import catalog as models
from trainers.proposal import arranged
from trainers.techniques import preparing

DATA = ("digits", "image-folder", "npz", "mnist", "cifar10")
NETWORKS = ("cnn", "vgg", "inception", "resnet", "densenet")
DIMENSIONS = arranged(
    (
        catalog.data_choice(*DATA, default="digits"),
        *supervised.dimensions(*supervised.CLASSES),
        *preparing.IMAGES,
        *crossvalidation.DIMENSIONS,
        *catalog.dimensions(*DATA),
        *models.choice_of(*NETWORKS, default="cnn"),
    ),
    defaults={"learning_rate": 3e-3, "epochs": 20, "batch_size": 64},
    searched={"learning_rate", "weight_decay", "dropout", "batch_size", "width", "aug_translate", "aug_rotate"},
)


@refits
def train(trial: Trial) -> dict[str, float]:
    """Train one network, or one for each fold."""
    given = chosen.read(DIMENSIONS, params=trial.params, settings=trial.settings, log=trial.log)
    if trial.purpose == "refit":
        return finish.refit(trial, given, models.MODELS[given.text("model")], given.text("data"))
    return crossvalidation.train(trial, given, models.MODELS[given.text("model")], given.text("data"))
