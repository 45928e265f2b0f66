"""Training health: what an epoch's losses, gradients, steps and units say of a training, and when it is hopeless."""
