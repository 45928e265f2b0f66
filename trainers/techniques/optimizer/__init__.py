"""Optimizers: how a step is made of a gradient. Each makes a torch.optim.Optimizer of groups of parameters."""
